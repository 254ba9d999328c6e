"""How long a sign-in at a provider counts."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import leavers

THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def test_a_person_is_away_from_the_instant_on_at_which_the_days_are_over() -> None:
    """Fails when it is a microsecond later."""
    assert leavers.sign_in_by(THEN, "30") == THEN + 30 * DAY
    assert not leavers.is_away(THEN, "30", THEN + 30 * DAY - MICROSECOND)
    assert leavers.is_away(THEN, "30", THEN + 30 * DAY)


@pytest.mark.parametrize(("vouched_at", "days"), [(None, "1"), (THEN, None), (THEN, "0"), (None, None)])
def test_nobody_is_away_without_a_limit_or_without_a_provider(vouched_at: datetime | None, days: str | None) -> None:
    assert leavers.sign_in_by(vouched_at, days) is None
    assert not leavers.is_away(vouched_at, days, THEN + 36500 * DAY)
    assert not leavers.is_told(vouched_at, None, THEN + 36500 * DAY)


@pytest.mark.parametrize(("days", "told_from"), [(30, 23), (14, 7), (8, 4), (1, 0.5)])
def test_it_is_told_a_week_before_and_not_in_the_first_half_of_a_shorter_time(days: int, told_from: float) -> None:
    until, first = THEN + days * DAY, THEN + told_from * DAY
    assert not leavers.is_told(THEN, until, first - MICROSECOND)
    assert leavers.is_told(THEN, until, first)
    assert leavers.is_told(THEN, until, until + DAY)
