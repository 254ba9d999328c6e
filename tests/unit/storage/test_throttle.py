"""Counters of failed sign-ins: they fill, give back, start anew, and are deleted."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE
from app.storage import throttle
from app.storage.database import Database
from app.storage.operating_tables import LoginThrottleRow
from app.storage.throttle import Bucket, Filled, Full
from tests.crowds import all_at_once
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW

pytestmark = pytest.mark.both_databases

WINDOW = timedelta(minutes=15)
BUCKET = Bucket("account", 3, WINDOW)
OTHER = Bucket("address", 3, WINDOW)
ENDS = NOW + WINDOW


def reserve(session: Session, bucket: Bucket = BUCKET, now: datetime = NOW) -> datetime | None:
    """The end of the window of a full counter."""
    full = throttle.reserve(session, bucket, now)
    return None if full is None else full.until


def full_until(session: Session, bucket: Bucket = BUCKET, now: datetime = NOW) -> datetime | None:
    full = throttle.full(session, bucket, now)
    return None if full is None else full.until


def failures(session: Session) -> dict[str, int]:
    rows = session.execute(select(LoginThrottleRow.bucket, LoginThrottleRow.failures))
    return {bucket: number for bucket, number in rows}


def test_a_counter_takes_as_many_as_it_holds_and_then_tells_when_to_come_back(session: Session) -> None:
    """Whether it is full can be asked without counting; a window is not made longer by more failures."""
    for number in range(3):
        assert full_until(session, BUCKET, NOW) is None
        assert reserve(session, now=NOW + number * MICROSECOND) is None
    for later in (NOW, NOW + MICROSECOND, ENDS - MICROSECOND):
        assert reserve(session, now=later) == full_until(session, BUCKET, later) == ENDS
    assert full_until(session, BUCKET, ENDS) is None
    assert failures(session) == {"account": 3}


def test_a_counter_starts_anew_at_the_instant_its_window_ends(session: Session) -> None:
    for _ in range(3):
        reserve(session)
    assert reserve(session, now=ENDS) is None
    assert failures(session) == {"account": 1}
    for _ in range(2):
        assert reserve(session, now=ENDS + HOUR / 60) is None
    assert reserve(session, now=ENDS + HOUR / 60) == ENDS + WINDOW


def test_counters_do_not_count_for_each_other_and_keep_their_count_under_another_limit(session: Session) -> None:
    """As when a release changes the limits."""
    for _ in range(3):
        reserve(session)
    assert reserve(session) == ENDS
    assert full_until(session, OTHER, NOW) is None
    assert reserve(session, OTHER) is None
    assert failures(session) == {"account": 3, "address": 1}
    assert reserve(session, Bucket("account", 4, WINDOW)) is None
    assert reserve(session, Bucket("account", 2, WINDOW)) == ENDS


def test_what_was_no_failure_is_given_back_and_nothing_below_zero(session: Session) -> None:
    """A client that signs in on every call with the right password uses nothing up."""
    for _ in range(BUCKET.limit + 1):
        assert reserve(session) is None
        assert reserve(session, OTHER) is None
        throttle.settle(session, [OTHER, BUCKET], failed=False)
    throttle.settle(session, [BUCKET, Bucket("unheard of", 1, WINDOW)], failed=False)
    assert failures(session) == {"account": 0, "address": 0}


def test_the_latest_success_is_remembered_and_leaves_the_count_alone(session: Session) -> None:
    assert throttle.last_success(session, "account") is None
    reserve(session)
    for instant in (NOW, NOW + HOUR):
        throttle.record_success(session, "account", instant)
        assert throttle.last_success(session, "account") == instant
    assert throttle.last_success(session, "another") is None
    assert failures(session) == {"account": 1}
    assert session.scalar(select(LoginThrottleRow.window_ends_at)) == ENDS
    throttle.record_success(session, "address", NOW)  # a counter that begins so holds as much as any
    assert [reserve(session, OTHER) for _ in range(4)] == [None, None, None, ENDS]


def test_counters_are_deleted_in_batches_when_they_can_no_longer_matter(session: Session) -> None:
    long_ago = NOW - 90 * HOUR
    for bucket, window_ends_at, last_success_at in (
        ("goes 1", NOW, None), ("goes 2", NOW - HOUR, long_ago), ("goes 3", NOW, long_ago),
        ("its window is open", NOW + MICROSECOND, None), ("and in spite of this", NOW + HOUR, long_ago),
        ("it succeeded lately", NOW - HOUR, long_ago + MICROSECOND),
    ):  # fmt: skip
        values = {"window_ends_at": window_ends_at, "last_success_at": last_success_at}
        session.add(LoginThrottleRow(bucket=bucket, failures=1, **values))
    session.flush()
    assert [throttle.purge(session, NOW, long_ago, 2) for _ in range(3)] == [2, 1, 0]
    assert set(failures(session)) == {"its window is open", "and in spite of this", "it succeeded lately"}


def test_many_attempts_at_once_get_no_further_than_the_counter_holds(database: Database, elsewhere: Database) -> None:
    """Fails when `reserve` reads the counter and then writes it, in place of one conditional write."""

    def attempt(where: Database) -> datetime | None:
        with where.transaction() as session:
            return reserve(session)

    answers = all_at_once([lambda where=where: attempt(where) for where in (database, elsewhere) * 8])
    assert answers.count(None) == 3
    assert answers.count(ENDS) == 13


def test_a_window_of_a_clock_that_was_ahead_is_over(session: Session) -> None:
    """It would refuse until that time. Fails when only its end counts."""
    for _ in range(BUCKET.limit):
        assert reserve(session, now=NOW + 1000 * HOUR) is None
    assert full_until(session, BUCKET, NOW) is None
    assert reserve(session, now=NOW) is None


def test_a_full_counter_may_open_while_attempts_of_it_are_not_decided(session: Session) -> None:
    """Not for one that a process which ended has left behind, and not by a clock that was wrong."""
    assert [reserve(session) for _ in range(3)] == [None] * 3
    for failed in range(3):
        assert throttle.full(session, BUCKET, NOW) == Full(ENDS, may_open=failed < 3)
        throttle.settle(session, [BUCKET], failed=True)
    assert throttle.full(session, BUCKET, NOW) == Full(ENDS, may_open=False)
    for ahead in (timedelta(0), 2 * CLOCK_TOLERANCE):
        reserve(session, OTHER, NOW + ahead)
    reserve(session, OTHER, NOW + 2 * CLOCK_TOLERANCE)
    for now, may_open in ((NOW, False), (NOW + 2 * CLOCK_TOLERANCE, True), (NOW + 4 * CLOCK_TOLERANCE, False)):
        assert throttle.full(session, OTHER, now) == Full(ENDS, may_open)


def test_the_failure_that_fills_a_counter_is_told_once_and_the_networks_of_all(session: Session) -> None:
    for number, network in enumerate(("aaaa1", "bbbb2", "aaaa3")):
        reserve(session)
        throttle.settle(session, [BUCKET], failed=True)
        filled = throttle.note_network(session, BUCKET, network, NOW + HOUR / 60)
        assert filled == (Filled(NOW + HOUR / 60, 2, ENDS) if number == 2 else None)
    assert throttle.note_network(session, BUCKET, "cccc4", NOW + HOUR / 30) is None
    assert throttle.filled(session, BUCKET, NOW) == Filled(NOW + HOUR / 60, 3, ENDS)
    assert throttle.filled(session, BUCKET, ENDS) is None
    reserve(session, now=ENDS)
    assert session.execute(select(LoginThrottleRow.networks, LoginThrottleRow.filled_at)).one() == ("", None)
    throttle.empty(session, BUCKET.key)
    assert failures(session) == {"account": 0}
