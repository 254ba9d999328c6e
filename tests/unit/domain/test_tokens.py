"""The state of a token at an instant, and what the tokens' own types say and hide.

Here belongs ``app.domain.tokens``. Not here: the same definition in SQL (``tests/unit/storage/test_liveness.py``).
"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.tokens import Issued, RefreshToken, TokenKind, TokenStatus, status_at
from tests.unit.domain.instants import NOW, instants

ENDS = NOW
MICROSECOND = timedelta(microseconds=1)
JUST_BEFORE, JUST_AFTER = ENDS - MICROSECOND, ENDS + MICROSECOND

ACTIVE, OVERLAPPING, SUPERSEDED, EXPIRED, REVOKED = TokenStatus

statuses = st.sampled_from(TokenStatus)


@pytest.mark.parametrize(
    ("stored", "now", "state"),
    [
        (ACTIVE, JUST_BEFORE, ACTIVE),
        (ACTIVE, ENDS, EXPIRED),
        (ACTIVE, JUST_AFTER, EXPIRED),
        (OVERLAPPING, JUST_BEFORE, ACTIVE),
        (OVERLAPPING, ENDS, SUPERSEDED),
        (OVERLAPPING, JUST_AFTER, SUPERSEDED),
        (SUPERSEDED, JUST_BEFORE, SUPERSEDED),
        (SUPERSEDED, ENDS, SUPERSEDED),
        (SUPERSEDED, JUST_AFTER, SUPERSEDED),
        (EXPIRED, JUST_BEFORE, EXPIRED),
        (EXPIRED, ENDS, EXPIRED),
        (EXPIRED, JUST_AFTER, EXPIRED),
        (REVOKED, JUST_BEFORE, REVOKED),
        (REVOKED, ENDS, REVOKED),
        (REVOKED, JUST_AFTER, REVOKED),
    ],
)
def test_a_token_ends_at_the_instant_of_its_expiry(stored: TokenStatus, now: datetime, state: TokenStatus) -> None:
    """Fails when `status_at` compares with `<` in place of `<=`."""
    assert status_at(stored, ENDS, now) is state


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        (ACTIVE, ACTIVE),
        (OVERLAPPING, ACTIVE),
        (SUPERSEDED, SUPERSEDED),
        (EXPIRED, EXPIRED),
        (REVOKED, REVOKED),
    ],
)
def test_a_token_without_an_expiry_never_ends_by_the_clock(stored: TokenStatus, state: TokenStatus) -> None:
    assert status_at(stored, None, datetime.max.replace(tzinfo=UTC)) is state


@given(statuses, st.none() | instants, instants, st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_token_that_has_ended_does_not_come_back_later(
    stored: TokenStatus, expires_at: datetime | None, now: datetime, later: timedelta
) -> None:
    before = status_at(stored, expires_at, now)
    if before is not ACTIVE:
        assert status_at(stored, expires_at, now + later) is before


@given(statuses, st.none() | instants, instants)
def test_no_state_that_is_told_is_overlapping(stored: TokenStatus, expires_at: datetime | None, now: datetime) -> None:
    """It is for the tables alone: whoever asks is told that the token works, or that it is superseded."""
    assert status_at(stored, expires_at, now) is not OVERLAPPING


@given(statuses, instants, instants, st.integers(-14 * 60, 14 * 60))
def test_the_offset_in_which_an_instant_is_told_does_not_matter(
    stored: TokenStatus, expires_at: datetime, now: datetime, minutes: int
) -> None:
    elsewhere = timezone(timedelta(minutes=minutes))
    assert status_at(stored, expires_at.astimezone(elsewhere), now) is status_at(stored, expires_at, now)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(TypeError):
        status_at(ACTIVE, ENDS, ENDS.replace(tzinfo=None))


def test_each_tier_has_a_letter_of_its_own() -> None:
    assert [kind.letter for kind in TokenKind] == ["r", "a"]


def test_a_token_just_issued_does_not_show_its_secret() -> None:
    token = RefreshToken(1, "k3v9x0a1b2c3", 7, "nightly-etl", ACTIVE, 0, ENDS, ENDS)
    issued = Issued(token, "the very secret")
    assert "k3v9x0a1b2c3" in repr(issued)
    assert "the very secret" not in f"{issued!r} {issued}"
