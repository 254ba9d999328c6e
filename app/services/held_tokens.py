"""Refresh tokens in somebody's hands: recognising one, saying why it does not work, and holding it under its lock.

A refresh token is named by its secret, or by its public id for an owner who has proved who they are. Not here: what is
done with it then (``minting``, ``issuing``, ``revoking``), and access tokens (``verifying``).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import (
    NotFound,
    NotPermitted,
    OwnerDisabled,
    TokenExpired,
    TokenRefused,
    TokenRevoked,
    TokenUnknown,
    Unavailable,
    UserIdMismatch,
)
from app.domain.identity import User
from app.domain.policy import Policy
from app.domain.secrets import PUBLIC_ID, KeyRing, TokenFormat, TokenText
from app.domain.tokens import RefreshToken, TokenKind, TokenStatus, status_at
from app.services.instance_settings import read_policy
from app.storage import refresh_tokens
from app.storage.database import Database
from app.storage.refresh_tokens import StoredRefreshToken, as_refresh_token

NOT_BY_TOKEN = (
    "An access token is not enough for this here. A server administrator can change that: "
    "daypass conf api_can_create_refresh_tokens -s on."
)

ATTEMPTS = 3
"""How often a refresh token that others are changing is looked at again before the caller is told to come back."""

_REFUSED: dict[TokenStatus, type[TokenRefused]] = {
    TokenStatus.EXPIRED: TokenExpired,
    TokenStatus.REVOKED: TokenRevoked,
}


@dataclass(frozen=True)
class BySecret:
    """A refresh token named by its secret; with `user_id`, only if it is that user's."""

    secret: str = field(repr=False)
    user_id: int | None = None

    @property
    def queue(self) -> str:
        """What others in this process that name it alike wait for (:meth:`Database.transaction`)."""
        return self.secret


@dataclass(frozen=True)
class ByOwner:
    """A refresh token named by its public id, for its owner, who has proved who they are.

    `is_by_token`: proved by an access token only, which is enough while ``api_can_create_refresh_tokens`` is on.
    """

    public_id: str
    owner_id: int
    is_by_token: bool = False

    @property
    def queue(self) -> str:
        """As of :class:`BySecret`."""
        return self.public_id


Claim = BySecret | ByOwner


@dataclass(frozen=True)
class FoundToken:
    """A refresh token that a claim names, in whatever state. `text`: its secret, where that was presented.

    `replaced_at`: when regeneration replaced this very secret; None for the present one.
    """

    stored: StoredRefreshToken
    text: TokenText | None = None
    replaced_at: datetime | None = None


@dataclass(frozen=True)
class HeldToken:
    """A refresh token that is good and locked until the end of the transaction, with all that a decision needs."""

    stored: StoredRefreshToken
    text: TokenText | None
    owner: User
    policy: Policy


class HeldTokens:
    """Recognises refresh tokens, and holds them."""

    def __init__(self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format

    def validate(self, claim: Claim) -> tuple[RefreshToken, User]:
        """The refresh token and its owner, if it works; refuses as :meth:`hold`. Nothing is changed or locked."""
        with self._database.reading() as session:
            found = self.find(session, claim)
            now = self._clock()
            _refuse_unless_good(found, now)
            return as_refresh_token(found.stored, now), _owner(session, found.stored)[0]

    def find(self, session: Session, claim: Claim) -> FoundToken:
        """The refresh token, in whatever state.

        Refuses with TokenUnknown (no such secret, or not even token text), UserIdMismatch, and of a public id with
        NotFound, for others' as well.
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
        expired_is_good: bool = False,
    ) -> HeldToken:
        """The refresh token, if it works, locked and with its next generation opened.

        `is_use`, `address`: whether this is a use to remember, and the client's address. Refuses as :meth:`find`, with
        a TokenRefused (expired, unless `expired_is_good`; revoked; owner disabled), with NotPermitted (an access token
        is not enough), and with Unavailable while others keep changing it.
        """
        if isinstance(claim, ByOwner) and claim.is_by_token:
            refuse_unless_by_token(read_policy(session))
        how = {"is_use": is_use, "address": address, "expired_is_good": expired_is_good}
        for _ in range(ATTEMPTS):
            found = self.find(session, claim)
            _refuse_unless_good(found, now, expired_is_good)
            mac = self._ring.sign(found.text) if found.text and found.stored.key_id != self._ring.current else None
            # The write is refused where the secret was replaced, or the token ended, while the lock was waited for.
            stored = refresh_tokens.hold(session, found.stored, now, mac=mac, **how)  # type: ignore[arg-type]
            if stored is not None:
                return HeldToken(stored, found.text, *_owner(session, stored))
        raise Unavailable("the refresh token is being changed")

    def _find_by_secret(self, session: Session, claim: BySecret) -> FoundToken:
        token = self._format.parse(claim.secret)
        if token is None or token.kind is not TokenKind.REFRESH:
            raise TokenUnknown(TokenKind.REFRESH)
        row = refresh_tokens.find(session, token.public_id)
        if row is None:
            self._ring.verifies_nothing(token)
            raise TokenUnknown(TokenKind.REFRESH)
        replaced_at = None
        if not self._ring.verifies(token, row.key_id, row.mac):
            replaced_at = self._replaced_at(session, row, token)
        if claim.user_id is not None and row.user_id != claim.user_id:
            raise UserIdMismatch(TokenKind.REFRESH, token.public_id)
        return FoundToken(row, token, replaced_at)

    def _replaced_at(self, session: Session, row: StoredRefreshToken, token: TokenText) -> datetime:
        for retired in refresh_tokens.retired_secrets(session, row.id):
            if self._ring.verifies(token, retired.key_id, retired.mac):
                return retired.retired_at
        raise TokenUnknown(TokenKind.REFRESH)


def refuse_unless_by_token(policy: Policy) -> None:
    """Refuse with NotPermitted a caller who has shown an access token only, unless the instance admits that."""
    if not policy.api_can_create_refresh_tokens:
        raise NotPermitted(NOT_BY_TOKEN)


def _refuse_unless_good(found: FoundToken, now: datetime, expired_is_good: bool = False) -> None:
    row = found.stored
    if found.replaced_at is not None:
        raise TokenRevoked(TokenKind.REFRESH, row.public_id, found.replaced_at)
    status = status_at(TokenStatus(row.status), row.expires_at, now)
    if status is not TokenStatus.ACTIVE and not (expired_is_good and status is TokenStatus.EXPIRED):
        raise _REFUSED[status](TokenKind.REFRESH, row.public_id, row.revoked_at or row.expires_at)


def _owner(session: Session, row: StoredRefreshToken) -> tuple[User, Policy]:
    """Read after the lock, so that a deactivation that was acknowledged before is seen. Refuses with OwnerDisabled."""
    owner, settings = refresh_tokens.find_owner(session, row.user_id)
    if not owner.is_active:
        raise OwnerDisabled(TokenKind.REFRESH, row.public_id)
    return owner, Policy.of(settings)
