"""Sessions of the pages: when one is over, and how long its password counts as just given."""

from datetime import UTC, datetime, timedelta

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.identity import ApiTokens, Role, User
from app.domain.sessions import FRESH, IDLE, LONGEST, WebSession

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
NONE = timedelta(0)


def begun(seen: timedelta = NONE, proved: timedelta = NONE, is_active: bool = True) -> WebSession:
    """A session that began now, was seen and had its password given so much later."""
    user = User(7, "anna", "", "", "", "", Role.VIEWER, is_active, ApiTokens.INHERIT, NOW)
    return WebSession(1, user, NOW, NOW + seen, NOW + proved, has_temporary_password=False)


def test_a_session_is_over_at_the_instant() -> None:
    """Fails when `is_over` compares with `>` in place of `>=`."""
    assert (timedelta(minutes=30), timedelta(hours=12)) == (IDLE, LONGEST)
    for seen, after, is_over in (
        (NONE, NONE, False), (NONE, IDLE - MICROSECOND, False), (NONE, IDLE, True), (29 * MINUTE, IDLE, False),
        (LONGEST - 10 * MINUTE, LONGEST - MICROSECOND, False), (LONGEST - 10 * MINUTE, LONGEST, True),
    ):  # fmt: skip
        assert begun(seen).is_over(NOW + after) is is_over, (seen, after)
    assert begun(is_active=False).is_over(NOW)


def test_a_password_is_old_at_the_instant() -> None:
    """Fails when `is_fresh` compares with `<=`."""
    assert timedelta(minutes=10) == FRESH
    for proved in (NONE, 5 * MINUTE):
        assert begun(proved=proved).is_fresh(NOW + proved + FRESH - MICROSECOND)
        assert not begun(proved=proved).is_fresh(NOW + proved + FRESH)


def test_a_password_that_was_entered_in_the_future_is_not_fresh() -> None:
    """By a clock that was wrong: it would be fresh until that time comes."""
    assert begun(proved=CLOCK_TOLERANCE).is_fresh(NOW)
    assert not begun(proved=CLOCK_TOLERANCE + MICROSECOND).is_fresh(NOW)
