"""Who uses which secret of a rotated refresh token, and until when a token is renewed."""

from datetime import UTC, datetime, timedelta

from app.domain.rotation import Secrets, SecretUse, secrets_of
from app.domain.tokens import life_limit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD, NEW = 4, 5


def use(number: int, hours: float, address: str | None) -> SecretUse:
    return SecretUse(number, NOW + hours * HOUR, address, None)


def test_an_address_has_moved_that_used_the_new_secret_last() -> None:
    """Fails when one that went back to the old secret counts as moved, or one of a secret before those two counts."""
    back, moved, unknown = use(OLD, 5, "10.0.0.7"), use(NEW, 4, "10.0.0.5"), use(OLD, 1, None)
    uses = [back, moved, use(NEW, 3, "10.0.0.7"), use(OLD, 2, "10.0.0.5"), unknown, use(OLD - 1, 0, "10.0.0.9")]
    assert secrets_of(NEW, NOW + DAY, uses) == Secrets(moved, back, NOW + DAY, 1, (back, unknown))
    assert secrets_of(NEW, NOW + DAY, []) == Secrets(None, None, NOW + DAY)


def test_the_longest_life_takes_nothing_that_a_token_has() -> None:
    for longest, expires_at, limit in (
        (timedelta(0), NOW + DAY, None), (3 * DAY, NOW + DAY, NOW + 3 * DAY), (3 * DAY, NOW + 9 * DAY, NOW + 9 * DAY)
    ):  # fmt: skip
        assert life_limit(NOW, expires_at, longest) == limit
