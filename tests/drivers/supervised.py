"""A supervisor whose workers serve a small application: what `daypass serve` does, without Daypass.

``python -m tests.drivers.supervised WORKERS ADDRESS``, where the address is a port or the path of a Unix socket.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from app import logs
from app.server import CannotServe, worker
from app.server.activation import listener_from_systemd
from app.server.listening import tcp_listener
from app.server.supervisor import Supervisor
from app.server.unix_socket import unix_listener
from tests.patience import PATIENCE_SECONDS

APPLICATION = """
import json, os, pathlib
if pathlib.Path(__file__).with_name("broken").exists():
    raise RuntimeError("the file is there")
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([os.getpid(), environ["REMOTE_ADDR"], environ.get("LISTEN_FDS")]).encode()]
"""


class Supervised:
    """The process, in a folder of its own, and what it has logged. While `broken` exists, no worker starts."""

    def __init__(self, folder: Path, address: str, workers: int = 2, *before: str) -> None:
        (folder / "small_application.py").write_text(APPLICATION)
        self.broken = folder / "broken"
        self._log = folder / "supervised.log"
        self._log.touch()
        self._words = [*before, sys.executable, "-m", __spec__.name, str(workers), address]
        self._folder = folder
        self.workers = workers

    def __enter__(self) -> "Supervised":
        self.start()
        self.until_events("worker_serves", self.workers)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, **options: Any) -> None:
        environment = os.environ | {"PYTHONPATH": f"{self._folder}{os.pathsep}{Path.cwd()}"}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._words, stdout=log, stderr=log, env=environment, **options)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        return self._log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if line["event"] == name]

    def pids(self) -> dict[int, int]:
        """The process of each worker that serves or has served last."""
        return {event["worker"]: event["pid"] for event in self.events("worker_serves")}

    def until_events(self, name: str, count: int) -> None:
        self.until(lambda: len(self.events(name)) >= count)

    def until(self, is_true: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)


def main(workers: int, address: str) -> None:
    logs.configure("INFO")
    try:
        listener = listener_from_systemd() or (
            tcp_listener("127.0.0.1", int(address)) if address.isdigit() else unix_listener(Path(address), 0o640)
        )
        plan = worker.Plan(listener.source, workers, 4, "INFO", "small_application:application")
        run = partial(worker.run, plan)
        Supervisor(
            run, workers, 5, descriptors=listener.descriptors, when_serving=lambda: None, before_stop=listener.close
        ).run()
    except CannotServe as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
