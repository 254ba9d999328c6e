"""Sessions of the pages: when one is over, and how long its password counts as just given."""

from datetime import timedelta

import pytest

from app.domain.identity import ApiTokens, Role, User
from app.domain.sessions import FRESH, IDLE, LONGEST, WebSession
from tests.unit.domain.instants import NOW

NONE = timedelta(0)
MICROSECOND = timedelta(microseconds=1)


def user(is_active: bool = True) -> User:
    return User(7, "anna", "", "", "", "", Role.VIEWER, is_active, ApiTokens.INHERIT, NOW)


def begun(seen: timedelta = NONE, proved: timedelta = NONE, is_active: bool = True) -> WebSession:
    """A session that began now, was seen and had its password given so much later."""
    return WebSession(1, user(is_active), NOW, NOW + seen, NOW + proved, has_temporary_password=False)


LATE = timedelta(hours=11, minutes=50)


@pytest.mark.parametrize(
    ("seen", "after", "is_over"),
    [
        (NONE, NONE, False), (NONE, IDLE - MICROSECOND, False), (NONE, IDLE, True), (NONE, IDLE + MICROSECOND, True),
        (timedelta(minutes=29), IDLE, False), (LATE, LONGEST - MICROSECOND, False), (LATE, LONGEST, True),
        (LONGEST - MICROSECOND, LONGEST, True),
    ],
)  # fmt: skip
def test_a_session_is_over_at_the_instant(seen: timedelta, after: timedelta, is_over: bool) -> None:
    """Fails when `is_over` compares with `>` in place of `>=`."""
    assert begun(seen).is_over(NOW + after) is is_over


def test_the_session_of_a_disabled_user_is_over() -> None:
    assert begun(is_active=False).is_over(NOW)
    assert not begun().is_over(NOW)


@pytest.mark.parametrize(
    ("proved", "after", "is_fresh"),
    [
        (NONE, NONE, True), (NONE, FRESH - MICROSECOND, True), (NONE, FRESH, False),
        (timedelta(minutes=5), FRESH, True), (timedelta(minutes=5), FRESH + timedelta(minutes=5), False),
    ],
)  # fmt: skip
def test_a_password_is_old_at_the_instant(proved: timedelta, after: timedelta, is_fresh: bool) -> None:
    """Fails when `is_fresh` compares with `<=`."""
    assert begun(proved=proved).is_fresh(NOW + after) is is_fresh


def test_the_times_are_those_that_are_promised() -> None:
    assert (timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=10)) == (IDLE, LONGEST, FRESH)
