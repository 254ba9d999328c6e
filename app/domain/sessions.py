"""Web sessions: their time limits, and their state at an instant."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import NotFound
from app.domain.identity import User
from app.domain.second_factors import NO_FACTOR, FactorStanding
from app.domain.sign_ins import SignInMethod

IDLE = timedelta(minutes=30)
"""A session without requests for so long ends."""

LONGEST = timedelta(hours=12)
"""The maximum length of a session."""

MOST = 50
"""Per user. When one more begins, the oldest end."""

FRESH = timedelta(minutes=10)
"""How long after a proof of who the user is sensitive actions do not ask for another."""


_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class WebSession:
    """The session of a user signed in on the pages. `proved_at`: when they last proved who they are.

    `address`, `device` (:func:`app.domain.devices.device_of`): where it began; None where that is not known.
    `digest`: of its cookie. `answers_for_accounts`: whether the user is responsible for a service account, or a deputy.
    `method`, `identity_id`: how it began (:class:`app.domain.sign_ins.Arrival`). `provider`: its name here.
    `has_password`: whether the user has one. `second_factor`: the user's.
    """

    id: int
    user: User
    created_at: datetime
    seen_at: datetime
    proved_at: datetime
    has_temporary_password: bool
    address: str | None = None
    device: str | None = None
    digest: str | None = field(default=None, repr=False)
    answers_for_accounts: bool = False
    method: SignInMethod = SignInMethod.PASSWORD
    identity_id: int | None = None
    provider: str | None = None
    has_password: bool = True
    second_factor: FactorStanding = NO_FACTOR

    @property
    def must_add_second_factor(self) -> bool:
        """Whether the pages require one first. A provider or a proxy asks by rules of its own."""
        is_due = self.second_factor.is_required and not self.second_factor.is_on
        return is_due and self.user.is_administrator and self.method is SignInMethod.PASSWORD

    @property
    def must_change_password(self) -> bool:
        """Whether the pages require another password first. One from before Daypass let them expire can stay.

        Not of whom a provider or a proxy signed in: they may never have seen the temporary one.
        """
        return self.user.password_expires_at is not None and self.method is SignInMethod.PASSWORD

    @property
    def credential(self) -> Credential:
        return Credential(CredentialKind.SESSION, str(self.id), digest=self.digest)

    def is_over(self, now: datetime) -> bool:
        """Over **at** the instant, as tokens expire."""
        return now >= self.seen_at + IDLE or now >= self.created_at + LONGEST or not self.user.is_enabled(now)

    def is_fresh(self, now: datetime) -> bool:
        """Whether it was proved less than FRESH ago who the user is; not if that is said to be in the future."""
        return self.proved_at - CLOCK_TOLERANCE <= now < self.proved_at + FRESH


def parse_session_number(text: str) -> int:
    """The number of a session in a path; refuses with NotFound text that is none."""
    if not _NUMBER.fullmatch(text):
        raise NotFound("session")
    return int(text)
