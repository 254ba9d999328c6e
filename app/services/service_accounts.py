"""Service accounts: creating one, finding those that a person answers for, and who opens one's pages.

Not here: changing who answers for one (``accounts``), and their tokens (``issuing``, ``minting``, ``revoking``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, NotFound
from app.domain.identity import Caller, Kind, Role, User
from app.domain.ladder import Act
from app.domain.service_accounts import refuse_unless_answers_for
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.overview import Holding
from app.services.permitting import refuse_unless_allowed
from app.services.responsibility import ANSWERING_CHANGED, answering, lock_together, people
from app.services.user_changes import normal_profile
from app.services.usernames import Usernames, normal_username, taken
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

    def __init__(self, database: Database, clock: Clock, idempotency: Idempotency, usernames: Usernames) -> None:
        self._database = database
        self._clock = clock
        self._idempotency = idempotency
        self._usernames = usernames

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
        name, columns = normal_username(username), dict[str, Any](normal_profile(profile))
        try:
            with self._database.transaction() as session:
                refuse_unless_allowed(session, Act.CREATE_USER, caller)
                now = self._clock()
                columns |= people(session, answering.responsible, answering.deputy, now)
                self._idempotency.refuse_repeat(session, key, caller.user_id, ("user", name), now)
                row = users.insert(session, name, role, None, now, kind=Kind.SERVICE, **columns)
                self._usernames.refuse_former(session, name, row.id)
                detail = {"role": role, "kind": Kind.SERVICE, "responsible": row.responsible or ""}
                deputy = {"deputy": row.deputy} if row.deputy else {}
                record(session, now, caller, "user.created", ("user", name), **detail, **deputy)
                return users.as_user(row)
        except IntegrityError:
            raise taken(name) from None

    def hand_over(self, person_id: int, successors: Mapping[int, str], caller: Caller) -> list[User]:
        """Let others answer for accounts of a person, such as before that is disabled: all of them or none.

        `successors`: user names, by account id; each gets the person's place, as responsible or as deputy. Nobody has
        both places: a deputy who becomes responsible is deputy no more. An empty name: no deputy. Refuses with NotFound
        (an account that the person does not answer for), NotPermitted, and BadRequest as ``people``; the field is
        ``to-<account id>``.
        """
        with self._database.transaction() as session:
            lock_together(session, successors.values(), successors)
            refuse_unless_allowed(session, Act.MAKE_RESPONSIBLE, caller)
            return [self._hand_over(session, person_id, each, name, caller) for each, name in successors.items()]

    def _hand_over(self, session: Session, person_id: int, account_id: int, name: str, caller: Caller) -> User:
        row = users.get(session, account_id)
        if row is None or row.kind != Kind.SERVICE or person_id not in (row.responsible_id, row.deputy_id):
            raise NotFound("user")
        is_responsible = row.responsible_id == person_id
        try:
            successor = people(session, name, None, self._clock())["responsible_id"] if name or is_responsible else None
        except BadRequest as refusal:
            raise BadRequest(refusal.message, {f"to-{account_id}": [refusal.message]}) from None
        if is_responsible:
            row.responsible_id = successor
        else:
            row.deputy_id = successor
        row.deputy_id = None if row.deputy_id == row.responsible_id else row.deputy_id
        users.read_names(session, row)
        record(session, self._clock(), caller, ANSWERING_CHANGED, ("user", row.username), **answering(row))
        return users.as_user(row)

    def of(self, person_id: int) -> list[Holding]:
        """The accounts that a person answers for, as responsible or as deputy, by name, with their active tokens."""
        with self._database.reading() as session:
            found = [users.as_user(row) for row in service_accounts.of_person(session, person_id, MOST_LISTED)]
            if not found:
                return []
            held = overview.count_active_of_users(session, [user.id for user in found], self._clock())
        return [Holding(user, *held[user.id]) for user in found]

    def left_by(self, person_id: int) -> list[Holding]:
        """Those of them that the person is responsible for: without the person, nobody is."""
        return [each for each in self.of(person_id) if each.user.responsible_id == person_id]

    def open(self, user_id: int, caller: Caller) -> User:
        """The account, for those who answer for it; refuses others with NotFound.

        Each act on its tokens decides again, behind its lock.
        """
        with self._database.reading() as session:
            row = users.get(session, user_id)
            return refuse_unless_answers_for(caller, None if row is None else users.as_user(row))
