"""The state of a token at an instant, and what the tokens' own types say and hide."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.tokens import Issued, RefreshToken, TokenStatus, status_at
from tests.unit.domain.instants import NOW, instants

ENDS, MICROSECOND = NOW, timedelta(microseconds=1)

ACTIVE, OVERLAPPING, SUPERSEDED, EXPIRED, REVOKED = TokenStatus

statuses = st.sampled_from(TokenStatus)


@pytest.mark.parametrize(
    ("stored", "before", "after"),
    [
        (ACTIVE, ACTIVE, EXPIRED),
        (OVERLAPPING, ACTIVE, SUPERSEDED),
        *((ended, ended, ended) for ended in (SUPERSEDED, EXPIRED, REVOKED)),
    ],
)
def test_a_token_ends_at_the_instant_of_its_expiry_and_without_one_never(
    stored: TokenStatus, before: TokenStatus, after: TokenStatus
) -> None:
    """Fails when `status_at` compares with `<` in place of `<=`."""
    assert status_at(stored, ENDS, ENDS - MICROSECOND) is before
    assert status_at(stored, ENDS, ENDS) is after
    assert status_at(stored, ENDS, ENDS + MICROSECOND) is after
    assert status_at(stored, None, datetime.max.replace(tzinfo=UTC)) is before


@given(statuses, st.none() | instants, instants, st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_token_that_has_ended_does_not_come_back_later(
    stored: TokenStatus, expires_at: datetime | None, now: datetime, later: timedelta
) -> None:
    """And is never called overlapping, which is for the tables alone: it works, or it is superseded."""
    before = status_at(stored, expires_at, now)
    assert before is not OVERLAPPING
    if before is not ACTIVE:
        assert status_at(stored, expires_at, now + later) is before


@given(statuses, instants, instants, st.integers(-14 * 60, 14 * 60))
def test_the_offset_of_an_instant_does_not_matter(
    stored: TokenStatus, expires_at: datetime, now: datetime, minutes: int
) -> None:
    elsewhere = timezone(timedelta(minutes=minutes))
    assert status_at(stored, expires_at.astimezone(elsewhere), now) is status_at(stored, expires_at, now)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(TypeError):
        status_at(ACTIVE, ENDS, ENDS.replace(tzinfo=None))


def test_a_token_just_issued_does_not_show_its_secret() -> None:
    token = RefreshToken(1, "k3v9x0a1b2c3", 7, "nightly-etl", ACTIVE, 0, ENDS, ENDS)
    issued = Issued(token, "the very secret")
    assert "k3v9x0a1b2c3" in repr(issued)
    assert "the very secret" not in f"{issued!r} {issued}"
