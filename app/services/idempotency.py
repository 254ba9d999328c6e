"""Doing a creating call once, however often a client repeats it under the same key.

The key is kept in the transaction of the creation: either both are there or neither. Here belongs what is a repeat.
Not here: how a request carries a key (``app.api.native``), and the creating itself.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.errors import Conflict
from app.domain.seals import Seal
from app.storage import idempotency

REMEMBERED = timedelta(hours=24)

ANOTHER_REQUEST = "This Idempotency-Key was used with another request; use a new one for each creation."


@dataclass(frozen=True)
class Once:
    """What is to be done once: the client's key, and its whole request in one spelling, passwords included."""

    key: str = field(repr=False)
    request: str = field(repr=False)


@dataclass(frozen=True)
class Repeated:
    """It was done before; `created` is the public handle of what came of it then."""

    created: str


class Idempotency:
    """Knows repeats. `key`: a secret of the instance that keys the digests."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "idempotency")

    def begin(
        self, session: Session, once: Once | None, user_id: int | None, created: str, now: datetime
    ) -> Repeated | None:
        """Note that this user's call is about to create `created`; or the repeat, if it has been done.

        Waits for another transaction that is doing the same. Refuses with Conflict another request under that key.
        """
        if once is None or user_id is None:  # a command's caller is no user
            return None
        key, request = self._seal.of(once.key), self._seal.of(once.request)
        idempotency.forget(session, user_id, key, now - REMEMBERED)
        if idempotency.insert(session, user_id, key, request, created, now):
            return None
        row = idempotency.find(session, user_id, key)
        if row is None or row.request_digest != request:
            raise Conflict(ANOTHER_REQUEST)
        return Repeated(row.created)
