"""The supervisor: when it gives up before any worker has served, and that it always ends."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from app import logs
from app.server import CannotServe
from app.server.processes import SERVES, Worker, WorkerTarget, start_worker
from app.server.supervisor import Supervisor

PATIENCE_SECONDS = 0.3
NOT_IN_TIME = "it did not serve within 60 seconds"


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def supervisor(work: partial[NoReturn], when_serving: Callable[[], None] = stop) -> Supervisor:
    """It stops as soon as a worker serves."""
    return Supervisor(work, 1, PATIENCE_SECONDS, descriptors=(), before_stop=lambda: None, when_serving=when_serving)


def serve_after_kills(folder: Path, kills: int, number: int, reports: int) -> NoReturn:
    """A worker of which so many are killed while they start."""
    if len([*folder.iterdir()]) < kills:
        (folder / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    report_and_go_on(number, reports)


def report_and_go_on(_number: int, reports: int) -> NoReturn:
    """A worker that reports a second time when it is asked to stop, and does not stop."""
    signal.signal(signal.SIGTERM, lambda *_: os.write(reports, SERVES))
    os.write(reports, SERVES)
    while True:
        time.sleep(60)


def hang(_number: int, _reports: int) -> NoReturn:
    while True:
        time.sleep(60)


def serve_and_reload(_number: int, reports: int) -> NoReturn:
    """A worker that asks its supervisor again and again for a successor."""
    os.write(reports, SERVES)
    while True:
        os.kill(os.getppid(), signal.SIGHUP)
        time.sleep(0.1)


def test_workers_that_are_killed_while_they_start_come_back(tmp_path: Path) -> None:
    """Fails when one death before the first worker has served ends the service."""
    supervisor(partial(serve_after_kills, tmp_path, 2)).run()
    assert len([*tmp_path.iterdir()]) == 2


def test_workers_that_always_end_with_a_signal_before_they_serve_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.supervisor.PAUSES_SECONDS", (0,))
    with pytest.raises(CannotServe, match=r"^no worker starts \(SIGKILL\)"):
        supervisor(partial(serve_after_kills, tmp_path, 100)).run()
    assert len([*tmp_path.iterdir()]) == 5


def test_a_worker_that_does_not_stop_is_killed_even_if_it_reports_meanwhile() -> None:
    """Fails when a report is not read while the supervisor stops: it would wait for ever, at full speed."""
    supervisor(partial(report_and_go_on)).run()


def test_a_successor_that_hangs_is_killed_so_that_the_next_reload_has_an_effect(
    monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    started: list[Worker] = []

    def start(target: WorkerTarget, *given: Any) -> Worker:
        worker = start_worker(hang if len(started) == 1 else target, *given)
        started.append(worker)
        if len(started) == 2:
            worker.serve_by = time.monotonic()
        if len(started) == 3:
            stop()
        return worker

    monkeypatch.setattr("app.server.supervisor.start_worker", start)
    logs.configure("INFO")
    supervisor(partial(serve_and_reload), when_serving=lambda: None).run()
    assert started[1].ending == {"pid": started[1].process.pid, "signal": "SIGKILL", "problem": NOT_IN_TIME}
    (abandoned,) = [line for line in log_lines if "replacing_abandoned" in line]
    assert NOT_IN_TIME in abandoned


def test_workers_that_never_report_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.processes.START_SECONDS", 0)
    with pytest.raises(CannotServe, match=r"^no worker starts \(it did not serve within 0 seconds\)"):
        supervisor(partial(hang)).run()
