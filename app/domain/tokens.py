"""The two tiers of tokens, and the one definition of their state at an instant, :func:`status_at`.

Not here: token text (``secrets``), and the same definition in SQL (``app.storage.liveness``, compared by test).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from app.domain.clock import CLOCK_TOLERANCE

T = TypeVar("T")

SHARING_WINDOW = timedelta(minutes=10)
MOST_MINTS_OF_ONE = 5
"""In that window. More mints, from several addresses, come from several programs."""

SHARING_SHOWN_FOR = timedelta(days=1)
SEEMS_SHARED = (
    "Two programs seem to share this token, and each replaces the access token of the other. "
    "Create a refresh token for each, or set access_token_reissue to reuse."
)

CREATED_IN_FUTURE = (
    "Created in the future: the clock was wrong when this token got its secret, or is wrong now. "
    "Its expiry counts from that time; if that is too late, revoke it."
)


class TokenKind(StrEnum):
    """The tier: access tokens are minted from a refresh token, and sent with each request."""

    REFRESH = "refresh"
    ACCESS = "access"

    @property
    def letter(self) -> str:
        """The tier in the token text, after the instance's prefix."""
        return self.value[0]


class TokenStatus(StrEnum):
    """The stored state of a token; with the clock it gives the actual one, :func:`status_at`.

    OVERLAPPING is stored only: replaced, and active until its `expires_at`, the end of the overlap. EXPIRED is stored
    as a note for lists, and believed nowhere: the clock that wrote it may have been wrong. SUPERSEDED and REVOKED are
    final: no clock makes such a token active again.
    """

    ACTIVE = "active"
    OVERLAPPING = "overlapping"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    REVOKED = "revoked"


FINAL = (TokenStatus.SUPERSEDED, TokenStatus.REVOKED)


def status_at(
    stored: TokenStatus, expires_at: datetime | None, now: datetime, had_expired: bool = False
) -> TokenStatus:
    """The state of a token at `now`: it works only if ACTIVE.

    A token expires **at** the instant of `expires_at`; None is never. `had_expired`: whether a final token had expired
    when it was replaced or revoked. It is EXPIRED then, but never active again on a clock that says otherwise.
    """
    is_over = expires_at is not None and expires_at <= now
    if stored in FINAL:
        return TokenStatus.EXPIRED if had_expired and is_over else stored
    if is_over:
        return TokenStatus.SUPERSEDED if stored is TokenStatus.OVERLAPPING else TokenStatus.EXPIRED
    return TokenStatus.ACTIVE


def capped(expires_at: datetime, limit: datetime | None) -> datetime:
    """`expires_at`, or `limit` if that is earlier; None is without a limit."""
    return expires_at if limit is None else min(expires_at, limit)


def life_limit(created_at: datetime, expires_at: datetime, longest: timedelta) -> datetime | None:
    """Beyond what a refresh token is not renewed. `longest`: its life in all; zero is without a limit.

    What the token has is not taken from it: `longest` may have been another when it got that.
    """
    return max(created_at + longest, expires_at) if longest else None


def is_from_future(created_at: datetime, now: datetime) -> bool:
    """Whether a token says that it was created later than `now`: this clock is wrong, or was when it was created."""
    return created_at - now > CLOCK_TOLERANCE


def is_sharing(minted_from: Sequence[str | None]) -> bool:
    """Whether these mints come from programs that replace each other's access tokens.

    `minted_from`: the client address of each mint in the last SHARING_WINDOW; None where unknown.
    """
    return len(minted_from) > MOST_MINTS_OF_ONE and len(set(minted_from) - {None}) > 1


def seems_shared_at(seen_at: datetime | None, now: datetime) -> bool:
    """Whether to report it. `seen_at`: when :func:`is_sharing` was last true."""
    return seen_at is not None and -CLOCK_TOLERANCE < now - seen_at < SHARING_SHOWN_FOR


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token without its secret. `status`: at the time of reading.

    `created_in_future`: :func:`is_from_future` of its present secret. `created_with`: the access token (public id) that
    made that, if one did. `secret_seen_at`: when it was last found where no secret belongs, such as in a path.
    `lifetime_days`: chosen when it was created; None for the instance's. `rotated_at`: the latest rotation.
    `old_secret_until`: until when the secret before that works as well; None where it does not. `renewable_until`:
    beyond it, its secrets do not renew it.
    """

    id: int
    public_id: str
    user_id: int
    name: str
    status: TokenStatus
    generation: int
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    last_used_ip: str | None = None
    last_used_agent: str | None = None
    regenerated_at: datetime | None = None
    rotated_at: datetime | None = None
    old_secret_until: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None
    access_token_reissue: str | None = None
    seems_shared: bool = False
    created_in_future: bool = False
    created_with: str | None = None
    secret_seen_at: datetime | None = None
    lifetime_days: int | None = None
    description: str | None = None
    renewable_until: datetime | None = None

    def renewed_until(self, now: datetime, lifetime: timedelta, longest: timedelta) -> datetime:
        """When it expires if it is rotated at `now`. `longest`: its whole life; zero is without a limit."""
        limit = life_limit(self.created_at, self.expires_at, longest)
        return capped(capped(now + lifetime, limit), self.renewable_until)


def secret_made_at(created_at: datetime, *renewals: datetime | None) -> datetime:
    """When the present secret of a refresh token was made: at the latest of its creation and `renewals`."""
    return max([created_at, *(each for each in renewals if each is not None)])


@dataclass(frozen=True)
class AccessToken:
    """An access token without its secret. `status`: at the time of reading. `created_in_future`: the same.

    `refresh_token_id`: None for a single-tier token. `expires_at`: None is never. `created_with`: the access token
    (public id) that made it, if one did. `secret_seen_at`: as of a refresh token.
    """

    id: int
    public_id: str
    uuid: str
    user_id: int
    refresh_token_id: int | None
    generation: int
    description: str | None
    status: TokenStatus
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    last_used_ip: str | None = None
    last_used_agent: str | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None
    minted_from: str | None = None
    created_in_future: bool = False
    created_with: str | None = None
    secret_seen_at: datetime | None = None


@dataclass(frozen=True)
class Issued(Generic[T]):
    """A new token and its secret, which is in clear text only here.

    Of a minted access token: `refresh_token_expires_at`, `replaced` (the previous active one, after replacement),
    `seems_shared` (two programs seem to mint), `old_secret_until` (it was minted with the old secret of a rotated
    refresh token, which works until then), `reused_at` (when one that existed was returned again), and
    `refresh_token_since` (:func:`secret_made_at`; None where a rotation has no overlap: no client rotates by itself).
    """

    token: T
    secret: str = field(repr=False)
    refresh_token_expires_at: datetime | None = None
    replaced: AccessToken | None = None
    seems_shared: bool = False
    old_secret_until: datetime | None = None
    reused_at: datetime | None = None
    refresh_token_since: datetime | None = None


class Ending(NamedTuple):
    """How many tokens end on a day, and how many of these soon."""

    day: date
    number: int
    soon: int = 0
