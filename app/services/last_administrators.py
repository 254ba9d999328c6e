"""Administrators whose role no provider and no directory takes: the last one, and the last with a password.

Not here: acts of administrators, which are refused (``user_changes``), and break-glass (``password_sign_in``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.identity import Caller, Role
from app.storage import identities
from app.storage.audit import record

ROLE_KEPT = "user.role_kept"

LAST_ADMINISTRATOR = "the last administrator"
LAST_WITH_A_PASSWORD = "the last administrator with a password"


@dataclass(frozen=True)
class Administrators:
    """The ids of all enabled ones, whose rows are locked. `local`: of those who have a password that works."""

    enabled: frozenset[int] = frozenset()
    local: frozenset[int] = frozenset()

    def why_kept(self, user_id: int) -> str:
        """Why this one keeps the role, whatever is said elsewhere; empty where others are left."""
        if self.enabled == {user_id}:
            return LAST_ADMINISTRATOR
        return LAST_WITH_A_PASSWORD if self.local == {user_id} else ""

    def without(self, user_id: int) -> "Administrators":
        """Those who are left without this one."""
        return Administrators(self.enabled - {user_id}, self.local - {user_id})


NOBODY = Administrators()


def administrators_of(session: Session, enabled: Iterable[int], now: datetime) -> Administrators:
    """`enabled`: as :func:`app.storage.users.lock_administrators` returns them."""
    return Administrators(frozenset(enabled), frozenset(identities.local_administrators(session, now)))


def record_kept(
    session: Session, now: datetime, caller: Caller, username: str, role: Role, said: Role, because: str
) -> None:
    """The event that a user keeps the role although `said` is another."""
    record(session, now, caller, ROLE_KEPT, ("user", username), role=role, said=said, because=because)
