"""Sightings: audit events of superseded tokens that are presented."""

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
"""Further ones are dropped until the next flush."""


@dataclass(frozen=True)
class _Sighting:
    at: datetime
    public_id: str
    caller: Caller


class Sightings:
    """Records that a superseded token was presented: programs may share a refresh token, or it was stolen.

    Sampled: one row per token and ten minutes in each process, written a few seconds later with the last uses. Revokes
    nothing. `begin`: called at each; starts the calls of :meth:`flush`.
    """

    begin: Callable[[], None]

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, datetime] = {}
        self._waiting: list[_Sighting] = []

    def report(self, refusal: TokenSuperseded, caller: Caller) -> None:
        """Record it, unless this token was seen recently or too many are waiting. Refuses nothing."""
        now = self._clock()
        if refusal.public_id is None or not self._note(_Sighting(now, refusal.public_id, caller)):
            return
        with suppress(RuntimeError):  # the process is exiting and starts no threads
            self.begin()

    def flush(self) -> None:
        """Write what waits. Refuses with Unavailable, and keeps it for the next flush."""
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
            # Before or after: a clock that was ahead must not silence this for as long.
            is_recent = latest is not None and abs(seen.at - latest) < SIGHTING_EVERY
            if is_recent or len(self._waiting) >= MOST_WAITING:
                return False
            if len(self._latest) >= MOST_SIGHTINGS:  # a few more rows cost less than unlimited memory
                self._latest.clear()
            self._latest[seen.public_id] = seen.at
            self._waiting.append(seen)
            return True
