"""The state of a token at an instant, and what the tokens' own types say and hide."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.tokens import Issued, RefreshToken, TokenStatus, status_at

ENDS, MICROSECOND = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(microseconds=1)
ACTIVE, OVERLAPPING, SUPERSEDED, EXPIRED, REVOKED = TokenStatus


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
    """It is never called overlapping. Fails when `status_at` compares with `<` in place of `<=`."""
    assert status_at(stored, ENDS, ENDS - MICROSECOND) is before
    assert status_at(stored, ENDS, ENDS) is after
    assert status_at(stored, ENDS, ENDS + MICROSECOND) is after
    assert status_at(stored, None, datetime.max.replace(tzinfo=UTC)) is before


def test_a_token_just_issued_does_not_show_its_secret() -> None:
    token = RefreshToken(1, "k3v9x0a1b2c3", 7, "nightly-etl", ACTIVE, 0, ENDS, ENDS)
    issued = Issued(token, "the very secret")
    assert "k3v9x0a1b2c3" in repr(issued)
    assert "the very secret" not in f"{issued!r} {issued}"
