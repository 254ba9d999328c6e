"""A server that answers with the client's address as Daypass sees it: granian, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.http.proxies import TrustedProxies, client_address, is_https
from config import Settings
from tests.drivers.raw import Answer
from tests.drivers.server import free_port

PATIENCE_SECONDS = 20


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """What granian serves; the settings are in its environment."""
    header = os.environ["FORWARDED_HEADER"]
    settings = Settings(trusted_proxies=os.environ["TRUSTED_PROXIES"], forwarded_header=header)
    proxies = TrustedProxies(settings.proxies, settings.trusts_unix_peers, settings.forwarded_header)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([client_address(environ, proxies), is_https(environ, proxies)]).encode()]


class AddressServer:
    """It listens on a socket in `folder`, or on a port of all addresses."""

    def __init__(self, folder: Path, trusted_proxies: str, header: str = "x-forwarded-for", unix: bool = False) -> None:
        self._path, self._port = (folder / "granian.sock" if unix else None), free_port()
        where = ["--uds", str(self._path)] if unix else ["--host", "::", "--port", str(self._port)]
        environment = {**os.environ, "TRUSTED_PROXIES": trusted_proxies, "FORWARDED_HEADER": header}
        words = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "1", "--no-ws", *where]
        self._log = (folder / "granian.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "granian", *words, "tests.drivers.addresses:application"],
            env=environment, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def __enter__(self) -> "AddressServer":
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._connect("127.0.0.1").close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, Path(self._log.name).read_text()
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._log.close()

    def ask(self, *lines: str, over: str = "127.0.0.1") -> tuple[str | None, bool]:
        """Address and whether HTTPS, for a request with these header lines to this address of the machine."""
        head = "\r\n".join(("GET / HTTP/1.1", "Host: x", "Connection: close", *lines))
        with self._connect(over) as connection:
            connection.sendall(f"{head}\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        address, over_https = json.loads(Answer.of(received).body)
        return address, over_https

    def _connect(self, over: str) -> socket.socket:
        if self._path is None:
            return socket.create_connection((over, self._port), timeout=5)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        return connection
