"""Server processes: started on a free port, waited for, stopped. Every one is granian with one worker."""

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import psutil
import requests

from bench.environment import ROOT, Checkout, free_port
from bench.installations import Installation
from bench.load import cpu_time
from bench.serve import LOG_LEVEL, THREADS

START_TIMEOUT_SECONDS = 60


class Server:
    """A server in processes of its own, within a ``with``; `log` is where its output goes."""

    def __init__(
        self,
        checkout: Checkout,
        command: list[str],
        environment: dict[str, str],
        port: int,
        log: Path,
        ready: str,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._checkout = checkout
        self._command = command
        self._environment = environment
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        with self._log.open("ab") as log:
            self._process = self._checkout.start(self._command, self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
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

    @property
    def pid(self) -> int:
        """The process that started the worker."""
        assert self._process is not None
        return self._process.pid

    def worker_memory(self) -> float:
        """Megabytes (10^6) of resident memory of the worker."""
        # Its other child tracks what the processes share, and is small.
        return max(child.memory_info().rss for child in psutil.Process(self.pid).children()) / 1e6

    def cpu_time(self) -> float:
        """Seconds of CPU time of all processes of the server, from their start."""
        return cpu_time(self.pid)

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
            self._process.wait(START_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serving(application: str, folder: Path, **environment: str) -> Server:
    """A server of one of the ``bench.apps``."""
    port = free_port()
    return Server(
        Checkout(ROOT), ["bench.serve", application, str(port)], environment, port, folder / "server.log", "/"
    )


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
    log = installation.folder / "server.log"
    return Server(installation.checkout, ["app", "serve"], environment, port, log, "/readyz")
