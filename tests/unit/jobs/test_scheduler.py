"""The table of jobs and one tick of the scheduler."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.jobs import JOBS, find_job
from app.jobs.scheduler import build_scheduler, holder_name, run_once
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_scheduler_fires_a_sweep_every_minute_and_a_purge_every_hour_the_first_time_at_once(
    services: Services,
) -> None:
    with freeze_time(NOW):
        scheduler = build_scheduler(services, system_clock)
    fired = {job.id: (job.next_run_time, job.trigger.interval) for job in scheduler.get_jobs()}
    assert fired == {"expire_tokens": (NOW, timedelta(minutes=1)), "purge_tokens": (NOW, timedelta(hours=1))}
    assert [find_job(name) for name in fired] == list(JOBS)
    assert find_job("no_such_job") is None


@pytest.mark.parametrize(("name", "act"), [("expire_tokens", "UPDATE"), ("purge_tokens", "DELETE")])
def test_a_job_that_fails_is_logged_and_recorded_and_the_next_tick_tries_again(
    services: Services, database: Database, log_lines: list[str], name: str, act: str
) -> None:
    services.instance_settings.change("retention_days", "0", OPERATOR)
    job = find_job(name)
    assert job is not None
    with freeze_time(NOW) as clock:
        mint(services, issue(services, make_user(services)))
        clock.move_to(NOW + timedelta(days=60))
        if name == "purge_tokens":
            services.expiring.expire_due()
        rows.refuse_writes(database, "refresh_tokens", act)
        run_once(services, job)
        (failed,) = services.job_runs.status()
        assert failed.last_error is not None and "planted fault" in failed.last_error
        assert "job_failed" in [json.loads(line)["event"] for line in log_lines]

        rows.allow_writes(database, "refresh_tokens")
        clock.tick(job.every)
        run_once(services, job)
        (recovered,) = services.job_runs.status()
        assert (recovered.last_error, recovered.last_rows, recovered.holder) == (None, 1, holder_name())
