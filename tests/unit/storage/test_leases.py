"""Leases of jobs: one holder at a time, one run for each tick, and no account of a holder that lost the lease."""

import pytest
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE
from app.storage import leases
from app.storage.operating_tables import JobLeaseRow
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW

pytestmark = pytest.mark.both_databases

JOB = "expire_tokens"
UNTIL = NOW + HOUR


def claim(session: Session, tick: int | None, holder: str = "one", now=NOW, job: str = JOB) -> int | None:
    return leases.claim(session, job, holder, now, now + HOUR, tick)


def finish(session: Session, epoch: int, now=NOW, rows: int = 3, error: str | None = None) -> None:
    leases.finish(session, JOB, epoch, now, 0.25, rows, error)


def the_row(session: Session) -> JobLeaseRow:
    session.expire_all()
    (row,) = leases.every(session)
    return row


def test_a_lease_that_is_held_is_given_to_no_other_until_the_instant_of_its_end(session: Session) -> None:
    """After a holder died, the job goes on with the first tick after its lease, and that tick alone."""
    assert claim(session, 1) == 1
    for tick in (2, None):
        assert claim(session, tick, "other") is None
        assert claim(session, tick, "other", UNTIL - MICROSECOND) is None
    row = the_row(session)
    assert (row.holder, row.epoch, row.tick, row.expires_at) == ("one", 1, 1, UNTIL)
    assert claim(session, 1, "other", UNTIL) is None
    assert claim(session, 2, "other", UNTIL) == 2
    row = the_row(session)
    assert (row.holder, row.expires_at) == ("other", UNTIL + HOUR)


def test_each_tick_is_run_once_even_when_its_run_is_over(session: Session) -> None:
    """Fails when `claim` does not compare the tick."""
    for tick, epoch in ((1, 1), (2, 2), (7, 3)):
        assert claim(session, tick) == epoch
        finish(session, epoch)
        assert claim(session, tick, "other") is None
        assert claim(session, tick - 1, "other") is None


def test_a_run_that_has_finished_gives_the_lease_back_with_its_account(session: Session) -> None:
    """The error of the run before goes when one succeeds."""
    for tick, error in ((1, "OSError: the disk is full"), (2, None)):
        assert claim(session, tick) == tick
        finish(session, tick, NOW + MICROSECOND, rows=42, error=error)
        row = the_row(session)
        assert (row.holder, row.epoch, row.tick, row.expires_at) == ("one", tick, tick, None)
        assert (row.last_run_at, row.last_seconds, row.last_rows) == (NOW + MICROSECOND, 0.25, 42)
        assert row.last_error == error


def test_a_holder_that_lost_the_lease_neither_ends_it_nor_writes_its_account(session: Session) -> None:
    """Fails when `finish` does not compare the epoch."""
    finish(session, 1)  # never claimed
    assert leases.every(session) == []
    assert claim(session, 1) == 1
    assert claim(session, 2, "other", UNTIL) == 2
    finish(session, 1, UNTIL, rows=1, error="too late")
    row = the_row(session)
    assert (row.holder, row.expires_at, row.last_run_at, row.last_error) == ("other", UNTIL + HOUR, None, None)
    finish(session, 2, UNTIL)
    assert the_row(session).last_rows == 3
    assert claim(session, 1, job="purge_tokens") == 1, "each job has a lease of its own"
    assert [row.job for row in leases.every(session)] == ["expire_tokens", "purge_tokens"]


def test_leases_and_ticks_of_a_clock_that_was_ahead_stop_nobody(session: Session) -> None:
    """◆ Fails when a lease is held, or a tick has run, for as long as the clock was ahead."""
    there = NOW + 1000 * HOUR
    assert claim(session, 1000, now=there) == 1
    assert claim(session, 7, "other") == 2
    finish(session, 2)
    assert claim(session, 1000, now=there) == 3
    finish(session, 3)
    assert claim(session, 8, "other") == 4
    finish(session, 4)
    assert claim(session, 7, "other") is None, "a host whose clock is a little behind runs no tick again"
    assert claim(session, 9, now=NOW + CLOCK_TOLERANCE) == 5
    assert claim(session, 10, "other") is None, "a little ahead is no mistake"
