"""A real server: ``daypass serve`` in a process of its own, as a user would start it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from tests.databases import KEYS
from tests.patience import PATIENCE_SECONDS

START_SECONDS = 120
"""Its imports alone took half a minute on two cores with fifteen other programs."""

PORTS = range(12_000, 32_000)
"""Linux gives connections 32768 to 60999, macOS and Windows 49152 and more."""


class LiveServer:
    """Starts the server on a free port and stops it with SIGTERM; commands run on the same instance."""

    def __init__(self, database_url: str, folder: Path, workers: int = 2, **environment: str) -> None:
        self.folder = folder
        self.options: Sequence[str] = ()
        self.run_as: Sequence[str] = ()
        """A program, with its arguments, that starts the server and the commands, such as setpriv."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        ring = ",".join(f"{key}:{value.hex()}" for key, value in KEYS.token_keys.items())
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DAYPASS_")}
        self.environment = clean | {
            "DAYPASS_INSTANCE": str(folder),
            "DAYPASS_DATABASE_URL": database_url,
            "DAYPASS_PORT": str(self.port),
            "DAYPASS_WORKERS": str(workers),
            "DAYPASS_TOKEN_KEYS": ring,
            "DAYPASS_PASSWORD_PEPPER": KEYS.pepper.hex(),
            "DAYPASS_BCRYPT_COST": "10",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LiveServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until all its workers have."""
        before = self.log().count("Started worker")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.run_as, sys.executable, "-m", "app", "serve", *self.options],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        expected = before + int(self.environment["DAYPASS_WORKERS"])
        deadline = time.monotonic() + START_SECONDS
        while self.log().count("Started worker") < expected or not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()  # nobody else would, for the with block was never entered
                raise AssertionError(f"the server did not start:\n{self.log()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        with suppress(requests.ConnectionError):
            return bool(requests.get(f"{self.url}/readyz", timeout=60).json()["ready"])
        return False

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self.process = None
        return code

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a `daypass` command on this instance, whatever its exit code."""
        return subprocess.run(
            [*self.run_as, sys.executable, "-m", "app", *words],
            env=self.environment, input=stdin, capture_output=True, text=True, timeout=START_SECONDS, check=False,
        )  # fmt: skip

    def json(self, *words: str, stdin: str = "") -> Any:
        """Run a `daypass` command that must succeed; its answer as JSON."""
        done = self.command(*words, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def free_port() -> int:
    """One that nobody listens on, nor gets before it is used: below those that the system gives to connections."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is closing does not matter
            probe.bind(("127.0.0.1", port))
            return port
