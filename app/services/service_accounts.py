"""Service accounts: creating one, finding those that a person answers for, and who opens one's pages.

Not here: changing who answers for one (``accounts``), and their tokens (``issuing``, ``minting``, ``revoking``).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.domain.clock import Clock
from app.domain.errors import Conflict
from app.domain.identity import Caller, Kind, Role, User
from app.domain.ladder import Act
from app.domain.service_accounts import refuse_unless_answers_for
from app.services.accounts import new_username, normal_profile
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.overview import Holding
from app.services.permitting import refuse_unless_allowed
from app.services.responsibility import people
from app.storage import overview, service_accounts, users
from app.storage.audit import record
from app.storage.database import Database

MOST_LISTED = 200
"""Accounts of one person that a page shows."""


@dataclass(frozen=True)
class People:
    """Who answers for an account: user names."""

    responsible: str
    deputy: str | None = None


class ServiceAccounts:
    """Creates and finds them."""

    def __init__(self, database: Database, clock: Clock, idempotency: Idempotency) -> None:
        self._database = database
        self._clock = clock
        self._idempotency = idempotency

    def add(
        self,
        username: str,
        role: Role,
        answering: People,
        caller: Caller,
        key: IdempotencyKey | None = None,
        **profile: str,
    ) -> User:
        """Add a service account: without a password, and none can be set.

        Refuses with BadRequest (user name, profile, who answers for it), NotPermitted, and Conflict (the name is taken;
        another request under the same `key`). Raises Repeated.
        """
        name, columns = new_username(username), dict[str, Any](normal_profile(profile))
        try:
            with self._database.transaction() as session:
                refuse_unless_allowed(session, Act.CREATE_USER, caller)
                columns |= people(session, answering.responsible, answering.deputy)
                now = self._clock()
                self._idempotency.refuse_repeat(session, key, caller.user_id, ("user", name), now)
                row = users.insert(session, name, role, None, now, kind=Kind.SERVICE, **columns)
                detail = {"role": role, "kind": Kind.SERVICE, "responsible": row.responsible or ""}
                deputy = {"deputy": row.deputy} if row.deputy else {}
                record(session, now, caller, "user.created", ("user", name), **detail, **deputy)
                return users.as_user(row)
        except IntegrityError:
            raise Conflict(f"There is already a user called {name}.") from None

    def of(self, person_id: int) -> list[Holding]:
        """The accounts that a person answers for, as responsible or as deputy, by name, with their active tokens."""
        with self._database.reading() as session:
            found = [users.as_user(row) for row in service_accounts.of_person(session, person_id, MOST_LISTED)]
            if not found:
                return []
            held = overview.count_active_of_users(session, [user.id for user in found], self._clock())
        return [Holding(user, *held[user.id]) for user in found]

    def answers_for_any(self, person_id: int) -> bool:
        """Whether a person answers for an account."""
        with self._database.reading() as session:
            return service_accounts.has_any(session, person_id)

    def open(self, user_id: int, caller: Caller) -> User:
        """The account, for those who answer for it; refuses others with NotFound.

        Each act on its tokens decides again, behind its lock.
        """
        with self._database.reading() as session:
            row = users.get(session, user_id)
            return refuse_unless_answers_for(caller, None if row is None else users.as_user(row))
