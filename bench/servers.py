"""Server processes: started on a free port, waited for, stopped."""

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import psutil
import requests

from bench.cpu import cpu_time
from bench.environment import ROOT, Checkout, Program, free_port
from bench.installations import Installation
from bench.serve import LOG_LEVEL

START_TIMEOUT_SECONDS = 300
"""Keycloak makes its tables at its first start, which takes a minute on a busy machine."""


class Server:
    """A server in processes of its own, within a ``with``.

    `log`: where its output goes. `ready`: the address that is answered once it serves.
    """

    def __init__(self, program: Program, port: int, log: Path, ready: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._program = program
        self._log = log
        self._ready = ready if ready.startswith("http") else self.url + ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        with self._log.open("ab") as log:
            self._process = self._program.start(stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise RuntimeError(f"{' '.join(self._program.command)} did not start:\n{self._log.read_text()[-3000:]}")
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
            return requests.get(self._ready, timeout=5).status_code < 500
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
    """A server of one of the ``bench.apps``: granian with one worker."""
    port = free_port()
    program = Checkout(ROOT).program(["bench.serve", application, str(port)], environment)
    return Server(program, port, folder / "server.log", "/")


ABSENT = Path(__file__).with_name("absent")
"""Packages of developers that libraries of a server import where they find them, and a server does not have."""


def serving_daypass(installation: Installation, workers: int = 1) -> Server:
    """``daypass serve`` on an installation, without jobs, with the packages of ``requirements/run.txt`` alone."""
    port = free_port()
    environment = installation.environment | {
        "PYTHONPATH": f"{installation.checkout.folder}:{ABSENT}",
        "DAYPASS_PORT": str(port),
        "DAYPASS_WORKERS": str(workers),
        "DAYPASS_SCHEDULER": "off",
        "DAYPASS_LOG_LEVEL": LOG_LEVEL,
    }
    program = installation.checkout.program(["app", "serve"], environment)
    return Server(program, port, installation.folder / "server.log", "/readyz")
