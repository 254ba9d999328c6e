"""Verifying: is this access token good right now, and whose is it?

Everything that is given an access token asks here. It depends on no scheduler, keeps no answer and writes nothing. Not
here: refresh tokens (``held_tokens``), and how a request carries a token (``app.http.credentials``).
"""

from collections.abc import Callable
from datetime import datetime

from app.domain.clock import Clock
from app.domain.errors import (
    ApiTokensOff,
    NotPermitted,
    OwnerDenied,
    OwnerDisabled,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenSuperseded,
    TokenUnknown,
    UserIdMismatch,
)
from app.domain.identity import ApiTokens, Principal, Role
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import TokenKind, TokenStatus, status_at
from app.services.check_counts import CheckCounts
from app.storage.check import CheckedRow, TokenLookup

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

    def verify(
        self, text: str, user_id: int | None = None, permit: Callable[[Principal], None] | None = None
    ) -> Principal:
        """Whose access token `text` is, counted as accepted or refused. With `user_id`, only if it is that user's.

        `permit`: refuses with NotPermitted a good token that is not permitted here. Refuses with a TokenRefused:
        malformed, unknown, somebody else's, expired, revoked, superseded, or its owner disabled; and with Unavailable
        when the database is away, which is not counted.
        """
        try:
            principal = self.examine(text, user_id)
            if permit is not None:
                permit(principal)
        except (TokenRefused, NotPermitted):
            self._counts.refuse()
            raise
        self._counts.accept()
        return principal

    def examine(self, text: str, user_id: int | None = None) -> Principal:
        """The same verdict where nobody asks to be let through, such as of a found token: it is not counted."""
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
