"""The time that a database has seen pass, and whether a clock agrees with it.

A clock that jumps is believed neither at once nor never. The mark holds the trusted time, which went forward in small
steps, and beside it the time of a clock that is elsewhere. While that one goes on in small steps, the trusted time
advances by the same steps: a clock that is put right agrees at once. After a day of such steps it becomes the trusted
one, because clocks are also wrong before a jump, and machines sleep.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.clock import CLOCK_TOLERANCE

LONGEST_STEP = timedelta(hours=1)
"""Forward. A longer one is a jump: of the clock, or because nothing ran meanwhile."""

TRUSTED_AFTER = timedelta(days=1)
"""How much time must be seen to pass on another timeline, in small steps, until it becomes the trusted one."""


class Agreement(StrEnum):
    """How a clock stands to the trusted time. AHEAD, it must delete nothing; BEHIND, it deletes less than it might."""

    AGREES = "agrees"
    AHEAD = "ahead"
    BEHIND = "behind"


@dataclass(frozen=True)
class Elsewhere:
    """The time of a clock that does not agree: where it began, where it is, and how much was seen to pass on it."""

    since: datetime
    seen_at: datetime
    passed: timedelta = timedelta(0)


@dataclass(frozen=True)
class ClockMark:
    """`seen_at`: the trusted time. `elsewhere`: while the latest clock did not agree with it."""

    seen_at: datetime
    elsewhere: Elsewhere | None = None

    def agreement(self, now: datetime) -> Agreement:
        """How a clock that shows `now` stands to the trusted time."""
        if _is_step(self.seen_at, now):
            return Agreement.AGREES
        return Agreement.AHEAD if now > self.seen_at else Agreement.BEHIND


def first_mark(evidence: datetime | None, now: datetime) -> ClockMark:
    """The mark of a database without one. `evidence`: the latest instant that it holds, if any."""
    return ClockMark(now if evidence is None else evidence)


def observe(mark: ClockMark, now: datetime) -> ClockMark:
    """The mark after a clock that shows `now` was seen; its :meth:`ClockMark.agreement` says how that one stands."""
    if _is_step(mark.seen_at, now):
        return ClockMark(max(mark.seen_at, now))
    known = mark.elsewhere
    if known is None:
        return replace(mark, elsewhere=Elsewhere(now, now))
    if _is_step(known.seen_at, now):
        step = max(now - known.seen_at, timedelta(0))
        if known.passed + step >= TRUSTED_AFTER:
            return ClockMark(max(known.seen_at, now))
        moved = Elsewhere(known.since, known.seen_at + step, known.passed + step)
        # A clock that was put back a little is waited for: soon it shows the trusted time by itself.
        is_near = abs(now - mark.seen_at) <= LONGEST_STEP
        return ClockMark(mark.seen_at if is_near else _later(mark.seen_at, step), moved)
    # A machine that sleeps every night jumps again and again: what it saw pass between counts.
    is_ahead_still = mark.seen_at < known.seen_at < now
    return replace(mark, elsewhere=Elsewhere(known.since, now, known.passed) if is_ahead_still else Elsewhere(now, now))


def _is_step(seen_at: datetime, now: datetime) -> bool:
    return -CLOCK_TOLERANCE <= now - seen_at <= LONGEST_STEP


def _later(seen_at: datetime, step: timedelta) -> datetime:
    """Dates end at the year 9999."""
    return seen_at + min(step, datetime.max.replace(tzinfo=seen_at.tzinfo) - seen_at)
