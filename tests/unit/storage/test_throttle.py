"""Counters of failed sign-ins: they fill, give back, start anew, and are forgotten.

Here belongs ``app.storage.throttle``. Not here: which counters an attempt touches (``tests/unit/services``).
"""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.storage import throttle
from app.storage.database import Database
from app.storage.tables import LoginThrottleRow
from app.storage.throttle import Bucket
from tests.crowds import all_at_once
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW

pytestmark = pytest.mark.both_databases

BUCKET = Bucket("account", 3)
OTHER = Bucket("address", 3)
WINDOW = timedelta(minutes=15)
ENDS = NOW + WINDOW


def reserve(session: Session, bucket: Bucket = BUCKET, now: datetime = NOW) -> datetime | None:
    return throttle.reserve(session, bucket, now, WINDOW)


def failures(session: Session) -> dict[str, int]:
    rows = session.execute(select(LoginThrottleRow.bucket, LoginThrottleRow.failures))
    return {bucket: number for bucket, number in rows}


def test_a_counter_takes_as_many_as_it_holds_and_then_tells_when_to_come_back(session: Session) -> None:
    for number in range(3):
        assert reserve(session, now=NOW + number * MICROSECOND) is None
    for later in (NOW, NOW + MICROSECOND, ENDS - MICROSECOND):
        assert reserve(session, now=later) == ENDS
    assert failures(session) == {"account": 3}


def test_a_counter_starts_anew_at_the_instant_its_window_ends(session: Session) -> None:
    for _ in range(3):
        reserve(session)
    assert reserve(session, now=ENDS) is None
    assert failures(session) == {"account": 1}
    for _ in range(2):
        assert reserve(session, now=ENDS + HOUR / 60) is None
    assert reserve(session, now=ENDS + HOUR / 60) == ENDS + WINDOW


def test_asking_whether_a_counter_is_full_counts_nothing(session: Session) -> None:
    for _ in range(3):
        assert throttle.full_until(session, BUCKET, NOW) is None
        reserve(session)
    for later, end in ((NOW, ENDS), (ENDS - MICROSECOND, ENDS), (ENDS, None)):
        assert throttle.full_until(session, BUCKET, later) == end
    assert throttle.full_until(session, OTHER, NOW) is None
    assert failures(session) == {"account": 3}


def test_a_window_is_not_made_longer_by_more_failures(session: Session) -> None:
    reserve(session)
    reserve(session, now=ENDS - MICROSECOND)
    assert session.scalar(select(LoginThrottleRow.window_ends_at)) == ENDS


def test_counters_do_not_count_for_each_other(session: Session) -> None:
    for _ in range(3):
        reserve(session)
    assert reserve(session) == ENDS
    assert reserve(session, OTHER) is None
    assert failures(session) == {"account": 3, "address": 1}


def test_one_counter_can_be_asked_with_another_limit(session: Session) -> None:
    """As when a release changes the limits: what was counted stays counted."""
    for _ in range(3):
        reserve(session)
    assert reserve(session, Bucket("account", 4)) is None
    assert reserve(session, Bucket("account", 2)) == ENDS


def test_what_was_no_failure_is_given_back(session: Session) -> None:
    """A client that signs in on every call with the right password uses nothing up."""
    for _ in range(50):
        assert reserve(session) is None
        assert reserve(session, OTHER) is None
        throttle.release(session, [OTHER, BUCKET])
    assert failures(session) == {"account": 0, "address": 0}


def test_nothing_is_given_back_below_zero(session: Session) -> None:
    reserve(session)
    for _ in range(3):
        throttle.release(session, [BUCKET, Bucket("unheard of", 1)])
    assert failures(session) == {"account": 0}


def test_the_latest_success_is_remembered(session: Session) -> None:
    assert throttle.last_success(session, "pair") is None
    for instant in (NOW, NOW + HOUR):
        throttle.record_success(session, "pair", instant)
        assert throttle.last_success(session, "pair") == instant
    assert throttle.last_success(session, "another pair") is None


def test_remembering_a_success_leaves_the_count_alone(session: Session) -> None:
    reserve(session)
    throttle.record_success(session, "account", NOW)
    assert failures(session) == {"account": 1}
    assert session.scalar(select(LoginThrottleRow.window_ends_at)) == ENDS


def test_a_counter_that_begins_with_a_success_holds_as_much_as_any(session: Session) -> None:
    throttle.record_success(session, "account", NOW)
    assert [reserve(session) for _ in range(4)] == [None, None, None, ENDS]


@pytest.mark.parametrize(
    ("window_ends_at", "last_success_at", "goes"),
    [
        (NOW, None, True),
        (NOW + MICROSECOND, None, False),
        (NOW - HOUR, NOW - 90 * HOUR, True),
        (NOW - HOUR, NOW - 90 * HOUR + MICROSECOND, False),
        (NOW + HOUR, NOW - 91 * HOUR, False),
    ],
)
def test_a_counter_is_forgotten_when_it_can_no_longer_matter(
    session: Session, window_ends_at: datetime, last_success_at: datetime | None, goes: bool
) -> None:
    values = {"window_ends_at": window_ends_at, "last_success_at": last_success_at}
    session.add(LoginThrottleRow(bucket="pair", failures=1, **values))
    session.flush()
    assert throttle.purge(session, NOW, NOW - 90 * HOUR, 10) == int(goes)
    assert ("pair" in failures(session)) is not goes


def test_counters_are_forgotten_in_batches(session: Session) -> None:
    session.add_all(LoginThrottleRow(bucket=f"{number}", failures=1, window_ends_at=NOW) for number in range(5))
    session.flush()
    assert [throttle.purge(session, NOW, NOW, 2) for _ in range(4)] == [2, 2, 1, 0]


def test_of_many_attempts_at_once_no_more_get_in_than_the_counter_holds(
    database: Database, elsewhere: Database
) -> None:
    """A hundred guesses at once get no further than one after the other.

    Fails when `reserve` reads the counter and then writes it, in place of one conditional write.
    """

    def attempt(where: Database) -> datetime | None:
        with where.transaction() as session:
            return reserve(session)

    answers = all_at_once([lambda where=where: attempt(where) for where in (database, elsewhere) * 8])
    assert answers.count(None) == 3
    assert answers.count(ENDS) == 13
