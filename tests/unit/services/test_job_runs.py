"""Leases: of any number of schedulers one runs a job's tick, and a holder that stalls or dies loses its turn."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import pytest

from app.domain.errors import Conflict
from app.services import Services
from app.services.job_runs import LEASE, JobRuns, JobStatus
from tests.crowds import all_at_once
from tests.unit.services.verdicts import MICROSECOND, MINUTE, NOW, SECOND, MovedClock

pytestmark = pytest.mark.usefixtures("moved_clock")

Make = Callable[..., Services]


@pytest.fixture
def runs(services: Services) -> JobRuns:
    return services.job_runs


@pytest.mark.both_databases
def test_each_tick_runs_once_however_many_schedulers_there_are(services_with: Make, clock: MovedClock) -> None:
    """◆ Fails when ``leases.claim`` does not ask whether the tick was run (tried: ticks ran many times).

    And when the claim is a read and then a write (tried: on PostgreSQL ticks ran more than once).
    """
    schedulers = [services_with(clock=clock) for _ in range(6)]
    ran: list[datetime] = []

    def work() -> int:
        ran.append(clock())
        return 0

    ticks = [NOW + number * MINUTE for number in range(6)]
    for tick in ticks:
        for within in (13 * MICROSECOND, MINUTE - MICROSECOND):
            clock.now = tick + within
            all_at_once([partial(each.job_runs.run, "sweep", work, "somebody", MINUTE) for each in schedulers])
    assert ran == [tick + 13 * MICROSECOND for tick in ticks]


def test_the_record_of_a_run_can_be_read_during_and_after_it(runs: JobRuns, clock: MovedClock) -> None:
    assert runs.status() == []
    during: list[JobStatus] = []

    def work() -> int:
        during.extend(runs.status())
        clock.now = NOW + 5 * SECOND
        return 7

    runs.run("sweep", work, "host:1", MINUTE)
    (begun,), (ended,) = during, runs.status()
    assert (begun.job, begun.is_running, begun.holder, begun.last_run_at) == ("sweep", True, "host:1", None)
    assert (ended.is_running, ended.holder, ended.last_run_at) == (False, "host:1", NOW + 5 * SECOND)
    assert (ended.last_rows, ended.last_error) == (7, None)
    assert ended.last_seconds is not None and ended.last_seconds >= 0


def test_a_failure_is_recorded_and_the_next_tick_tries_again(runs: JobRuns, clock: MovedClock) -> None:
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


def test_the_lease_of_a_stalled_holder_passes_on_and_its_return_is_void(services_with: Make, clock: MovedClock) -> None:
    """◆ Fails when ``leases.finish`` does not require its own epoch (tried: the late one's rows stood)."""
    stalled, other = services_with(clock=clock).job_runs, services_with(clock=clock).job_runs
    has_begun, may_end = threading.Event(), threading.Event()

    def stall() -> int:
        has_begun.set()
        assert may_end.wait(60)
        return 1

    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(stalled.run, "sweep", stall, "stalled:1", MINUTE)
        assert has_begun.wait(60)
        for at, number in ((NOW + LEASE - MICROSECOND, None), (NOW + LEASE, 2)):
            clock.now = at
            assert other.run("sweep", lambda: 2, "other:2", MINUTE) == number
        record = other.status()
        may_end.set()
        assert late.result(60) == 1
    assert other.status() == record
    assert (record[0].holder, record[0].last_rows) == ("other:2", 2)


def test_a_run_by_hand_waits_for_no_tick_uses_none_up_and_is_refused_while_the_job_runs(runs: JobRuns) -> None:
    assert runs.run_by_hand("sweep", lambda: 1, "host:1") == 1
    assert runs.run("sweep", lambda: 2, "host:1", MINUTE) == 2
    assert runs.run_by_hand("sweep", lambda: 3, "host:2") == 3

    def meanwhile() -> int:
        with pytest.raises(Conflict):
            runs.run_by_hand("sweep", lambda: 4, "host:3")
        return runs.run("purge", lambda: 5, "host:3", MINUTE) or 0  # another job has a lease of its own

    assert runs.run_by_hand("sweep", meanwhile, "host:2") == 5
