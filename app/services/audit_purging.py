"""Retention of the audit log: whole sealed ranges are removed, the oldest first, and what is left can be verified.

Not here: sealing (``audit_sealing``), and the proof of a removal (``app.domain.audit_seals``).
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.audit import Stream
from app.domain.audit_seals import AuditSeal, Beginning, Chains, Mismatch, SealingKey
from app.domain.clock import CLOCK_TOLERANCE, Clock, utc_text
from app.domain.clock_mark import Agreement
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.domain.policy import Policy
from app.services.audit_sealing import MOST_IN_RANGE
from app.services.clock_agreement import HELD, ClockAgreement
from app.services.instance_settings import read_policy
from app.storage import audit_seals
from app.storage.audit import record
from app.storage.database import Database

LONGEST_REST_SECONDS = 0.2

MOST_SEALS = 500
"""Ranges of one transaction: after a quiet night each has few events."""


class AuditPurging:
    """Removes ranges that are older than the settings say."""

    def __init__(self, database: Database, clock: Clock, key: SealingKey, agreement: ClockAgreement) -> None:
        self._database = database
        self._clock = clock
        self._key = key
        self._agreement = agreement

    def purge(self, caller: Caller) -> int:
        """Remove what the settings no longer keep; how many events.

        Refuses with Conflict where this host's clock does not agree (``clock_agreement``), and where the ranges are not
        as they were sealed: nothing is removed then that could show by whom they were changed.
        """
        total = 0
        for stream in Stream:
            while True:
                started = time.monotonic()
                number = self._purge_next(stream, caller)
                if number is None:
                    break
                total += number
                # Leave half of the time to requests; nothing depends on the speed of a purge.
                time.sleep(min(time.monotonic() - started, LONGEST_REST_SECONDS))
        return total

    def _purge_next(self, stream: Stream, caller: Caller) -> int | None:
        """Remove some ranges; None where there is nothing to remove."""
        held = None
        with self._database.transaction() as session:
            kept_for = _retention(read_policy(session), stream)
            if kept_for is None:
                return None
            now = self._clock()
            # In the transaction of each batch: a clock can jump at any moment.
            agreement, warning = self._agreement.observe(session, now)
            if agreement is Agreement.AHEAD:
                held = warning
            else:
                return self._remove(session, stream, now, kept_for, caller)
        raise Conflict(f"{HELD}{held}")

    def _remove(
        self, session: Session, stream: Stream, now: datetime, kept_for: timedelta, caller: Caller
    ) -> int | None:
        oldest = audit_seals.oldest(session, stream)
        before = oldest if oldest and oldest.removed_at else None
        kept = audit_seals.after(session, stream, before.position if before else 0, MOST_SEALS)
        ranges = removable(kept, now - kept_for, now)
        if not ranges:
            return None
        self._refuse_unless_sound(session, before, ranges)
        last = self._key.remove(ranges[-1], now)
        number = audit_seals.remove(session, [*ranges[:-1], last])
        counts = {"events": number, "ranges": len(ranges), "last_event": last.last_id, "kept_days": kept_for.days}
        about = {"sealed_until": utc_text(last.sealed_at, "seconds"), "seal": last.mac}
        record(session, now, caller, "audit.purged", ("audit_log", stream), **counts, **about)
        return number

    def _refuse_unless_sound(self, session: Session, before: AuditSeal | None, ranges: Sequence[AuditSeal]) -> None:
        """Of another key is none, because who adopts a key has all sealed again (``key_fingerprints``)."""
        chains = Chains(self._key)
        try:
            if before is not None:
                chains.add(Beginning(before, is_removed=True))
            beyond = before.last_id if before else 0
            for seal in ranges:
                chains.add_all(audit_seals.events(session, beyond, MOST_IN_RANGE + 1, seal.last_id, seal.stream))
                chains.add(seal)
                beyond = seal.last_id
        except Mismatch as mismatch:
            raise Conflict(f"The audit log is not as it was sealed, and nothing of it is removed: {mismatch}") from None


def removable(ranges: Sequence[AuditSeal], cutoff: datetime, now: datetime) -> list[AuditSeal]:
    """The first of these ranges, at most as many events as one range may have, that were sealed before `cutoff`.

    A range that a clock which was ahead has sealed is as old as the one after it.
    """
    chosen: list[AuditSeal] = []
    undecided: list[AuditSeal] = []
    events = 0
    for seal in ranges:
        events += seal.number
        if chosen and events > MOST_IN_RANGE:
            break
        undecided.append(seal)
        if seal.sealed_at > now + CLOCK_TOLERANCE:
            continue
        if seal.sealed_at >= cutoff:
            break
        chosen, undecided = [*chosen, *undecided], []
    return chosen


def _retention(policy: Policy, stream: Stream) -> timedelta | None:
    """How long events of a stream are kept; None for ever."""
    ordinary, high_volume = policy.audit or None, policy.audit_high_volume or None
    if stream is Stream.ORDINARY:
        return ordinary
    return min((each for each in (ordinary, high_volume) if each), default=None)
