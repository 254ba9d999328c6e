"""The check: whether an access token is accepted, and whose it is; for all entry points, without a cache or a write.

Not here: refresh tokens (``held_tokens``), and reading a token from a request (``app.http.credentials``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from app.domain.clock import Clock
from app.domain.errors import (
    ApiTokensOff,
    NotPermitted,
    OwnerDenied,
    OwnerDisabled,
    OwnerMustSignIn,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenSuperseded,
    TokenUnknown,
    UserIdMismatch,
)
from app.domain.identity import ApiTokens, Principal, Role
from app.domain.leavers import is_away
from app.domain.mistakes import mistake_in
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import TokenKind, TokenStatus, status_at
from app.services.check_counts import CheckCounts
from app.storage.check import CheckedRow

_REFUSED: dict[TokenStatus, type[TokenRefused]] = {
    TokenStatus.EXPIRED: TokenExpired,
    TokenStatus.REVOKED: TokenRevoked,
    TokenStatus.SUPERSEDED: TokenSuperseded,
}

# A look-up here takes a tenth of the time of calling the enumeration.
_STATUSES = {status.value: status for status in TokenStatus}
_ROLES = {role.value: role for role in Role}


Find = Callable[[str], CheckedRow | None]
"""The row of the access token with a public id."""


class Lookup(Protocol):
    """Where the rows of access tokens are found by public id."""

    def find(self, public_id: str) -> CheckedRow | None:
        """Refuses with Unavailable."""

    def close(self) -> None:
        """Close what is open."""


class TokenVerifier:
    """The check that every route with an access token uses."""

    def __init__(self, lookup: Lookup, clock: Clock, ring: KeyRing, format: TokenFormat, counts: CheckCounts) -> None:
        self._lookup = lookup
        self._counts = counts
        self._clock = clock
        self._ring = ring
        self._format = format

    def verify(
        self,
        text: str,
        user_id: int | None = None,
        permit: Callable[[Principal], None] | None = None,
        find: Find | None = None,
    ) -> Principal:
        """The principal of an access token; counted as accepted or refused. With `user_id`, only if it is that user's.

        `permit`: refuses with NotPermitted an active token without permission. `find`: by public id, where the row has
        been read already, since the request came. Refuses with a TokenRefused (malformed,
        unknown, another user's, expired, revoked, superseded, owner disabled or away), and with Unavailable, not
        counted, when the database is away.
        """
        try:
            principal = self.examine(text, user_id, find)
            if permit is not None:
                permit(principal)
        except (TokenRefused, NotPermitted):
            self._counts.refuse()
            raise
        self._counts.accept()
        return principal

    def examine(self, text: str, user_id: int | None = None, find: Find | None = None) -> Principal:
        """As :meth:`verify`, without counting: for identifying a token."""
        token, row = self.recognise(text, find)
        if user_id is not None and row.user_id != user_id:
            raise UserIdMismatch(TokenKind.ACCESS, token.public_id)
        # The clock is read after the row, so that no token that expired before the reading is accepted.
        now = self._clock()
        _refuse_unless_active(token.public_id, row, now)
        return _principal(token.public_id, row, now)

    def recognise(self, text: str, find: Find | None = None) -> tuple[TokenText, CheckedRow]:
        """The access token of this secret, in any state. Refuses with TokenMalformed and TokenUnknown."""
        token = self._format.parse(text)
        if token is None or token.kind is not TokenKind.ACCESS:
            mistake, presented = mistake_in(text, TokenKind.ACCESS, self._format), token.public_id if token else None
            raise TokenMalformed(TokenKind.ACCESS, mistake=mistake, refresh_token=presented)
        if (row := (find or self._lookup.find)(token.public_id)) is None:
            self._ring.verify_dummy(token)
            raise TokenUnknown(TokenKind.ACCESS)
        if not self._ring.verifies(token, row.key_id, row.mac):
            raise TokenUnknown(TokenKind.ACCESS)
        return token, row

    def close(self) -> None:
        """Close the idle connections."""
        self._lookup.close()


def _refuse_unless_active(public_id: str, row: CheckedRow, now: datetime) -> None:
    status = status_at(_STATUSES[row.status], row.expires_at, now, row.had_expired)
    if status is not TokenStatus.ACTIVE:
        since = row.revoked_at if status is TokenStatus.REVOKED else row.expires_at
        raise _REFUSED[status](TokenKind.ACCESS, public_id, since, row.refresh_token_status is None)
    # Revoking a refresh token revokes its access tokens; checking both makes the order of writes irrelevant.
    if row.refresh_token_status is not None:
        parent = status_at(_STATUSES[row.refresh_token_status], row.refresh_token_expires_at, now)
        if parent is not TokenStatus.ACTIVE:
            raise _REFUSED[parent](TokenKind.ACCESS, public_id, row.refresh_token_expires_at)
    if not row.user_is_active:
        raise OwnerDisabled(TokenKind.ACCESS, public_id)
    if row.user_vouched_at is not None and is_away(row.user_vouched_at, row.sign_in_valid_days, now):
        raise OwnerMustSignIn(TokenKind.ACCESS, public_id)
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
        refresh_token_public_id=row.refresh_token_public_id,
    )
