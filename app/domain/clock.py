"""The only place that reads the time: all else takes a :data:`Clock`. Durations use ``time.monotonic``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time: an aware datetime in UTC, to the microsecond."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""An instant that lies further in the future was stored by a clock that was wrong, or this one is."""


def system_clock() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def utc_text(instant: datetime, timespec: str = "auto") -> str:
    """ISO 8601 in UTC with ``Z``. `timespec`: as of ``datetime.isoformat``, such as "microseconds" for six digits."""
    in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{in_utc.isoformat(timespec=timespec)[: -len('+00:00')]}Z"


def parse_instant(text: object) -> datetime:
    """An instant in ISO 8601 with its offset, in UTC; ValueError, with a message for people, where it is none."""
    try:
        instant = datetime.fromisoformat(text)  # type: ignore[arg-type]  # a TypeError where it is no text
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be an instant with its offset, such as 2026-03-01T12:00:00Z") from None
