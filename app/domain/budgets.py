"""Budgets: how many acts of a kind an account or a refresh token has in an hour.

An hour begins with the first act after the one before is over. Not here: the limits (``policy``), the counters in the
database (``app.storage.budgets``).
"""

import math
from datetime import datetime, timedelta

from app.domain.clock import CLOCK_TOLERANCE

HOUR = timedelta(hours=1)


def is_over(hour_ends_at: datetime | None, now: datetime) -> bool:
    """Whether the counters are of an hour that is over, or of a clock that was wrong: those count for nothing."""
    return hour_ends_at is None or not now < hour_ends_at <= now + HOUR + CLOCK_TOLERANCE


def seconds_until(hour_ends_at: datetime, now: datetime) -> int:
    """Whole seconds until acts are counted anew, at least one."""
    return max(1, math.ceil((hour_ends_at - now).total_seconds()))
