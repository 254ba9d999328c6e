"""Web sessions: their time limits, and their state at an instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import User

IDLE = timedelta(minutes=30)
"""A session without requests for so long ends."""

LONGEST = timedelta(hours=12)
"""The maximum length of a session."""

FRESH = timedelta(minutes=10)
"""How long after the password was entered sensitive actions do not ask for it again."""


@dataclass(frozen=True)
class WebSession:
    """The session of a user signed in on the pages. `proved_at`: when they last entered their password."""

    id: int
    user: User
    created_at: datetime
    seen_at: datetime
    proved_at: datetime
    has_temporary_password: bool

    @property
    def credential(self) -> Credential:
        return Credential(CredentialKind.SESSION, str(self.id))

    def is_over(self, now: datetime) -> bool:
        """Over **at** the instant, as tokens expire."""
        return now >= self.seen_at + IDLE or now >= self.created_at + LONGEST or not self.user.is_active

    def is_fresh(self, now: datetime) -> bool:
        """Whether the password was entered less than FRESH ago; not if that is said to be in the future."""
        return self.proved_at - CLOCK_TOLERANCE <= now < self.proved_at + FRESH
