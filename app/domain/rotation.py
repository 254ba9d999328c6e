"""Rotation: the secret that follows another one of a refresh token, and who uses which.

The reasoning is in docs/derived-secrets.md. Not here: what is stored (``app.services.rotating``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain.secrets import KeyRing, Purpose, TokenText


class SecretUse(NamedTuple):
    """The last mint of a client with a secret. `number`: of the secret. `address`: None where it is not known."""

    number: int
    at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True)
class Secrets:
    """The secrets of a refresh token, and who uses which.

    `current`, `old`: the last use of each; None where it was not used since the rotation. `old_until`: until when the
    old one works; None where it does not. `moved`: how many addresses have used the current one, and not the old one
    since; `behind`: the last use of each other address, the latest first. Both only while the old one works.
    """

    current: SecretUse | None = None
    old: SecretUse | None = None
    old_until: datetime | None = None
    moved: int = 0
    behind: tuple[SecretUse, ...] = ()


def secrets_of(number: int, old_until: datetime, uses: Sequence[SecretUse]) -> Secrets:
    """Of a token whose old secret works. `number`: of its current one; `uses`: the latest first."""
    current, old = ([use for use in uses if use.number == each] for each in (number, number - 1))
    moved = {use.address: use.at for use in current}
    behind = tuple(use for use in old if use.address not in moved or moved[use.address] < use.at)
    still = len(moved) - len(moved.keys() & {use.address for use in behind})
    return Secrets(next(iter(current), None), next(iter(old), None), old_until, still, behind)


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
