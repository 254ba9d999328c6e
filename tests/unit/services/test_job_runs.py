"""Leases: of any number of schedulers one runs a job's tick, and a holder that stalls or dies loses its turn.

Here every scheduler is an application of its own on one database, with a clock that the test moves. Not here:
what the jobs do (``test_expiring``), and schedulers that are processes (``tests/functional/test_scheduler.py``).
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from app.domain.errors import Conflict
from app.services import Services
from app.services.job_runs import LEASE, JobStatus
from tests.crowds import all_at_once

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

Make = Callable[..., Services]


class MovedClock:
    """Shows what the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


def test_however_many_schedulers_there_are_each_tick_runs_once(services_with: Make, clock: MovedClock) -> None:
    """Fails when ``leases.claim`` does not ask whether the tick was run: so it was broken, and ticks ran many times.

    And when the claim is a read and then a write: so it was broken, and on PostgreSQL ticks ran more than once.
    """
    schedulers = [services_with(clock=clock) for _ in range(6)]
    ran: list[datetime] = []

    def work() -> int:
        ran.append(clock())
        return 0

    ticks = [NOW + number * MINUTE for number in range(10)]
    for tick in ticks:
        clock.now = tick + 13 * MICROSECOND
        all_at_once([partial(each.job_runs.run, "sweep", work, "somebody", MINUTE) for each in schedulers])
        clock.now = tick + MINUTE - MICROSECOND
        all_at_once([partial(each.job_runs.run, "sweep", work, "somebody", MINUTE) for each in schedulers])
    assert ran == [tick + 13 * MICROSECOND for tick in ticks]


def test_another_job_has_a_lease_of_its_own(services_with: Make, clock: MovedClock) -> None:
    runs = services_with(clock=clock).job_runs
    assert runs.run("sweep", lambda: runs.run("purge", lambda: 5, "me", MINUTE) or 0, "me", MINUTE) == 5


def test_the_account_of_a_run_can_be_read(services_with: Make, clock: MovedClock) -> None:
    runs = services_with(clock=clock).job_runs
    assert runs.status() == []
    during: list[JobStatus] = []

    def work() -> int:
        during.extend(runs.status())
        clock.now = NOW + timedelta(seconds=5)
        return 7

    runs.run("sweep", work, "host:1", MINUTE)
    (begun,), (ended,) = during, runs.status()
    assert (begun.job, begun.is_running, begun.holder, begun.last_run_at) == ("sweep", True, "host:1", None)
    assert (ended.is_running, ended.holder, ended.last_run_at) == (False, "host:1", NOW + timedelta(seconds=5))
    assert (ended.last_rows, ended.last_error) == (7, None)
    assert ended.last_seconds is not None and ended.last_seconds >= 0


def test_a_failure_is_recorded_and_the_next_tick_tries_again(services_with: Make, clock: MovedClock) -> None:
    runs = services_with(clock=clock).job_runs

    def fail() -> int:
        raise ArithmeticError("the disk is full")

    with pytest.raises(ArithmeticError):
        runs.run("sweep", fail, "host:1", MINUTE)
    (failed,) = runs.status()
    assert (failed.is_running, failed.last_error) == (False, "ArithmeticError: the disk is full")
    assert runs.run("sweep", lambda: 3, "host:1", MINUTE) is None, "this tick has had its run"
    clock.now += MINUTE
    assert runs.run("sweep", lambda: 3, "host:1", MINUTE) == 3
    (recovered,) = runs.status()
    assert (recovered.last_rows, recovered.last_error) == (3, None)


def test_the_lease_of_a_stalled_holder_passes_on_and_its_late_return_changes_nothing(
    services_with: Make, clock: MovedClock
) -> None:
    """Fails when ``leases.finish`` does not ask for its own epoch: so it was broken, and the late one's rows stood."""
    stalled, other = services_with(clock=clock).job_runs, services_with(clock=clock).job_runs
    has_begun, may_end = threading.Event(), threading.Event()

    def stall() -> int:
        has_begun.set()
        assert may_end.wait(30)
        return 1

    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(stalled.run, "sweep", stall, "stalled:1", MINUTE)
        assert has_begun.wait(30)
        clock.now = NOW + LEASE - MICROSECOND
        assert other.run("sweep", lambda: 2, "other:2", MINUTE) is None
        clock.now = NOW + LEASE
        assert other.run("sweep", lambda: 2, "other:2", MINUTE) == 2
        account = other.status()
        may_end.set()
        assert late.result(30) == 1
    assert other.status() == account
    assert (account[0].holder, account[0].last_rows) == ("other:2", 2)


def test_a_run_by_hand_waits_for_no_tick_and_is_refused_while_the_job_runs(
    services_with: Make, clock: MovedClock
) -> None:
    runs = services_with(clock=clock).job_runs
    assert runs.run("sweep", lambda: 1, "host:1", MINUTE) == 1
    assert runs.run_by_hand("sweep", lambda: 2, "host:2") == 2

    def again() -> int:
        with pytest.raises(Conflict):
            runs.run_by_hand("sweep", lambda: 4, "host:3")
        return 3

    assert runs.run_by_hand("sweep", again, "host:2") == 3


def test_a_run_by_hand_does_not_use_up_the_tick(services_with: Make, clock: MovedClock) -> None:
    runs = services_with(clock=clock).job_runs
    runs.run_by_hand("sweep", lambda: 1, "host:1")
    assert runs.run("sweep", lambda: 2, "host:1", MINUTE) == 2
