"""The audit trail: one row for each change, written in the change's own transaction.

If the row can't be written, the change does not happen. Here belongs how a row is made, and the one event that
is recorded although it changes nothing. Not here: reading (``listing``).
"""

import json
import threading
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import TokenSuperseded, Unavailable
from app.domain.identity import Caller
from app.storage import audit
from app.storage.database import Database

SIGHTING_EVERY = timedelta(minutes=10)
MOST_SIGHTINGS = 10_000


def record(
    session: Session,
    now: datetime,
    caller: Caller,
    action: str,
    subject: tuple[str, str],
    **detail: str | int | bool | None,
) -> None:
    """Append "`caller` did `action` to `subject`".

    `action`: ``<thing>.<past participle>``. `subject`: kind and public handle, such as ``("user", "anna")``.
    `detail` must never hold a secret.
    """
    kind, handle = subject
    audit.append(
        session,
        now,
        actor=caller.name,
        actor_id=caller.user_id,
        action=action,
        object_kind=kind,
        object_id=handle,
        address=caller.address,
        request_id=caller.request_id,
        result="done",
        detail=json.dumps(detail, sort_keys=True),
    )


class Sightings:
    """Records that a superseded token was presented: two programs may be sharing a refresh token, or one was stolen.

    A sample: one row a token every ten minutes in each process. It revokes nothing, and if the row can't be
    written, the refusal it belongs to is answered all the same.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, datetime] = {}

    def report(self, refusal: TokenSuperseded, caller: Caller) -> None:
        """Record it, unless this token was seen a moment ago."""
        now = self._clock()
        if refusal.public_id is None or not self._is_due(refusal.public_id, now):
            return
        try:
            with self._database.transaction() as session:
                subject = ("access_token", refusal.public_id)
                record(session, now, caller, "access_token.superseded_presented", subject)
        except Unavailable:  # logged where it was raised
            return

    def _is_due(self, public_id: str, now: datetime) -> bool:
        with self._lock:
            latest = self._latest.get(public_id)
            if latest is not None and now - latest < SIGHTING_EVERY:
                return False
            if len(self._latest) >= MOST_SIGHTINGS:  # forgetting costs a few more rows, remembering all memory
                self._latest.clear()
            self._latest[public_id] = now
            return True
