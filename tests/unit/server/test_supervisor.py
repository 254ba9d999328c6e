"""The supervisor: when it gives up before any worker has served, and that it always ends."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from app.server import CannotServe
from app.server.processes import SERVES
from app.server.supervisor import Supervisor

PATIENCE_SECONDS = 0.3


def supervisor(work: partial[NoReturn], workers: int = 1) -> Supervisor:
    """It stops as soon as a worker serves."""
    return Supervisor(
        work, workers, PATIENCE_SECONDS, descriptors=(), before_stop=lambda: None,
        when_serving=lambda: os.kill(os.getpid(), signal.SIGTERM),
    )  # fmt: skip


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


@pytest.mark.timeout(20)
def test_a_worker_that_does_not_stop_is_killed_even_if_it_reports_meanwhile() -> None:
    """Fails when a report is not read while the supervisor stops: it would wait for ever, at full speed."""
    supervisor(partial(report_and_go_on)).run()
