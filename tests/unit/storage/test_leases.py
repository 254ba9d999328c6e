"""Leases of jobs: one holder at a time, one run for each tick, and no account of a holder that lost the lease."""

import pytest
from sqlalchemy.orm import Session

from app.storage import leases
from app.storage.database import Database
from app.storage.tables import JobLeaseRow
from tests.crowds import all_at_once
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


@pytest.mark.parametrize("first", [5, None])
def test_a_run_by_hand_waits_for_no_tick_and_uses_none_up(session: Session, first: int | None) -> None:
    assert claim(session, first) == 1
    finish(session, 1)
    assert claim(session, None, "by hand") == 2
    assert claim(session, 6, "other") is None
    finish(session, 2)
    assert claim(session, 6, "other") == 3


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


@pytest.mark.parametrize("tick", [1, None])
def test_of_many_schedulers_at_once_one_gets_the_lease(
    database: Database, elsewhere: Database, tick: int | None
) -> None:
    """Fails when `claim` reads the lease and then writes it, in place of one conditional write."""

    def try_to_claim(where: Database, holder: str) -> int | None:
        with where.transaction() as session:
            return claim(session, tick, holder)

    acts = [lambda where=where: try_to_claim(where, f"{id(where)}") for where in (database, elsewhere) * 4]
    for epoch in (1, 2, 3):
        taken = [each for each in all_at_once(acts) if each is not None]
        assert taken == [epoch]
        with database.transaction() as session:
            finish(session, epoch)
        tick = None if tick is None else tick + 1
