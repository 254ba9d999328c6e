"""Sightings of superseded tokens: the one audit event that is recorded although nothing changes."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.clock import Clock
from app.domain.errors import TokenSuperseded, Unavailable
from app.domain.identity import Caller
from app.storage.audit import record
from app.storage.database import Database

SIGHTING_EVERY = timedelta(minutes=10)
MOST_SIGHTINGS = 10_000
MOST_WAITING = 1_000
"""What comes on top, before the next writing, is not recorded."""


@dataclass(frozen=True)
class _Sighting:
    at: datetime
    public_id: str
    caller: Caller


class Sightings:
    """Records that a superseded token was presented: two programs may be sharing a refresh token, or one was stolen.

    A sample: one row a token every ten minutes in each process. It revokes nothing, and the refusal it belongs to
    never waits for it: the rows are written a few seconds later, together with the last uses. `begin`: called at each;
    from then on somebody calls :meth:`flush`.
    """

    begin: Callable[[], None]

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, datetime] = {}
        self._waiting: list[_Sighting] = []

    def report(self, refusal: TokenSuperseded, caller: Caller) -> None:
        """Let it be recorded, unless this token was seen a moment ago, or too many wait already. Refuses nothing."""
        now = self._clock()
        if refusal.public_id is None or not self._note(_Sighting(now, refusal.public_id, caller)):
            return
        with suppress(RuntimeError):  # the process is about to end and begins no thread any more
            self.begin()

    def flush(self) -> None:
        """Write down what waits. Refuses with Unavailable; then it waits on."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        if not taken:
            return
        try:
            with self._database.transaction() as session:
                for seen in taken:
                    subject = ("access_token", seen.public_id)
                    record(session, seen.at, seen.caller, "access_token.superseded_presented", subject)
        except Unavailable:
            with self._lock:
                self._waiting = (taken + self._waiting)[:MOST_WAITING]
            raise

    def _note(self, seen: _Sighting) -> bool:
        with self._lock:
            latest = self._latest.get(seen.public_id)
            is_recent = latest is not None and seen.at - latest < SIGHTING_EVERY
            if is_recent or len(self._waiting) >= MOST_WAITING:
                return False
            if len(self._latest) >= MOST_SIGHTINGS:  # forgetting costs a few more rows, remembering all memory
                self._latest.clear()
            self._latest[seen.public_id] = seen.at
            self._waiting.append(seen)
            return True
