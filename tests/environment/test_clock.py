"""A wrong clock, on whichever host, deletes and ends nothing; once it is right, all is as before."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.clock import system_clock
from app.jobs import JOBS
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.drivers.clock_jumps import Hosts
from tests.drivers.false_clock import FalseClock
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint, revoke, works
from tests.patience import PATIENCE_SECONDS

DAY = timedelta(days=1)


def test_a_server_whose_clock_is_wrong_for_a_while_loses_nothing_and_its_jobs_go_on(
    database_url: str, tmp_path: Path, services: Services, database: Database
) -> None:
    """◆ As when a virtual machine wakes up in the wrong year, and is corrected a minute later."""
    user = make_user(services)
    refresh, revoked = issue(services, user), issue(services, user)
    access = mint(services, refresh)
    clock = FalseClock(tmp_path / "clock")
    with LiveServer(database_url, tmp_path, workers=1, **clock.environment) as server:
        _until(lambda: {line["job"] for line in _events(server, "job_ran")} == {job.name for job in JOBS})
        clock.set(151 * DAY)
        _until(lambda: len(_events(server, "job_held")) >= 2)
        assert len(_events(server, "clock_jumped")) == 1
        shown = server.command("job", "status")
        assert "Held: " in shown.stdout
        assert "151 days ahead" in shown.stderr and "daypass clock accept" in shown.stderr
        revoke(services, revoked)
        clock.set(timedelta(0))
        _until(lambda: _are_ok(services))
        assert services.clock_agreement.warning(system_clock()) is None
        ran = len(_events(server, "job_ran"))
        clock.set(-2 * DAY)
        _until(lambda: len(_events(server, "job_ran")) >= ran + len(JOBS))
        clock.set(timedelta(0))
        _until(lambda: _are_ok(services))
        assert "Traceback" not in server.log()
    assert works(services, refresh) and works(services, access) and not works(services, revoked)
    assert (rows.count(database, RefreshTokenRow), rows.count(database, AccessTokenRow)) == (2, 1)


@pytest.mark.parametrize(("job", "is_for_commands"), [("expire_tokens", True), ("purge_tokens", False)])
def test_a_job_on_a_host_with_a_wrong_clock_is_refused_and_ends_no_token(
    database_url: str, tmp_path: Path, services: Services, job: str, is_for_commands: bool
) -> None:
    """◆ By hand. And with both ways to a wrong clock, where libfaketime is installed."""
    clock = FalseClock(tmp_path / "clock", is_for_commands=is_for_commands)
    host = LiveServer(database_url, tmp_path, **clock.environment)
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    clock.set(61 * DAY)
    refused = host.command("job", "run", job)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("Error: Held: ") and "61 days ahead" in line
    assert works(services, refresh) and works(services, access)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_second_host_with_a_wrong_clock_refuses_to_run_jobs(
    database_url: str, tmp_path: Path, services: Services
) -> None:
    """◆ It names both clocks: who reads it sees which one is wrong."""
    refresh = issue(services, make_user(services))
    clock = FalseClock(tmp_path / "clock")
    host = LiveServer(database_url, tmp_path, **clock.environment)
    clock.set(160 * DAY)
    today, there = (f"{at:%Y-%m-%d}" for at in (system_clock(), system_clock() + 160 * DAY))
    refused = host.command("scheduler")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    line = refused.stderr.splitlines()[-1]
    assert line.startswith("Error: this host's clock shows ") and today in line and there in line
    assert services.job_runs.status() == [], "the runs belong to hosts whose clock is right"
    assert works(services, refresh)


@pytest.mark.both_databases
def test_after_any_jump_all_is_as_before_and_the_jobs_go_on(database_url: str, tmp_path: Path) -> None:
    """◆ Rounds of `make clock-rounds`, which has 200: on PostgreSQL with two hosts."""
    with Hosts(database_url, tmp_path, seed=7, load_seconds=0.2) as hosts:
        for _ in hosts.hosts:
            hosts.round()


def _events(server: LiveServer, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event]


def _are_ok(services: Services) -> bool:
    """Whether all jobs ran without an error, and none is overdue."""
    health = services.job_runs.health({job.name: job.every for job in JOBS})
    return all(each.lag == timedelta(0) and each.status and each.status.last_error is None for each in health)


def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
