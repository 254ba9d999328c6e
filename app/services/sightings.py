"""Sightings: audit events of what was tried in vain, such as a wrong password or a token that was replaced.

Anybody can cause them, so they are sampled and bounded: each process writes one for each subject and network in ten
minutes, and at most some a minute. What is left out is counted, and the next event says it. They change nothing.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.audit import PRESENTED_AS_ACCESS, SUPERSEDED_PRESENTED
from app.domain.clock import Clock
from app.domain.errors import Refusal, TokenMalformed, TokenSuperseded, Unavailable
from app.domain.identity import Caller
from app.services.throttling import counted_network
from app.storage import refresh_tokens
from app.storage.audit import record_refused
from app.storage.database import Database

SIGHTING_EVERY = timedelta(minutes=10)

MOST_A_MINUTE = 20
"""Events of one kind and process: a crowd adds at most ten megabytes a day and process."""

MOST_REMEMBERED = 10_000
MOST_WAITING = 1_000
"""Further ones are left out until the next flush."""

Key = tuple[str, str, str, str]
"""The action, the handle of its object, who acted, and the network: what makes two sightings one."""


@dataclass(frozen=True)
class _Sighting:
    at: datetime
    action: str
    subject: tuple[str, str]
    caller: Caller
    detail: tuple[tuple[str, str], ...] = ()
    apart: str = ""
    left_out: int = 0
    others_left_out: int = 0

    @property
    def key(self) -> Key:
        return self.action, f"{self.subject[1]} {self.apart}", self.caller.name, counted_network(self.caller.address)


@dataclass
class _Seen:
    """`at`: when the latest event of a key was written; `latest`: the sighting that was last left out since, if any."""

    at: datetime
    latest: _Sighting | None = None
    left_out: int = 0


class Sightings:
    """Records sightings in memory; they are written a few seconds later, with the last uses.

    `begin`: called at each; starts the calls of :meth:`flush`.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.begin: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._seen: dict[Key, _Seen] = {}
        self._waiting: list[_Sighting] = []
        self._minute: tuple[int, Counter[str]] = (0, Counter())
        self._others_left_out: Counter[str] = Counter()

    def report(self, refusal: Refusal, caller: Caller) -> None:
        """Record the token of a refusal, where it shows a mistake or a theft: superseded, or a refresh token."""
        if isinstance(refusal, TokenSuperseded) and refusal.public_id is not None:
            self.note(SUPERSEDED_PRESENTED, ("access_token", refusal.public_id), caller)
        elif isinstance(refusal, TokenMalformed) and refusal.refresh_token is not None:
            self.note(PRESENTED_AS_ACCESS, ("refresh_token", refusal.refresh_token), caller)

    def note(self, action: str, subject: tuple[str, str], caller: Caller, apart: str = "", **detail: str) -> None:
        """Record that `caller` tried `action` on `subject`, or count it. Refuses nothing. `detail`: never a secret.

        `apart`: what tells it from others of the same subject and network, where each has a row of its own.
        """
        kind, handle = subject
        sighting = _Sighting(self._clock(), action, (kind, handle[:150]), caller, tuple(detail.items()), apart)
        with self._lock:
            self._add(sighting)
        with suppress(RuntimeError):  # the process is exiting and starts no threads
            self.begin()

    def flush(self) -> None:
        """Write what waits. Refuses with Unavailable, and keeps it for the next flush."""
        with self._lock:
            self._add_counted(self._clock())
            taken, self._waiting = self._waiting, []
        if not taken:
            return
        try:
            with self._database.transaction() as session:
                for seen in _of_existing(session, taken):
                    counts = {"left_out": seen.left_out, "others_left_out": seen.others_left_out}
                    left_out = {name: number for name, number in counts.items() if number}
                    detail: dict[str, str | int] = dict(seen.detail) | left_out
                    record_refused(session, seen.at, seen.caller, seen.action, seen.subject, **detail)
        except Unavailable:
            with self._lock:
                self._waiting = (taken + self._waiting)[:MOST_WAITING]
            raise

    def _add(self, sighting: _Sighting) -> None:
        seen = self._seen.get(sighting.key)
        # Before or after: a clock that was ahead must not silence this for as long.
        if seen is not None and abs(sighting.at - seen.at) < SIGHTING_EVERY:
            seen.latest, seen.left_out = sighting, seen.left_out + 1
            return
        self._write_or_count(replace(sighting, left_out=seen.left_out if seen else 0), sighting.at)

    def _write_or_count(self, sighting: _Sighting, now: datetime) -> None:
        if not self._has_room(sighting.action, now):
            self._others_left_out[sighting.action] += 1 + sighting.left_out
            return
        if len(self._seen) >= MOST_REMEMBERED:  # a few more rows cost less than unlimited memory
            for key, each in self._seen.items():
                self._others_left_out[key[0]] += each.left_out
            self._seen.clear()
        self._seen[sighting.key] = _Seen(now)
        self._waiting.append(replace(sighting, others_left_out=self._others_left_out.pop(sighting.action, 0)))

    def _add_counted(self, now: datetime) -> None:
        """Say what was left out of sightings that have ended, or go on."""
        ended = [seen for seen in self._seen.values() if seen.left_out and abs(now - seen.at) >= SIGHTING_EVERY]
        for seen in ended:
            latest, number = seen.latest, seen.left_out
            seen.latest, seen.left_out = None, 0
            if latest is not None:  # it is one of those that were left out
                self._write_or_count(replace(latest, left_out=number - 1), now)

    def _has_room(self, action: str, now: datetime) -> bool:
        """Whether one more of its kind may be written in this minute; if so, it is counted."""
        minute, counts = self._minute
        present = int(now.timestamp()) // 60
        if minute != present:
            self._minute = minute, counts = present, Counter()
        if counts[action] >= MOST_A_MINUTE or len(self._waiting) >= MOST_WAITING:
            return False
        counts[action] += 1
        return True


def _of_existing(session: Session, taken: list[_Sighting]) -> Iterator[_Sighting]:
    """Without refresh tokens that somebody made up: the text of one says nothing about its secret."""
    presented = {seen.subject[1] for seen in taken if seen.action == PRESENTED_AS_ACCESS}
    existing = {public_id for public_id in presented if refresh_tokens.find(session, public_id) is not None}
    return (seen for seen in taken if seen.action != PRESENTED_AS_ACCESS or seen.subject[1] in existing)
