"""Sessions of the web pages: how long one lasts, and how long its password counts as just given.

Here belong the times and what they mean at an instant. Not here: the cookie (``app.web``), and keeping sessions
(``app.services.sessions``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.identity import User

IDLE = timedelta(minutes=30)
"""A session in which nothing happens for so long is over."""

LONGEST = timedelta(hours=12)
"""So is one that began so long ago, whatever happens in it."""

FRESH = timedelta(minutes=10)
"""Older than this, the password is asked for again before what matters most."""


@dataclass(frozen=True)
class WebSession:
    """Somebody who signed in on the pages. `proved_at`: when they gave their password last."""

    id: int
    user: User
    created_at: datetime
    seen_at: datetime
    proved_at: datetime
    has_temporary_password: bool

    def is_over(self, now: datetime) -> bool:
        """Over **at** the instant, as tokens are."""
        return now >= self.seen_at + IDLE or now >= self.created_at + LONGEST or not self.user.is_active

    def is_fresh(self, now: datetime) -> bool:
        """Whether the password was given a moment ago."""
        return now < self.proved_at + FRESH
