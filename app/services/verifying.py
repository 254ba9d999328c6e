"""Verifying: is this token good right now, and whose is it?

Here belong the one verdict on access tokens (:class:`TokenVerifier`, the check) and on refresh tokens
(:class:`RefreshTokenVerifier`). Everything that is given a token asks one of the two. Neither depends on the
scheduler, keeps an answer, or writes. Not here: how a request carries a token (``app.http.credentials``).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import (
    ApiTokensOff,
    NotFound,
    OwnerDenied,
    OwnerDisabled,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenSuperseded,
    TokenUnknown,
    Unavailable,
    UserIdMismatch,
)
from app.domain.identity import ApiTokens, Principal, Role, User
from app.domain.secrets import PUBLIC_ID, KeyRing, TokenFormat, TokenText
from app.domain.tokens import RefreshToken, TokenKind, TokenStatus, status_at
from app.services.check_counts import CheckCounts
from app.storage import refresh_tokens, users
from app.storage.check import CheckedRow, TokenLookup
from app.storage.database import Database
from app.storage.refresh_tokens import as_refresh_token
from app.storage.tables import RefreshTokenRow

_REFUSED: dict[TokenStatus, type[TokenRefused]] = {
    TokenStatus.EXPIRED: TokenExpired,
    TokenStatus.REVOKED: TokenRevoked,
    TokenStatus.SUPERSEDED: TokenSuperseded,
}

# Looking a member up here takes a tenth of the time that calling the enumeration does.
_STATUSES = {status.value: status for status in TokenStatus}
_ROLES = {role.value: role for role in Role}


class TokenVerifier:
    """The check: the one function that every route with an access token goes through."""

    def __init__(
        self, lookup: TokenLookup, clock: Clock, ring: KeyRing, format: TokenFormat, counts: CheckCounts
    ) -> None:
        self._lookup = lookup
        self._counts = counts
        self._clock = clock
        self._ring = ring
        self._format = format

    def verify(self, text: str, user_id: int | None = None) -> Principal:
        """Whose access token `text` is. With `user_id`, only if it is that user's.

        Refuses with a TokenRefused: malformed, unknown, somebody else's, expired, revoked, superseded, or its
        owner disabled; and with Unavailable when the database is away.
        """
        try:
            principal = self._verify(text, user_id)
        except TokenRefused:
            self._counts.refuse()
            raise
        self._counts.accept()
        return principal

    def _verify(self, text: str, user_id: int | None) -> Principal:
        token, row = self.recognise(text)
        if user_id is not None and row.user_id != user_id:
            raise UserIdMismatch(TokenKind.ACCESS, token.public_id)
        # The clock is read after the row, so that nothing that ended before the reading can be called good.
        now = self._clock()
        _refuse_unless_good(token.public_id, row, now)
        return _principal(token.public_id, row, now)

    def recognise(self, text: str) -> tuple[TokenText, CheckedRow]:
        """The access token this is the secret of, in whatever state. Refuses with TokenMalformed and TokenUnknown."""
        token = self._format.parse(text)
        if token is None or token.kind is not TokenKind.ACCESS:
            raise TokenMalformed(TokenKind.ACCESS)
        if (row := self._lookup.find(token.public_id)) is None:
            self._ring.verifies_nothing(token)
            raise TokenUnknown(TokenKind.ACCESS)
        if not self._ring.verifies(token, row.key_id, row.mac):
            raise TokenUnknown(TokenKind.ACCESS)
        return token, row

    def close(self) -> None:
        """Close the idle connections."""
        self._lookup.close()


@dataclass(frozen=True)
class RecognisedToken:
    """A refresh token whose secret is right, whatever its state.

    `is_replaced_since`: when regeneration replaced this very secret; None for the present one.
    """

    row: RefreshTokenRow
    text: TokenText
    is_replaced_since: datetime | None = None


class RefreshTokenVerifier:
    """Recognises refresh tokens and says what keeps one from working."""

    def __init__(self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format

    def validate(self, text: str, user_id: int | None) -> RefreshToken:
        """The refresh token, if it works; refuses with a TokenRefused."""
        return self.introspect(text, user_id)[0]

    def introspect(self, text: str, user_id: int | None = None) -> tuple[RefreshToken, User]:
        """The refresh token and its owner, if it works; refuses with a TokenRefused."""
        with self._database.reading() as session:
            recognised = self.recognise(session, text, user_id)
            now = self._clock()
            owner = self.refuse_unless_good(session, recognised, now)
            return as_refresh_token(recognised.row, now), owner

    def recognise(self, session: Session, text: str, user_id: int | None) -> RecognisedToken:
        """The refresh token this is the secret of, in whatever state, if it is the user's.

        Refuses with TokenUnknown (no such token, or not even token text) and UserIdMismatch.
        """
        token = self._format.parse(text)
        if token is None or token.kind is not TokenKind.REFRESH:
            raise TokenUnknown(TokenKind.REFRESH)
        row = refresh_tokens.find(session, token.public_id)
        if row is None:
            self._ring.verifies_nothing(token)
            raise TokenUnknown(TokenKind.REFRESH)
        replaced_since = None
        if not self._ring.verifies(token, row.key_id, row.mac):
            replaced_since = self._replaced_since(session, row, token)
            if replaced_since is None:
                raise TokenUnknown(TokenKind.REFRESH)
        if user_id is not None and row.user_id != user_id:
            raise UserIdMismatch(TokenKind.REFRESH, token.public_id)
        return RecognisedToken(row, token, replaced_since)

    def recognise_and_lock(
        self,
        session: Session,
        text: str,
        user_id: int | None,
        now: datetime,
        *,
        used: bool = False,
        used_from: str | None = None,
    ) -> tuple[RecognisedToken, int]:
        """A refresh token that works, its row locked and its next generation opened; refuses with a TokenRefused.

        `used`, `used_from`: whether this is a use to remember, and the client's address.
        """
        row = self.recognise(session, text, user_id).row
        generation = refresh_tokens.open_generation(session, row.id, now, used=used, used_from=used_from)
        # While the lock was waited for, the secret may have been replaced, or signed anew with another key.
        recognised = self.recognise(session, text, user_id)
        self.refuse_unless_good(session, recognised, now)
        if generation is None:  # it was not good then and is good now: somebody is at work on it
            raise Unavailable("the refresh token is being changed")
        return recognised, generation

    def own(self, session: Session, public_id: str, owner_id: int) -> RefreshTokenRow:
        """A user's refresh token by its public id, in whatever state; refuses with NotFound, for others' as well."""
        row = refresh_tokens.find(session, public_id) if PUBLIC_ID.fullmatch(public_id) else None
        if row is None or row.user_id != owner_id:
            raise NotFound("refresh token")
        return row

    def own_and_lock(
        self, session: Session, public_id: str, owner_id: int, now: datetime, *, used_from: str | None
    ) -> tuple[RefreshTokenRow, int]:
        """As :meth:`recognise_and_lock`, for a use by an owner who has proved who they are without the secret."""
        row = self.own(session, public_id, owner_id)
        generation = refresh_tokens.open_generation(session, row.id, now, used=True, used_from=used_from)
        row = self.own(session, public_id, owner_id)
        self.refuse_unless_alive(session, row, now)
        if generation is None:
            raise Unavailable("the refresh token is being changed")
        return row, generation

    def refuse_unless_good(
        self, session: Session, recognised: RecognisedToken, now: datetime, *, expired_is_good: bool = False
    ) -> User:
        """Its owner; refuses with what keeps the token from working; with `expired_is_good`, expiry does not."""
        row = recognised.row
        if recognised.is_replaced_since is not None:
            raise TokenRevoked(TokenKind.REFRESH, row.public_id, recognised.is_replaced_since)
        return self.refuse_unless_alive(session, row, now, expired_is_good=expired_is_good)

    def refuse_unless_alive(
        self, session: Session, row: RefreshTokenRow, now: datetime, *, expired_is_good: bool = False
    ) -> User:
        """The same where it is known that the caller may use it."""
        status = status_at(TokenStatus(row.status), row.expires_at, now)
        if status is not TokenStatus.ACTIVE and not (expired_is_good and status is TokenStatus.EXPIRED):
            raise _REFUSED[status](TokenKind.REFRESH, row.public_id, row.revoked_at or row.expires_at)
        owner = users.get(session, row.user_id)
        if owner is None or not owner.is_active:
            raise OwnerDisabled(TokenKind.REFRESH, row.public_id)
        return users.as_user(owner)

    def _replaced_since(self, session: Session, row: RefreshTokenRow, token: TokenText) -> datetime | None:
        for retired in refresh_tokens.retired_secrets(session, row):
            if self._ring.verifies(token, retired.key_id, retired.mac):
                return retired.retired_at
        return None


def _refuse_unless_good(public_id: str, row: CheckedRow, now: datetime) -> None:
    status = status_at(_STATUSES[row.status], row.expires_at, now)
    if status is not TokenStatus.ACTIVE:
        raise _REFUSED[status](TokenKind.ACCESS, public_id, row.revoked_at or row.expires_at)
    # Ending a refresh token ends its access tokens too; looking at both means that no order of writes matters.
    if row.refresh_token_status is not None:
        parent = status_at(_STATUSES[row.refresh_token_status], row.refresh_token_expires_at, now)
        if parent is not TokenStatus.ACTIVE:
            raise _REFUSED[parent](TokenKind.ACCESS, public_id, row.refresh_token_expires_at)
    if not row.user_is_active:
        raise OwnerDisabled(TokenKind.ACCESS, public_id)
    if row.user_api_tokens == ApiTokens.DENY:
        raise OwnerDenied(TokenKind.ACCESS, public_id)
    if row.api_tokens_enabled == "off":
        raise ApiTokensOff(TokenKind.ACCESS, public_id)


def _principal(public_id: str, row: CheckedRow, now: datetime) -> Principal:
    return Principal(
        user_id=row.user_id,
        username=row.username,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        title=row.title,
        role=_ROLES[row.role],
        token_id=row.token_id,
        token_public_id=public_id,
        token_kind=TokenKind.ACCESS,
        token_name=row.refresh_token_name or row.description or "",
        token_created_at=row.created_at,
        token_expires_at=row.expires_at,
        token_last_used_at=row.last_used_at,
        refresh_token_expires_at=row.refresh_token_expires_at,
        checked_at=now,
    )
