"""The one place that reads the time.

Everything that needs "now" is given a :data:`Clock`; a ruff rule refuses ``datetime.now`` elsewhere.
Not here: durations of a wait, which are measured with ``time.monotonic`` where they are needed.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present instant as an aware datetime in UTC, to the microsecond."""


def system_clock() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def utc_text(instant: datetime, timespec: str = "auto") -> str:
    """ISO 8601 in UTC with ``Z``. `timespec`: as of ``datetime.isoformat``, such as "microseconds" for six digits."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_instant(text: object) -> datetime:
    """An instant in ISO 8601 with its offset, in UTC; ValueError, with a message for people, where it is none."""
    try:
        instant = datetime.fromisoformat(text)  # type: ignore[arg-type]  # a TypeError where it is no text
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be an instant with its offset, such as 2026-03-01T12:00:00Z") from None
