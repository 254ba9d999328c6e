"""``daypass job …``: the background jobs by hand, and the account of them."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.errors import NotFound
from app.domain.identity import Caller
from app.jobs import JOBS
from app.services import Services
from app.storage import leases
from app.storage.database import Database
from tests.factories import issue, make_user, mint, revoke
from tests.integration.cli.conftest import CommandLine

EVERY = {
    "expire_tokens": "0:01:00", "mark_revoked": "0:01:00", "purge_tokens": "1:00:00", "seal_audit": "0:01:00",
    "purge_audit": "1:00:00",
}  # fmt: skip
MEMBERS = [
    "job", "every", "is_running", "holder", "last_run_at", "overdue_seconds", "last_seconds", "last_rows", "last_error",
    "clock_warning",
]  # fmt: skip


def test_what_has_expired_is_marked_and_what_is_old_is_purged_by_hand(daypass: CommandLine, services: Services) -> None:
    refresh = issue(services, make_user(services))
    mint(services, refresh)
    assert daypass.text("job", "run", "expire_tokens") == "expire_tokens: 0 rows.\n"
    daypass.text("conf", "retention_days", "-s", "1")
    with freeze_time(system_clock() + timedelta(days=60)) as clock:
        daypass.text("clock", "accept")
        assert daypass.json("job", "run", "expire_tokens") == {"job": "expire_tokens", "rows": 2}
        assert daypass.json("job", "run", "expire_tokens") == {"job": "expire_tokens", "rows": 0}
        clock.tick(timedelta(days=1))
        daypass.text("clock", "accept")
        assert daypass.json("job", "run", "purge_tokens")["rows"] == 2
    with pytest.raises(NotFound):
        services.listing.find(refresh.token.public_id)


def test_the_account_says_when_a_job_ran_by_whom_and_what_it_did(daypass: CommandLine, services: Services) -> None:
    account = daypass.json("job", "status")
    assert [list(each) for each in account] == [MEMBERS] * len(JOBS)
    assert {each["job"]: each["every"] for each in account if not each["is_running"]} == EVERY
    assert {each[member] for each in account for member in MEMBERS[3:]} == {None}
    for _ in range(2):
        revoke(services, issue(services, make_user(services)))
    daypass.text("conf", "retention_days", "-s", "0")
    daypass.text("job", "run", "purge_tokens")
    never, _, purged, *_ = daypass.json("job", "status")
    assert list(purged) == list(never) == MEMBERS
    assert (purged["last_rows"], purged["last_error"], purged["is_running"]) == (2, None, False)
    assert purged["last_seconds"] >= 0 and purged["last_run_at"].endswith("Z") and ":" in purged["holder"]
    heading, *lines = daypass.text("job", "status").splitlines()
    assert heading.split()[:4] == ["JOB", "EVERY", "IS", "RUNNING"]
    assert [line.split()[:3] for line in lines] == [[job, every, "no"] for job, every in EVERY.items()]


def test_a_job_that_failed_says_so_without_moving_the_cursor(daypass: CommandLine, services: Services) -> None:
    with pytest.raises(ZeroDivisionError):
        services.job_runs.run_by_hand("expire_tokens", lambda: 1 // 0, "host:1\x1b[31m")
    failed = daypass.json("job", "status")[0]
    assert failed["last_error"].startswith("ZeroDivisionError: ") and failed["holder"] == "host:1\x1b[31m"
    assert failed["last_error"] in daypass.text("job", "status")
    assert "\x1b" not in daypass.text("job", "status")


def test_a_job_that_runs_elsewhere_is_refused_and_one_that_does_not_exist_is_wrong_usage(
    daypass: CommandLine, services: Services, database: Database
) -> None:
    with database.transaction() as session:
        now = system_clock()
        leases.claim(session, "expire_tokens", "another-host:1", now, now + timedelta(minutes=10), None)
    assert daypass.refusal("job", "run", "expire_tokens") == "expire_tokens is already running."
    assert daypass.json("job", "status")[0]["is_running"] is True
    with freeze_time(now + timedelta(minutes=10)):
        assert daypass.json("job", "run", "expire_tokens")["rows"] == 0
    assert services.expiring.purge(Caller("job:tests")) == 0
    assert "expire_tokens" in daypass.misuse("job", "run", "brew_coffee")
    daypass.misuse("job", "run")
