"""Load at a fixed rate (an open loop), by the program of ``paced.c``: what latencies are at less than full speed."""

import shutil
import struct
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import Load, Measured, NoLoad, Target

SOURCE = Path(__file__).with_name("paced.c")

CONNECTIONS = 64
"""More than the server has threads, so that requests wait in the server, and not for a connection."""


def require_compiler() -> None:
    """Refuse with :class:`NoLoad` where there is no C compiler."""
    if shutil.which("cc") is None:
        raise NoLoad("There is no C compiler: apt-get install gcc libc6-dev")


def compiled(folder: Path) -> Path:
    """The program, compiled into `folder`."""
    program = folder / "paced"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE), "-lm"], check=True)
    return program


def drive_paced(program: Path, target: Target, rate: float, seconds: float, connections: int = CONNECTIONS) -> Measured:
    """Send `rate` requests a second for that long; a latency counts from when its request was due."""
    requests = program.with_name("requests.bin")
    write_requests(target, requests)
    port = str(urlsplit(target.url).port)
    command = [str(program), port, f"{rate:.3f}", f"{seconds:g}", str(connections), str(requests)]
    return Load.begin(command, target).finish()


def write_requests(target: Target, path: Path) -> None:
    """The same requests as ``load.lua`` prepares, each after its length."""
    with path.open("wb") as file:
        for token in target.tokens.read_text().split():
            request = _request(target, token).encode()
            file.write(struct.pack("=I", len(request)) + request)


def _request(target: Target, token: str) -> str:
    address, carrier = urlsplit(target.url), target.carrier
    value = carrier.before if carrier.body else carrier.before + token
    headers = {"Host": address.netloc} | ({carrier.name: value} if carrier.name else {})
    body = carrier.body.replace("%s", token)
    if body:
        headers |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    lines = [
        f"{'POST' if body else 'GET'} {address.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", body])
