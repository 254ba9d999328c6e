"""The state of a token at an instant, and what the tokens' own types say and hide."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.tokens import (
    FINAL,
    SHARING_SHOWN_FOR,
    Issued,
    RefreshToken,
    TokenStatus,
    is_from_future,
    seems_shared_at,
    status_at,
)

ENDS, MICROSECOND = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(microseconds=1)
ACTIVE, OVERLAPPING, _, EXPIRED, _ = TokenStatus
SUPERSEDED = TokenStatus.SUPERSEDED


@pytest.mark.parametrize(
    ("stored", "before", "after"),
    [
        (ACTIVE, ACTIVE, EXPIRED),
        (EXPIRED, ACTIVE, EXPIRED),  # a note: the clock that wrote it may have been wrong
        (OVERLAPPING, ACTIVE, SUPERSEDED),
        *((final, final, final) for final in FINAL),
    ],
)
def test_a_token_ends_at_the_instant_of_its_expiry_and_without_one_never(
    stored: TokenStatus, before: TokenStatus, after: TokenStatus
) -> None:
    """It is never called overlapping. Fails when `status_at` compares with `<` in place of `<=`."""
    assert status_at(stored, ENDS, ENDS - MICROSECOND) is before
    assert status_at(stored, ENDS, ENDS) is after
    assert status_at(stored, ENDS, ENDS + MICROSECOND) is after
    assert status_at(stored, None, datetime.max.replace(tzinfo=UTC)) is before


@pytest.mark.parametrize("final", FINAL)
def test_a_token_that_had_expired_before_its_end_is_expired_and_never_active_again(final: TokenStatus) -> None:
    """On a clock by which it has not expired, it is what ended it."""
    assert status_at(final, ENDS, ENDS, had_expired=True) is EXPIRED
    assert status_at(final, ENDS, ENDS - MICROSECOND, had_expired=True) is final


def test_a_token_is_from_the_future_if_clocks_that_agree_cannot_differ_so_much() -> None:
    assert not is_from_future(ENDS + CLOCK_TOLERANCE, ENDS)
    assert is_from_future(ENDS + CLOCK_TOLERANCE + MICROSECOND, ENDS)


@pytest.mark.parametrize(
    ("seen_at", "is_shown"),
    [
        (None, False),
        (ENDS - SHARING_SHOWN_FOR, False),
        (ENDS - SHARING_SHOWN_FOR + MICROSECOND, True),
        (ENDS, True),
        (ENDS + timedelta(days=400), False),
    ],
)
def test_sharing_is_shown_for_a_day_and_not_until_a_time_to_come(seen_at: datetime | None, is_shown: bool) -> None:
    assert seems_shared_at(seen_at, ENDS) is is_shown


def test_a_token_just_issued_does_not_show_its_secret() -> None:
    token = RefreshToken(1, "k3v9x0a1b2c3", 7, "nightly-etl", ACTIVE, 0, ENDS, ENDS)
    issued = Issued(token, "the very secret")
    assert "k3v9x0a1b2c3" in repr(issued)
    assert "the very secret" not in f"{issued!r} {issued}"
