"""An access token in memory, and in the cache that processes share."""

import hashlib
from dataclasses import dataclass
from math import inf
from typing import Any, TypeGuard

from daypass_client.machine_clock import boot_id
from daypass_client.minting import Minted, RefreshLife
from daypass_client.secrecy import Secret, remember

LONGEST_MARGIN, MARGIN = 60.0, 0.1
"""How long before it expires a token is replaced: in seconds, or as a part of its lifetime if that is less."""


@dataclass(frozen=True)
class Held:
    """An access token, when to replace it, and when it and its refresh token expire, by the machine's clock.

    `refresh_seconds`: the whole life of the refresh token. `refresh_is_old`: it has a new secret. Both are of the
    secret with this `refresh_mark`. None: unknown.
    """

    token: Secret
    made_at: float
    renew_at: float
    ends_at: float
    refresh_ends_at: float | None
    refresh_seconds: float | None = None
    refresh_is_old: bool = False
    refresh_mark: str | None = None


def held_from(minted: Minted, began: float, secret: Secret, longest: float) -> Held:
    """A new access token of `secret`, asked for at `began`; it is replaced after `longest` seconds at the latest."""
    # Counted from the first try: to replace a token too early does no harm.
    left = inf if minted.seconds_left is None else minted.seconds_left
    renew_at = began + min(longest, left - min(LONGEST_MARGIN, left * MARGIN))
    return Held(minted.token, began, renew_at, began + left, **refresh_members(minted.refresh, began, secret))


def mark_of(secret: Secret) -> str:
    """What tells the secrets of a refresh token apart, and tells nothing about them."""
    return hashlib.sha256(f"daypass-client|mark|{secret}".encode()).hexdigest()[:16]


def refresh_members(life: RefreshLife, began: float, secret: Secret) -> dict[str, Any]:
    """The members of :class:`Held` about a refresh token, of which the server told at `began`."""
    # Of an old secret, the server says when that ends, and not the refresh token.
    ends_at = None if life.seconds_left is None or life.is_old else began + life.seconds_left
    return {
        "refresh_ends_at": ends_at, "refresh_seconds": life.seconds, "refresh_is_old": life.is_old,
        "refresh_mark": mark_of(secret),
    }  # fmt: skip


def held_of(members: dict[str, Any], now: float) -> Held | None:
    """The token that another process stored; None if incomplete, or from another run of the machine."""
    token = members.get("token")
    times = [each for name in ("made_at", "renew_at", "ends_at") if _is_time(each := members.get(name))]
    if members.get("boot") != boot_id() or len(times) != 3 or times[0] > now:
        return None
    if not isinstance(token, str) or not token.isprintable() or not token.isascii():
        return None
    made_at, renew_at, ends_at = times
    refresh_ends_at, seconds = (
        each if _is_time(each := members.get(name)) else None for name in ("refresh_ends_at", "refresh_seconds")
    )
    is_old, mark = members.get("refresh_is_old") is True, str(members.get("refresh_mark"))
    return Held(remember(token), made_at, renew_at, ends_at, refresh_ends_at, seconds, is_old, mark)


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, float | int)
