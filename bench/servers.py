"""Server processes: started on a free port, waited for, looked at, stopped.

Every one is granian with one worker. Not here: what they serve (``bench.apps``, ``app``), and their databases.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil
import requests

from bench.installations import Installation
from bench.serve import LOG_LEVEL, THREADS
from bench.surroundings import ROOT, clean_environment, free_port

PATIENCE_SECONDS = 60


class Server:
    """A server in processes of its own, within a ``with``; `log` is where its output goes."""

    def __init__(self, command: list[str], environment: dict[str, str], port: int, log: Path, ready: str = "/") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        self._environment = clean_environment() | environment
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise RuntimeError(f"{' '.join(self._command)} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.01)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()

    def worker_memory(self) -> float:
        """Megabytes (10^6) of resident memory of the worker."""
        assert self._process is not None
        # Its other child keeps track of what the processes share, and is small.
        return max(child.memory_info().rss for child in psutil.Process(self._process.pid).children()) / 1e6

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + self._ready, timeout=5).status_code < 500
        except requests.RequestException:
            return False

    def _stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serving(application: str, folder: Path, **environment: str) -> Server:
    """A server of one of the ``bench.apps``."""
    port = free_port()
    return Server(["bench.serve", application, str(port)], environment, port, folder / "server.log")


def serving_daypass(installation: Installation) -> Server:
    """``daypass serve`` on an installation: one worker, no jobs."""
    port = free_port()
    environment = installation.environment | {
        "DAYPASS_PORT": str(port),
        "DAYPASS_WORKERS": "1",
        "DAYPASS_THREADS": str(THREADS),
        "DAYPASS_SCHEDULER": "off",
        "DAYPASS_LOG_LEVEL": LOG_LEVEL,
    }
    return Server(["app", "serve"], environment, port, installation.folder / "server.log", "/readyz")
