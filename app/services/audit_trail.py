"""The audit log as events and seals in order: exporting and verifying it, in pages and in constant memory.

Not here: the check itself (``app.domain.audit_seals``), and the lines of an export (``app.domain.audit_export``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import chain

from sqlalchemy.orm import Session

from app.domain.audit import Stream
from app.domain.audit_seals import LATE, AuditSeal, Beginning, Chains, Entry, Mismatch, SealingKey, StoredEvent
from app.domain.clock import Clock, utc_text
from app.domain.errors import Conflict
from app.domain.text import count_of
from app.storage import audit_seals
from app.storage.database import Database

MEANWHILE = "Retention removed events while the audit log was read: run the command again."

TRIES = 3
"""Of a verification, while retention removes events."""


@dataclass(frozen=True)
class Verified:
    """How much was verified. `unsealed`: later events. `late`: the first range that was sealed late, for people."""

    events: int
    ranges: int
    unsealed: int
    late: str | None
    beginnings: list[str]
    """Where streams do not begin with their first range, a sentence each."""


class AuditTrail:
    """Reads the log in order. Raises Mismatch where it can't be read."""

    def __init__(self, database: Database, clock: Clock, key: SealingKey) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        """All events and seals. With `since`: from the ranges on that hold the first event from that time on.

        Refuses with Conflict where retention has removed events meanwhile.
        """
        oldest = self._oldest()
        with self._database.reading() as session:
            until = {stream: audit_seals.latest(session, stream) for stream in Stream}
            first = None if since is None else audit_seals.first_since(session, since)
            if since is not None and first is None:
                return
            begin = [_begin(session, stream, first, oldest[stream]) for stream in Stream]
        yield from (Beginning(seal, seal.removed_at is not None) for seal, _ in begin if seal)
        seals = (self._seals(stream, seal, until[stream]) for stream, (seal, _) in zip(Stream, begin, strict=True))
        beyond = {stream: skipped for stream, (_, skipped) in zip(Stream, begin, strict=True)}
        yield from _in_order(self._events(beyond), merge(*seals, key=lambda seal: seal.last_id))
        if self._oldest() != oldest:
            raise Conflict(MEANWHILE)

    def verify(self, expected: Iterable[str] = ()) -> Verified:
        """Verify the log of the database; `expected`: seals that must be in it, as they were logged.

        Raises Mismatch, also where the first event that is not sealed is older than some minutes.
        """
        chains = self._checked_at_rest(expected)
        for stream, tally in chains.unsealed.items():
            if tally.first is not None and self._clock() - tally.first.at > LATE:
                since = f"from {tally.first.id} on, of {utc_text(tally.first.at, 'seconds')}"
                number = count_of(tally.number, f"{stream} event")
                raise Mismatch(f"{number} {since}, not sealed: their seals were removed, or no scheduler runs.")
        return _verified(chains)

    def verify_export(self, entries: Iterable[Entry], expected: Iterable[str] = ()) -> Verified:
        """Verify an exported log in the same way; what is after the last seal is not judged."""
        return _verified(self._checked(entries, expected))

    def _checked_at_rest(self, expected: Iterable[str]) -> Chains:
        """Tries again where retention has removed a range between two pages, which looks like a mismatch then."""
        for _ in range(TRIES):
            oldest = self._oldest()
            try:
                return self._checked(self.entries(), expected)
            except (Conflict, Mismatch):
                if self._oldest() == oldest:
                    raise
        raise Conflict(MEANWHILE)

    def _checked(self, entries: Iterable[Entry], expected: Iterable[str]) -> Chains:
        chains, missing = Chains(self._key), set(expected)
        for entry in entries:
            chains.add(entry)
            if missing and not isinstance(entry, StoredEvent):
                missing.discard(entry.mac if isinstance(entry, AuditSeal) else entry.seal.mac)
        if missing:
            raise Mismatch(
                f"The seal {min(missing)} is not in the log: events were removed or changed after it was made, or an "
                "earlier state was restored, or retention has removed its range."
            )
        return chains

    def _oldest(self) -> dict[Stream, AuditSeal | None]:
        """What retention changes."""
        with self._database.reading() as session:
            return {stream: audit_seals.oldest(session, stream) for stream in Stream}

    def _events(self, beyond: dict[Stream, int]) -> Iterator[StoredEvent]:
        """All after these ids, in pages."""
        last = min(beyond.values())
        while True:
            try:
                with self._database.reading() as session:
                    page = audit_seals.events(session, last, audit_seals.PAGE)
            except (TypeError, ValueError):  # Daypass writes no such row
                raise Mismatch(
                    f"The events after {last} can't be read: a column holds what Daypass never writes."
                ) from None
            yield from (each for each in page if each.event.id > beyond[each.stream])
            if len(page) < audit_seals.PAGE:
                return
            last = page[-1].event.id

    def _seals(self, stream: Stream, before: AuditSeal | None, until: AuditSeal | None) -> Iterator[AuditSeal]:
        position, end = before.position if before else 0, until.position if until else 0
        while position < end:
            with self._database.reading() as session:
                page = audit_seals.after(session, stream, position, until=end)
            yield from page
            if not page:
                return
            position = page[-1].position


def _begin(
    session: Session, stream: Stream, first: int | None, oldest: AuditSeal | None
) -> tuple[AuditSeal | None, int]:
    """The seal after which a stream begins, and the id after which its events do. `first`: None for all.

    Of all, no event is passed over, so that one in a removed range is noticed.
    """
    removed = oldest if oldest and oldest.removed_at else None
    if first is None:
        return removed, audit_seals.BEFORE_ALL
    found = audit_seals.covering(session, stream, first)
    if found is None:
        return audit_seals.latest(session, stream), first - 1
    before = found if found == removed else audit_seals.at_position(session, stream, found.position - 1)
    return before, before.last_id if before else 0


def _in_order(events: Iterator[StoredEvent], seals: Iterator[AuditSeal]) -> Iterator[Entry]:
    """Each seal after the events of its range, and so after all up to its last one."""
    seal = next(seals, None)
    for each in events:
        while seal is not None and seal.last_id < each.event.id:
            yield seal
            seal = next(seals, None)
        yield each
    yield from chain((seal,) if seal else (), seals)


def _verified(chains: Chains) -> Verified:
    unsealed = sum(tally.number for tally in chains.unsealed.values())
    late = str(chains.late) if chains.late else None
    return Verified(chains.events, chains.ranges, unsealed, late, chains.beginnings)
