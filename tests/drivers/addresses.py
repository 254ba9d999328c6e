"""A server that answers with the client's address as Daypass sees it: granian on a Unix socket, in its own process."""

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
from config.settings import FORWARDED_HEADERS
from tests.drivers.raw import Answer
from tests.patience import PATIENCE_SECONDS


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """What granian serves: for each header that can be believed, the address and whether over HTTPS."""
    settings = Settings(trusted_proxies=os.environ["TRUSTED_PROXIES"])
    answer = {}
    for header in FORWARDED_HEADERS:
        proxies = TrustedProxies(settings.proxies, settings.trusts_unix_peers, header)
        answer[header] = [client_address(environ, proxies), is_https(environ, proxies)]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


class AddressServer:
    """It listens on a socket in `folder`."""

    def __init__(self, folder: Path, trusted_proxies: str) -> None:
        self._path = str(folder / "granian.sock")
        self._log = (folder / "granian.log").open("wb")
        words = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "1", "--no-ws", "--uds", self._path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "granian", *words, "tests.drivers.addresses:application"],
            env={**os.environ, "TRUSTED_PROXIES": trusted_proxies}, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def __enter__(self) -> "AddressServer":
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._connect().close()
                return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, Path(self._log.name).read_text()
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._log.close()

    def ask(self, *lines: str, header: str = "x-forwarded-for") -> tuple[str | None, bool]:
        """Address and whether HTTPS, by that header, for a request with these header lines."""
        head = "\r\n".join(("GET / HTTP/1.1", "Host: x", "Connection: close", *lines))
        with self._connect() as connection:
            connection.sendall(f"{head}\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        address, over_https = json.loads(Answer.of(received).body)[header]
        return address, over_https

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_SECONDS)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection
