"""Rotation: the secret that follows another one of a refresh token, and until when the token lives on.

The reasoning is in docs/derived-secrets.md. Not here: what is stored (``app.services.rotating``).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.secrets import KeyRing, Purpose, TokenText


class SecretUse(NamedTuple):
    """The last mint of a client with a secret. `number`: of the secret. `address`: None where it is not known."""

    number: int
    at: datetime
    address: str | None
    agent: str | None


def successor_of(ring: KeyRing, old: TokenText, number: int) -> TokenText:
    """The text with the secret that follows `old`, derived with the current key. `number`: of the old secret."""
    secret = _derived(ring, ring.current, old, number)
    assert secret is not None
    return old.with_secret(secret)


def possible_successors_of(ring: KeyRing, old: TokenText, number: int) -> Iterator[TokenText]:
    """The same with each key of the ring: the key may have changed since. Compare each with the stored digest."""
    for key_id in ring.ids:
        secret = _derived(ring, key_id, old, number)
        if secret is not None:
            yield old.with_secret(secret)


def _derived(ring: KeyRing, key_id: str, old: TokenText, number: int) -> str | None:
    return ring.derive(key_id, Purpose.ROTATE, old.public_id, old.secret, str(number))


def life_limit(created_at: datetime, expires_at: datetime, longest: timedelta) -> datetime | None:
    """Beyond what a refresh token is not renewed. `longest`: its life in all; zero is without a limit.

    What the token has is not taken from it: `longest` may have been another when it got that.
    """
    return max(created_at + longest, expires_at) if longest else None
