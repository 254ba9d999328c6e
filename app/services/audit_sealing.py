"""Sealing the audit log: a job seals each minute what has happened since, and logs each seal.

Not here: what a seal proves (``app.domain.audit_seals``), verifying (``audit_trail``), removing (``audit_purging``).
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app.domain.audit import Stream
from app.domain.audit_seals import LATE, AuditSeal, SealingKey, Tally
from app.domain.clock import Clock, utc_text
from app.domain.clock_mark import Agreement
from app.domain.errors import Conflict
from app.storage import audit_seals, clock_marks
from app.storage.database import Database

LOG = structlog.get_logger(__name__)

MOST_IN_RANGE = 2_000
"""Events of one range, which retention removes in one transaction."""

MOST_RANGES = 50
"""Of one run. What is left of a long log, as after an upgrade, is sealed by the next ones."""

LOST = (
    "Seals of the audit log that this process made are missing or changed. Run `daypass audit verify`, and compare "
    "with the lines audit_sealed of the log. Nothing is sealed until Daypass is restarted."
)


@dataclass(frozen=True)
class SealedUntil:
    """`latest`: the newest seal. `unsealed_since`: when the first event happened that is not sealed."""

    latest: AuditSeal | None
    unsealed_since: datetime | None


class AuditSealing:
    """Seals events. One per process."""

    def __init__(self, database: Database, clock: Clock, key: SealingKey) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._began = clock()
        self._made: dict[Stream, AuditSeal] = {}

    def seal(self) -> int:
        """Seal all events that are settled; how many. Refuses with Conflict where seals of this process are missing."""
        settled = audit_seals.settled_id(self._database)
        if settled is None:
            LOG.warning("audit_not_settled", detail="a transaction that writes audit events has not ended")
            return 0
        total = 0
        for _ in range(MOST_RANGES):
            number = self._seal_next(settled)
            total += number
            if number < MOST_IN_RANGE:
                break
        return total

    def state(self) -> SealedUntil:
        """Until when the log is sealed."""
        with self._database.reading() as session:
            found = (audit_seals.latest(session, stream) for stream in Stream)
            newest = max((each for each in found if each), key=lambda each: each.last_id, default=None)
            (*unsealed,) = audit_seals.events(session, newest.last_id if newest else 0, 1)
        return SealedUntil(newest, unsealed[0].event.at if unsealed else None)

    def warning(self, now: datetime) -> str | None:
        """A sentence for people where nothing was sealed for long, while this process could see it."""
        since = self.state().unsealed_since
        if since is None or now - max(since, self._began) <= LATE:
            return None
        return f"Audit events since {utc_text(since, 'seconds')} are not sealed: start a scheduler, or see its log"

    def _seal_next(self, settled: int) -> int:
        """Seal at most one range of each stream, which begin after all that are sealed."""
        with self._database.reading() as session:
            previous = {stream: audit_seals.latest(session, stream) for stream in Stream}
            beyond = max((seal.last_id for seal in previous.values() if seal), default=0)
            self._refuse_lost(session, previous)
            events = audit_seals.events(session, beyond, MOST_IN_RANGE, settled)
        tallies: dict[Stream, Tally] = {}
        for each in events:
            tallies.setdefault(each.stream, Tally()).add(each)
        with self._database.transaction() as session:
            now = self._time(session)
            seals = [self._key.seal(previous[stream], tally, stream, now) for stream, tally in tallies.items()]
            if not audit_seals.add(session, seals):
                session.rollback()  # another process seals as well
                return 0
        for seal in seals:
            self._made[seal.stream] = seal
            LOG.info(
                "audit_sealed",
                stream=seal.stream,
                position=seal.position,
                last_event=seal.last_id,
                events=seal.number,
                seal=seal.mac,
            )
        return len(events)

    def _time(self, session: Session) -> datetime:
        """Never behind the time that the database has seen: retention would remove the range too soon."""
        now, mark = self._clock(), clock_marks.find(session)
        return mark.seen_at if mark is not None and mark.agreement(now) is Agreement.BEHIND else now

    def _refuse_lost(self, session: Session, latest: dict[Stream, AuditSeal | None]) -> None:
        """If the newest seals were removed from the database, the events would be sealed again as they are then."""
        for stream, made in self._made.items():
            newest, found = latest[stream], audit_seals.at_position(session, stream, made.position)
            is_lost = newest is None or newest.position < made.position
            if is_lost or (found is not None and found.mac != made.mac):
                raise Conflict(LOST)
