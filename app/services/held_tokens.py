"""Finding a refresh token by its secret or for its owner, refusing it with the reason, and holding its lock.

Not here: what is done with it (``minting``, ``issuing``, ``revoking``), and access tokens (``verifying``).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import (
    NotFound,
    OwnerDisabled,
    OwnerMustSignIn,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenUnknown,
    Unavailable,
    UserIdMismatch,
)
from app.domain.identity import Caller, User
from app.domain.mistakes import mistake_in
from app.domain.policy import Policy
from app.domain.secrets import PUBLIC_ID, KeyRing, TokenFormat, TokenText
from app.domain.tokens import RefreshToken, TokenKind, TokenStatus, capped, status_at
from app.services import budgets
from app.services.old_secrets import is_old_secret, what_became_of_old, works_as_old
from app.storage import refresh_tokens, retired_secrets
from app.storage.database import Database
from app.storage.refresh_tokens import StoredRefreshToken, as_refresh_token

NOBODY = Caller("")

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

    `replaced_at`: when this secret was replaced for good. `is_old`: it is the one before the current one, which works
    until the overlap of its rotation ends.
    """

    stored: StoredRefreshToken
    text: TokenText | None = None
    replaced_at: datetime | None = None
    is_old: bool = False

    def is_replaced(self, now: datetime) -> bool:
        """Whether another secret took the place of this one, and it does not work any more."""
        return self.replaced_at is not None or (self.is_old and not works_as_old(self.stored, now))


@dataclass(frozen=True)
class HeldToken:
    """An active refresh token with its owner and the policy; held, it is locked until the end of the transaction.

    `is_old`: the secret is the one before the current one.
    """

    stored: StoredRefreshToken
    text: TokenText | None
    owner: User
    policy: Policy
    is_old: bool = False

    @property
    def secret_number(self) -> int:
        """Of the presented secret; without one, of the current one."""
        return self.stored.secret_number - self.is_old

    @property
    def other_secret_number(self) -> int:
        """Of the other one of the two secrets that work beside each other after a rotation."""
        return self.stored.secret_number - (not self.is_old)

    @property
    def works_until(self) -> datetime:
        """When the presented secret stops: with the token, and an old one with the overlap."""
        return capped(self.stored.expires_at, self.stored.previous_until if self.is_old else None)


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
            held, now = self.examine(session, claim)
            return replace(as_refresh_token(held.stored, now), expires_at=held.works_until), held.owner

    def examine(self, session: Session, claim: Claim) -> tuple[HeldToken, datetime]:
        """The same, and at which instant; what is stored may change at any time."""
        found = self.find(session, claim)
        now = self._clock()
        _refuse_unless_active(found, now)
        return HeldToken(found.stored, found.text, *_owner(session, found.stored, now), found.is_old), now

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
        caller: Caller = NOBODY,
        allow_expired: bool = False,
    ) -> HeldToken:
        """An active refresh token, locked and with its generation incremented.

        `is_use`: a mint, by this `caller`; `allow_expired`: a regeneration, which no old secret does. Both are counted.
        Refuses as :meth:`find`, with a TokenRefused (expired, unless `allow_expired`; revoked; owner disabled or away),
        RateLimited, and with Unavailable where others changed it meanwhile. Not here: whether the caller's credential
        is enough (``permitting``).
        """
        found = self.find(session, claim)
        _refuse_unless_active(found, now, allow_expired)
        if is_use or allow_expired:
            budgets.refuse_when_spent(session, found.stored, now, is_mint=is_use)
        text, key_id = found.text, found.stored.previous_key_id if found.is_old else found.stored.key_id
        stored = refresh_tokens.hold(
            session,
            found.stored,
            now,
            mac=self._ring.sign(text) if text and key_id != self._ring.current else None,
            is_old=found.is_old,
            is_use=is_use,
            address=caller.address,
            agent=caller.agent,
            allow_expired=allow_expired,
        )
        is_old = None if stored is None else self._is_old(text, stored)
        if stored is None or is_old is None or (is_old and not works_as_old(stored, now, allow_expired)):
            # The token ended, or its secret was replaced, during the wait for the lock.
            _refuse_unless_active(self.find(session, claim), now, allow_expired)
            raise Unavailable("the refresh token is being changed")
        if stored.user_id != found.stored.user_id:  # moved during the wait: no longer that user's, if one is named
            self.find(session, claim)
        owner, policy = _owner(session, stored, now)
        if is_use or allow_expired:
            budgets.refuse_overspent(stored, policy, now, is_mint=is_use)
        return HeldToken(stored, text, owner, policy, is_old)

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
        is_old = self._is_old(token, row)
        replaced_at = self._replaced_at(session, row, token) if is_old is None else None
        if claim.user_id is not None and row.user_id != claim.user_id:
            raise UserIdMismatch(TokenKind.REFRESH, token.public_id)
        return FoundToken(row, token, replaced_at, bool(is_old))

    def _is_old(self, text: TokenText | None, row: StoredRefreshToken) -> bool | None:
        """Whether this is the secret before the current one; None where it is neither of the two."""
        if text is None or self._ring.verifies(text, row.key_id, row.mac):
            return False
        return True if is_old_secret(self._ring, text, row) else None

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
    if found.is_old and not works_as_old(row, now, allow_expired):
        raise TokenRevoked(TokenKind.REFRESH, row.public_id, row.previous_until, how=what_became_of_old(row, now))


def _owner(session: Session, row: StoredRefreshToken, now: datetime) -> tuple[User, Policy]:
    """Read after the lock, to see a user disabled before it. Refuses with OwnerDisabled and OwnerMustSignIn."""
    owner, settings = refresh_tokens.find_owner(session, row.user_id)
    if not owner.is_active:
        raise OwnerDisabled(TokenKind.REFRESH, row.public_id)
    if owner.is_away(now):
        raise OwnerMustSignIn(TokenKind.REFRESH, row.public_id)
    return owner, Policy.of(settings)
