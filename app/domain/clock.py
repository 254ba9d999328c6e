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
