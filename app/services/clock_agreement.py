"""Whether this host's clock may decide what is marked as expired and deleted.

It must agree with PostgreSQL's clock, and with the time that the database has seen pass (``app.domain.clock_mark``).
Not here: verdicts about tokens, which take every clock at its word, because nothing that they do is final.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeGuard

import structlog
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.clock_mark import Agreement, ClockMark, first_mark, observe
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.domain.text import count_of
from app.storage import clock_marks
from app.storage.audit import record
from app.storage.database import Database

LOG = structlog.get_logger(__name__)

MOST_DIFFERENCE = timedelta(seconds=2)
"""Between the clocks of this host and of PostgreSQL."""

STORED_EVERY = timedelta(seconds=10)
"""A clock that agrees is stored at most so often: a sweep has many batches."""

HELD = "Held: "
"""Begins the Conflict of a job that this clock must not run. It is no failure, and ends by itself or by a decision."""

REMEDY = "Set the clock right, or, if it is right, run `daypass clock accept`."


@dataclass(frozen=True)
class ClockState:
    """`database_now`: PostgreSQL's clock. `mark`: None before the first job. `warning`: None where all agree."""

    now: datetime
    database_now: datetime | None
    mark: ClockMark | None
    agreement: Agreement
    warning: str | None


class ClockAgreement:
    """Compares this host's clock with what the database knows of time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def difference(self) -> str | None:
        """How this clock and the database's differ, in a clause; None where they agree, and for SQLite."""
        with self._database.reading() as session:
            before = self._clock()
            return _difference(clock_marks.database_time(session), before, self._clock())

    def refuse_differing(self) -> None:
        """Refuse with Conflict where this clock is not the database's; SQLite has none."""
        with self._database.reading() as session:
            self._refuse_differing(session, self._clock())

    def observe(self, session: Session, now: datetime) -> tuple[Agreement, str | None]:
        """How `now` stands to the trusted time, which advances with it, and the warning, if any.

        The caller commits the session also if the clock is AHEAD, and marks and deletes nothing then. Refuses as
        :meth:`refuse_differing`.
        """
        self._refuse_differing(session, now)
        mark = _known(session, now)
        if mark.elsewhere is None and timedelta(0) <= now - mark.seen_at < STORED_EVERY:
            if clock_marks.find(session) is None:
                clock_marks.put(session, mark)
            return Agreement.AGREES, None
        mark = clock_marks.find(session, lock=True) or mark
        after = observe(mark, now)
        clock_marks.put(session, after)
        _log_change(mark, after, now)
        return after.agreement(now), warning_of(after, now)

    def warning(self, now: datetime) -> str | None:
        """A sentence for people where `now` is not near the trusted time. One small read."""
        with self._database.reading() as session:
            mark = clock_marks.find(session)
        return None if mark is None else warning_of(mark, now)

    def state(self) -> ClockState:
        """What is known of time; writes nothing."""
        with self._database.reading() as session:
            now = self._clock()
            theirs = clock_marks.database_time(session)
            difference = _difference(theirs, now, self._clock())
            mark = clock_marks.find(session)
        warning = _held(difference) if difference else warning_of(mark, now) if mark else None
        return ClockState(now, theirs, mark, mark.agreement(now) if mark else Agreement.AGREES, warning)

    def catch_up(self, seen_at: datetime) -> None:
        """Trust at least this time, which an earlier state of this database had seen."""
        with self._database.transaction() as session:
            mark = clock_marks.find(session, lock=True)
            if mark is None or mark.seen_at < seen_at:
                clock_marks.put(session, ClockMark(seen_at))

    def accept(self, caller: Caller) -> ClockState:
        """Trust this clock from now on. Refuses with Conflict where it is not the database's."""
        with self._database.transaction() as session:
            now = self._clock()
            self._refuse_differing(session, now)
            mark = clock_marks.find(session, lock=True) or _known(session, now)
            clock_marks.put(session, ClockMark(now))
            record(session, now, caller, "clock.accepted", ("clock", "mark"), before=mark.seen_at.isoformat())
        LOG.info("clock_accepted", clock=now.isoformat(), before=mark.seen_at.isoformat())
        return self.state()

    def _refuse_differing(self, session: Session, now: datetime) -> None:
        difference = _difference(clock_marks.database_time(session), now, self._clock())
        if difference is not None:
            raise Conflict(_held(difference))


def is_held(failure: BaseException) -> TypeGuard[Conflict]:
    """Whether a job was held by its clock, which is no failure of the job."""
    return isinstance(failure, Conflict) and failure.what.startswith(HELD)


def _known(session: Session, now: datetime) -> ClockMark:
    return clock_marks.find(session) or first_mark(clock_marks.evidence(session), now)


def _difference(theirs: datetime | None, before: datetime, after: datetime) -> str | None:
    """`before`, `after`: this clock around the question for theirs, because a slow answer is no difference."""
    now = before if theirs is None else min(max(theirs, before), after)
    if theirs is None or abs(theirs - now) <= MOST_DIFFERENCE:
        return None
    return (
        f"this host's clock shows {_text(now)}, the database's {_text(theirs)}; they may differ by "
        f"{MOST_DIFFERENCE.seconds} s"
    )


def _held(difference: str) -> str:
    return f"{HELD}{difference}. Nothing was marked or deleted. Set the wrong one right."


def warning_of(mark: ClockMark, now: datetime) -> str | None:
    """What is wrong, what follows and what to do; None where the clock agrees."""
    agreement = mark.agreement(now)
    if agreement is Agreement.AGREES:
        return None
    is_ahead = agreement is Agreement.AHEAD
    distance = f"{_span(abs(now - mark.seen_at))} {'ahead of' if is_ahead else 'behind'}"
    follows = "Marking and deleting expired tokens is held for a day" if is_ahead else "Jobs go on and delete less"
    place = f"{distance} the time that the database has seen pass"
    return f"This host's clock shows {_text(now)}, {place}. {follows}. {REMEDY}"


def _log_change(before: ClockMark, after: ClockMark, now: datetime) -> None:
    """One line when a clock goes elsewhere, and one when it is trusted again."""
    if after.elsewhere is not None and before.elsewhere is None:
        LOG.warning("clock_jumped", detail=warning_of(after, now))
    elif after.elsewhere is None and before.elsewhere is not None:
        LOG.warning("clock_agrees_again", clock=now.isoformat(), since=before.elsewhere.since.isoformat())


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return count_of(span.days, "day")
    hours = span // timedelta(hours=1)
    return count_of(hours, "hour") if hours else count_of(span // timedelta(minutes=1), "minute")
