"""The table of jobs and one tick of the scheduler."""

import json
import threading
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from freezegun import freeze_time

from app import logs
from app.domain.clock import system_clock
from app.jobs import JOBS, find_job
from app.jobs.clock_watcher import ClockWatcher
from app.jobs.scheduler import build_scheduler, holder_name, run_once
from app.services import Services
from tests.unit.services.verdicts import MovedClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_scheduler_fires_a_sweep_every_minute_and_a_purge_every_hour_first_at_once(services: Services) -> None:
    with freeze_time(NOW):
        scheduler = build_scheduler(services, system_clock)
    fired = {job.id: (job.next_run_time, job.trigger.interval) for job in scheduler.get_jobs()}
    every_minute, every_hour = (NOW, timedelta(minutes=1)), (NOW, timedelta(hours=1))
    sweeps, purges = ("expire_tokens", "mark_revoked", "seal_audit"), ("purge_tokens", "purge_audit")
    assert fired == dict.fromkeys(sweeps, every_minute) | dict.fromkeys(purges, every_hour)
    assert {find_job(name) for name in fired} == set(JOBS)
    assert find_job("no_such_job") is None


@pytest.mark.parametrize(("name", "method"), [("expire_tokens", "expire_due"), ("purge_tokens", "purge")])
def test_a_job_that_fails_is_logged_and_recorded_and_the_next_tick_tries_again(
    services: Services, monkeypatch: pytest.MonkeyPatch, log_lines: list[str], name: str, method: str
) -> None:
    monkeypatch.setattr(services.expiring, method, Mock(side_effect=[ArithmeticError("planted fault"), 1]))
    job = find_job(name)
    assert job is not None
    with freeze_time(NOW) as clock:
        run_once(services, job)
        (failed,) = services.job_runs.status()
        assert failed.last_error is not None and "planted fault" in failed.last_error
        assert "job_failed" in [json.loads(line)["event"] for line in log_lines]
        clock.tick(job.every)
        run_once(services, job)
        (recovered,) = services.job_runs.status()
        assert (recovered.last_error, recovered.last_rows, recovered.holder) == (None, 1, holder_name())


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_after_the_clock_was_set_each_job_runs_at_once(services: Services, jump: timedelta) -> None:
    """◆ Set back, APScheduler alone would wait for the old time."""
    with freeze_time(NOW):
        scheduler = build_scheduler(services, system_clock)
        scheduler.start(paused=True)
    try:
        with freeze_time(NOW + jump):
            scheduler.run_all()
        assert {job.next_run_time for job in scheduler.get_jobs()} == {NOW + jump}
    finally:
        scheduler.shutdown()


def test_the_clock_was_set_if_it_moved_by_seconds_while_no_time_passed() -> None:
    jumps: list[datetime] = []
    clock = MovedClock()
    watcher = ClockWatcher(clock, lambda: jumps.append(clock.now))
    instants = [NOW + timedelta(seconds=4), *[NOW + timedelta(days=1)] * 2, NOW]
    for clock.now in instants:
        watcher.look()
    assert jumps == [NOW + timedelta(days=1), NOW]


def test_a_scheduler_that_ends_waits_for_a_jump_that_is_being_followed() -> None:
    """Its jobs go when it ends: without the wait, following fails with an unknown job."""
    clock, begun, may_end, ended = MovedClock(), threading.Event(), threading.Event(), threading.Event()
    watcher = ClockWatcher(clock, lambda: (begun.set(), may_end.wait(60), ended.set()))
    clock.now += timedelta(days=1)
    watcher.start()
    assert begun.wait(60)
    threading.Timer(0.05, may_end.set).start()
    watcher.stop()
    assert ended.is_set()


def test_jobs_follow_a_jump_also_where_that_fails_at_first(log_lines: list[str]) -> None:
    """Fails when an exception ends the thread that looks, or the jump is forgotten with it."""
    logs.configure("INFO")
    clock, jumped = MovedClock(), Mock(side_effect=[ArithmeticError("planted fault"), None])
    watcher = ClockWatcher(clock, jumped)
    clock.now += timedelta(days=1)
    for _ in range(3):
        watcher.look()
    assert jumped.call_count == 2
    assert [json.loads(line)["event"] for line in log_lines] == ["clock_watcher_failed"]


def test_a_job_that_the_clock_holds_is_no_failure(services: Services, log_lines: list[str]) -> None:
    job = find_job("expire_tokens")
    assert job is not None
    with freeze_time(NOW) as clock:
        run_once(services, job)
        clock.tick(timedelta(days=61))
        run_once(services, job)
        (held,) = services.job_runs.status()
    assert held.last_error is not None and held.last_error.startswith("Held: ")
    (line,) = [line for line in map(json.loads, log_lines) if line["event"].startswith("job_") and "detail" in line]
    assert (line["event"], line["level"], line["detail"]) == ("job_held", "warning", held.last_error)
