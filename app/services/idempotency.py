"""Doing a creating call once, however often a client repeats it under the same ``Idempotency-Key``.

The key is kept in the transaction of the creation: either both are there or neither. Not here: how a request carries a
key (``app.api.native``), and the creating itself.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.errors import Conflict
from app.domain.seals import Seal
from app.domain.tokens import TokenStatus, status_at
from app.storage import access_tokens, idempotency, refresh_tokens

REMEMBERED = timedelta(hours=24)

ANOTHER_REQUEST = "This Idempotency-Key was used with another request; use a new one for each creation."
NO_LONGER_WORKS = "The token created under this Idempotency-Key no longer works; use a new key to create another."


@dataclass(frozen=True)
class Once:
    """A call that is to be done once: the client's key, and its whole request in one spelling, passwords included."""

    key: str = field(repr=False)
    request: str = field(repr=False)


class Repeated(Exception):
    """The call was done before. `kind`: "user", "access_token" or "refresh_token"; `handle`: the public handle of it.

    Raised in place of a result, it undoes the transaction; each API answers it in one place.
    """

    def __init__(self, kind: str, handle: str) -> None:
        super().__init__(kind, handle)
        self.kind = kind
        self.handle = handle


class Idempotency:
    """Knows repeats. `key`: a secret of the instance that keys the digests."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "idempotency")

    def refuse_repeat(
        self, session: Session, once: Once | None, user_id: int | None, subject: tuple[str, str], now: datetime
    ) -> None:
        """Keep that this user's call is about to create `subject` (kind and handle), or raise Repeated.

        Waits for another transaction that is doing the same, so it comes after the lock of what the call works on.
        Refuses with Conflict another request under that key, and a repeat whose token no longer works.
        """
        if once is None or user_id is None:  # a command's caller is no user
            return
        kind, handle = subject
        key, request = self._seal.of(once.key), self._seal.of(once.request)
        idempotency.forget(session, user_id, key, now - REMEMBERED)
        if idempotency.insert(session, user_id, key, request, handle, now):
            return
        row = idempotency.find(session, user_id, key)
        if row is None or row.request_digest != request:
            raise Conflict(ANOTHER_REQUEST)
        if kind != "user" and not _works(session, kind, row.created, now):
            raise Conflict(NO_LONGER_WORKS)
        raise Repeated(kind, row.created)


def _works(session: Session, kind: str, public_id: str, now: datetime) -> bool:
    """Whether the token works by its own row; its owner and its refresh token were looked at by the call itself."""
    find = access_tokens.find if kind == "access_token" else refresh_tokens.find
    row = find(session, public_id)
    return row is not None and status_at(TokenStatus(row.status), row.expires_at, now) is TokenStatus.ACTIVE
