"""The two tiers of tokens, and the one definition of their state at an instant.

Here belong what a token is and :func:`status_at`. Not here: the text a client holds (``secrets``), how long
a token lives (``policy``), and the same definition in SQL (``app.storage.liveness``, compared by test).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

SHARING_WINDOW = timedelta(minutes=10)
MOST_MINTS_OF_ONE = 5
"""In that window. Whoever mints more often, from several addresses, is more than one."""

SHARING_IS_TOLD_FOR = timedelta(days=1)
SEEMS_SHARED = (
    "Two programs seem to share this token, and each ends the access token of the other. "
    "Make a refresh token for each, or one that several jobs may share (access_token_reissue: reuse)."
)


class TokenKind(StrEnum):
    """The tier: a refresh token is traded for access tokens; an access token is sent with each call."""

    REFRESH = "refresh"
    ACCESS = "access"

    @property
    def letter(self) -> str:
        """What tells the tiers apart in the token text, after the instance's prefix."""
        return self.value[0]


class TokenStatus(StrEnum):
    """What is stored of a token's state. The clock has a say as well: see :func:`status_at`.

    OVERLAPPING is only ever stored: replaced, and good until its `expires_at`, which was shortened to the end of
    the overlap. SUPERSEDED is over whatever any clock says, so that a host whose clock is behind agrees.
    """

    ACTIVE = "active"
    OVERLAPPING = "overlapping"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    REVOKED = "revoked"


def status_at(stored: TokenStatus, expires_at: datetime | None, now: datetime) -> TokenStatus:
    """The state of a token at `now`; ACTIVE means that it works, everything else that it does not.

    A token ends **at** the instant of `expires_at`, not after it; None never ends.
    """
    if stored not in (TokenStatus.ACTIVE, TokenStatus.OVERLAPPING):
        return stored
    if expires_at is not None and expires_at <= now:
        return TokenStatus.SUPERSEDED if stored is TokenStatus.OVERLAPPING else TokenStatus.EXPIRED
    return TokenStatus.ACTIVE


def is_sharing(minted_from: Sequence[str | None]) -> bool:
    """Whether mints look like two programs that end each other's access tokens.

    `minted_from`: the client's address of each mint of the last SHARING_WINDOW; None where it is not known.
    """
    return len(minted_from) > MOST_MINTS_OF_ONE and len(set(minted_from) - {None}) > 1


def seems_shared_at(seen_at: datetime | None, now: datetime) -> bool:
    """Whether that is still worth telling. `seen_at`: when it looked so last."""
    return seen_at is not None and now - seen_at < SHARING_IS_TOLD_FOR


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token as it is kept: all but its secret. `status` is the state at the moment of reading."""

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
    regenerated_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None
    access_token_reissue: str | None = None
    seems_shared: bool = False


@dataclass(frozen=True)
class AccessToken:
    """An access token as it is kept: all but its secret. `status` is the state at the moment of reading.

    `refresh_token_id` is None for one that was not minted from a refresh token; `expires_at` None is never.
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


@dataclass(frozen=True)
class Issued(Generic[T]):
    """A new token together with its secret, which exists in clear text here and nowhere else.

    `refresh_token_expires_at`: of an access token that was minted, when the refresh token behind it ends. `replaced`:
    the access token that was alive before it, as it was then. `seems_shared`: several programs seem to mint.
    """

    token: T
    secret: str = field(repr=False)
    refresh_token_expires_at: datetime | None = None
    replaced: AccessToken | None = None
    seems_shared: bool = False


class Ending(NamedTuple):
    """How many tokens end on a day, with the first of their names, in order of their time."""

    day: date
    number: int
    names: list[str]
