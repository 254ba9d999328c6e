"""Repeats of a creating request under the same ``Idempotency-Key``.

The key is stored in the transaction of the creation. Not here: the header (``app.api.native``).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock_mark import Agreement
from app.domain.errors import Conflict
from app.domain.seals import Seal
from app.domain.tokens import TokenStatus, status_at
from app.storage import access_tokens, clock_marks, idempotency, refresh_tokens
from app.storage.operating_tables import IdempotencyKeyRow

KEPT_FOR = timedelta(hours=24)

ANOTHER_REQUEST = "This Idempotency-Key was used with another request; use a new key for each request."
NO_LONGER_WORKS = "The token created under this Idempotency-Key no longer works; use a new key to create another."


@dataclass(frozen=True)
class IdempotencyKey:
    """The client's key, and its whole request in one spelling, passwords included."""

    key: str = field(repr=False)
    request: str = field(repr=False)


class Repeated(Exception):
    """The request was done before. `kind`: "user", "access_token", "refresh_token" or "scim_token"; `handle`: the
    created object's.

    Raised instead of a result; it rolls back the transaction, and each API answers it in one place.
    """

    def __init__(self, kind: str, handle: str) -> None:
        super().__init__(kind, handle)
        self.kind = kind
        self.handle = handle


class Idempotency:
    """Recognises repeats. `key`: a secret of the instance that keys the digests."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "idempotency")

    def refuse_repeat(
        self, session: Session, key: IdempotencyKey | None, user_id: int | None, subject: tuple[str, str], now: datetime
    ) -> None:
        """Store that this user's request creates `subject` (kind and handle), or raise Repeated.

        Waits for another transaction with the same key, so call it after locking what the request changes. Refuses with
        Conflict another request under the key, and a repeat whose token does not work any more.
        """
        if key is None or user_id is None:  # a command's caller is no user
            return
        kind, handle = subject
        digest, request = self._seal.of(key.key), self._seal.of(key.request)
        if idempotency.insert(session, user_id, digest, request, handle, now):
            return
        mark = clock_marks.find(session)
        if mark is None or mark.agreement(now) is Agreement.AGREES:  # a clock that jumps must not forget a request
            idempotency.delete_old(session, user_id, digest, now - KEPT_FOR)
            if idempotency.insert(session, user_id, digest, request, handle, now):
                return
        row = idempotency.find(session, user_id, digest)
        if row is None or row.request_digest != request:
            raise Conflict(ANOTHER_REQUEST)
        if kind not in ("user", "scim_token") and not _works(session, kind, row, now):
            raise Conflict(NO_LONGER_WORKS)
        raise Repeated(kind, row.created)


def _works(session: Session, kind: str, stored: IdempotencyKeyRow, now: datetime) -> bool:
    """Whether the secret created then works by the token's row; the use case itself checks owner and refresh token."""
    if kind == "access_token":
        access = access_tokens.find(session, stored.created)
        return access is not None and _is_active(access.status, access.expires_at, now)
    refresh = refresh_tokens.find(session, stored.created)
    if refresh is None:
        return False
    if any(each is not None and each > stored.created_at for each in (refresh.regenerated_at, refresh.rotated_at)):
        return False
    return _is_active(refresh.status, refresh.expires_at, now)


def _is_active(status: str, expires_at: datetime | None, now: datetime) -> bool:
    return status_at(TokenStatus(status), expires_at, now) is TokenStatus.ACTIVE
