"""Finding a refresh token by its secret or for its owner, refusing it with the reason, and holding its lock.

Not here: what is done with it (``minting``, ``issuing``, ``revoking``), and access tokens (``verifying``).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import (
    NotFound,
    OwnerDisabled,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenUnknown,
    Unavailable,
    UserIdMismatch,
)
from app.domain.identity import User
from app.domain.mistakes import mistake_in
from app.domain.policy import Policy
from app.domain.secrets import PUBLIC_ID, KeyRing, TokenFormat, TokenText
from app.domain.tokens import RefreshToken, TokenKind, TokenStatus, status_at
from app.services import budgets
from app.storage import refresh_tokens, retired_secrets
from app.storage.database import Database
from app.storage.refresh_tokens import StoredRefreshToken, as_refresh_token

_REFUSED: dict[TokenStatus, type[TokenRefused]] = {
    TokenStatus.EXPIRED: TokenExpired,
    TokenStatus.REVOKED: TokenRevoked,
}


@dataclass(frozen=True)
class BySecret:
    """A refresh token identified by its secret; with `user_id`, only if it is that user's."""

    secret: str = field(repr=False)
    user_id: int | None = None

    @property
    def queue(self) -> str:
        """The `subject` of :meth:`Database.transaction`."""
        return self.secret


@dataclass(frozen=True)
class ByOwner:
    """A refresh token identified by its public id, for its authenticated owner."""

    public_id: str
    owner_id: int

    @property
    def queue(self) -> str:
        """As of :class:`BySecret`."""
        return self.public_id


Claim = BySecret | ByOwner


@dataclass(frozen=True)
class FoundToken:
    """The refresh token of a claim, in any state. `text`: its secret, if presented.

    `replaced_at`: when regeneration replaced this secret; None for the current one.
    """

    stored: StoredRefreshToken
    text: TokenText | None = None
    replaced_at: datetime | None = None


@dataclass(frozen=True)
class HeldToken:
    """An active refresh token, locked until the end of the transaction, with its owner and the policy."""

    stored: StoredRefreshToken
    text: TokenText | None
    owner: User
    policy: Policy


class HeldTokens:
    """Finds and holds refresh tokens."""

    def __init__(self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format

    def validate(self, claim: Claim) -> tuple[RefreshToken, User]:
        """An active refresh token and its owner, without a lock; refuses as :meth:`hold`."""
        with self._database.reading() as session:
            found = self.find(session, claim)
            now = self._clock()
            _refuse_unless_active(found, now)
            return as_refresh_token(found.stored, now), _owner(session, found.stored)[0]

    def find(self, session: Session, claim: Claim) -> FoundToken:
        """The refresh token, in any state.

        Refuses with TokenMalformed (a secret with a recognised mistake), TokenUnknown (any other), UserIdMismatch, and
        for a public id with NotFound (unknown, or another user's).
        """
        if isinstance(claim, BySecret):
            return self._find_by_secret(session, claim)
        row = refresh_tokens.find(session, claim.public_id) if PUBLIC_ID.fullmatch(claim.public_id) else None
        if row is None or row.user_id != claim.owner_id:
            raise NotFound("refresh token")
        return FoundToken(row)

    def hold(
        self,
        session: Session,
        claim: Claim,
        now: datetime,
        *,
        is_use: bool = False,
        address: str | None = None,
        allow_expired: bool = False,
    ) -> HeldToken:
        """An active refresh token, locked and with its generation incremented.

        `is_use`: a mint, from the client's `address`; `allow_expired`: a regeneration. Both are counted. Refuses as
        :meth:`find`, with a TokenRefused (expired, unless `allow_expired`; revoked; owner disabled), RateLimited, and
        with Unavailable where others changed it meanwhile. Not here: whether the caller's credential is enough
        (``permitting``).
        """
        found = self.find(session, claim)
        _refuse_unless_active(found, now, allow_expired)
        if is_use or allow_expired:
            budgets.refuse_when_spent(session, found.stored, now, is_mint=is_use)
        text = found.text
        mac = self._ring.sign(text) if text and found.stored.key_id != self._ring.current else None
        stored = refresh_tokens.hold(
            session, found.stored, now, mac=mac, is_use=is_use, address=address, allow_expired=allow_expired
        )
        if stored is None or (text and not self._ring.verifies(text, stored.key_id, stored.mac)):
            # The token ended, or its secret was replaced, during the wait for the lock.
            _refuse_unless_active(self.find(session, claim), now, allow_expired)
            raise Unavailable("the refresh token is being changed")
        if stored.user_id != found.stored.user_id:  # moved during the wait: no longer that user's, if one is named
            self.find(session, claim)
        owner, policy = _owner(session, stored)
        if is_use or allow_expired:
            budgets.refuse_overspent(stored, policy, now, is_mint=is_use)
        return HeldToken(stored, text, owner, policy)

    def _find_by_secret(self, session: Session, claim: BySecret) -> FoundToken:
        token = self._format.parse(claim.secret)
        if token is None or token.kind is not TokenKind.REFRESH:
            if mistake := mistake_in(claim.secret, TokenKind.REFRESH, self._format):
                raise TokenMalformed(TokenKind.REFRESH, mistake=mistake)
            raise TokenUnknown(TokenKind.REFRESH)
        row = refresh_tokens.find(session, token.public_id)
        if row is None:
            self._ring.verify_dummy(token)
            raise TokenUnknown(TokenKind.REFRESH)
        replaced_at = None
        if not self._ring.verifies(token, row.key_id, row.mac):
            replaced_at = self._replaced_at(session, row, token)
        if claim.user_id is not None and row.user_id != claim.user_id:
            raise UserIdMismatch(TokenKind.REFRESH, token.public_id)
        return FoundToken(row, token, replaced_at)

    def _replaced_at(self, session: Session, row: StoredRefreshToken, token: TokenText) -> datetime:
        retired = retired_secrets.find(session, row.id, self._ring.sign_with_each(token))
        if retired is None or not self._ring.verifies(token, retired.key_id, retired.mac):
            raise TokenUnknown(TokenKind.REFRESH)
        return retired.retired_at


def _refuse_unless_active(found: FoundToken, now: datetime, allow_expired: bool = False) -> None:
    row = found.stored
    if found.replaced_at is not None:
        raise TokenRevoked(TokenKind.REFRESH, row.public_id, found.replaced_at)
    status = status_at(TokenStatus(row.status), row.expires_at, now)
    if status is not TokenStatus.ACTIVE and not (allow_expired and status is TokenStatus.EXPIRED):
        raise _REFUSED[status](TokenKind.REFRESH, row.public_id, row.revoked_at or row.expires_at)


def _owner(session: Session, row: StoredRefreshToken) -> tuple[User, Policy]:
    """Read after the lock, to see a user disabled before it. Refuses with OwnerDisabled."""
    owner, settings = refresh_tokens.find_owner(session, row.user_id)
    if not owner.is_active:
        raise OwnerDisabled(TokenKind.REFRESH, row.public_id)
    return owner, Policy.of(settings)
