"""Users whom a directory creates, changes and disables by SCIM.

A directory has no power over others: local users, service accounts, and who has what role. Not here: groups and roles
(``provisioning_groups``, ``group_roles``), and SCIM's words (``app.api.scim``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.emails import canonical_email
from app.domain.errors import Conflict, NotFound
from app.domain.identity import Caller, Kind
from app.domain.ladder import Act
from app.domain.provisioned import (
    DEFAULT_ROLE,
    MOST_IN_PAGE,
    Condition,
    Found,
    Managed,
    Person,
    ProvisionedUser,
    normal_external_id,
)
from app.services.group_roles import settle
from app.services.permitting import refuse_unless_allowed
from app.services.scim_tokens import hold_token
from app.services.user_changes import apply, differing, normal_profile, refuse_to_leave_none
from app.services.usernames import Usernames, normal_username, taken
from app.storage import scim_groups, scim_users, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

LOCAL = "There is already a local user called {0}. An administrator can let SCIM manage it: daypass scim adopt {0}"
LOCAL_EMAIL = (
    "{0} is the e-mail of an enabled local user, who signs in with it. An administrator can give that user the user "
    "name {0} and let SCIM manage it, or change its e-mail."
)
SOMEBODY_ELSE = (
    "{0} was the user name of somebody with another externalId, whom the directory deleted. Another person with the "
    "name must not get their tokens: send another userName, or let an administrator rename or delete that user."
)

Change = Callable[[ProvisionedUser], Person]
"""What a user is to be, from what they are; called while nobody else can change them. May refuse."""


class Provisioning:
    """Creates, changes and disables users for a directory."""

    def __init__(self, database: Database, clock: Clock, usernames: Usernames) -> None:
        self._database = database
        self._clock = clock
        self._usernames = usernames

    def find(self, user_id: int) -> ProvisionedUser:
        """Refuses with NotFound a user whom SCIM does not manage."""
        with self._database.reading() as session:
            row = scim_users.find(session, user_id)
            if row is None:
                raise NotFound("user")
            return scim_users.as_provisioned(row)

    def search(self, condition: Condition | None, start: int, count: int) -> Found[ProvisionedUser]:
        """Users in order of id, at most :data:`MOST_IN_PAGE`, from the place `start`, from one."""
        with self._database.reading() as session:
            rows, total = scim_users.page(session, condition, start, min(count, MOST_IN_PAGE))
            return Found([scim_users.as_provisioned(each) for each in rows], total, start)

    def add(self, person: Person, caller: Caller) -> ProvisionedUser:
        """Create a user, or take up again the same person whom the directory deleted before.

        Refuses with BadRequest, NotPermitted, RateLimited, TokenRevoked, and with Conflict a user name that somebody
        else has or had.
        """
        values = _columns(person)
        name, is_active = values.pop("username"), values.pop("is_active")
        try:
            with self._database.transaction() as session:
                now, administrators = self._begin(session, Act.PROVISION, caller)
                row = _returning(session, name, person.external_id)
                if row is None:
                    row = users.insert(session, name, DEFAULT_ROLE, None, now, managed_by=Managed.SCIM, **values)
                    self._usernames.refuse_former(session, name, row.id)
                    row.is_active, row.left_at = is_active, None if is_active else now
                else:
                    row.managed_by = Managed.SCIM
                    changed = _decided(row, values | {"username": name, "is_active": is_active}, now)
                    apply(session, row, changed, now, caller, self._usernames)
                record(session, now, caller, "user.provisioned", ("user", row.username), is_active=row.is_active)
                settle(session, {row.id}, administrators, now, caller)
                session.flush()
                return scim_users.as_provisioned(row)
        except IntegrityError:
            raise taken(name) from None

    def change(self, user_id: int, change: Change, caller: Caller) -> ProvisionedUser:
        """Change a user: all or nothing, with an event for each kind of change.

        Who is disabled so is refused with all tokens from the next check on, and signed out. Who was disabled by an
        administrator stays so. Refuses with NotFound, as :meth:`add`, and with Conflict the last enabled administrator.
        """
        with self._database.transaction() as session:
            now, administrators = self._begin(session, Act.PROVISION, caller)
            row = _held(session, user_id)
            values = _columns(change(scim_users.as_provisioned(row)))
            changed = _decided(row, values, now)
            if "username" in changed:
                _refuse_email_of_local_user(session, changed["username"])
            apply(session, row, changed, now, caller, self._usernames)
            refuse_to_leave_none(administrators, row)
            return scim_users.as_provisioned(row)

    def remove(self, user_id: int, allow: Callable[[ProvisionedUser], object], caller: Caller) -> None:
        """Disable a user, and no longer show them to directories; the row waits for their return.

        Not deleted: that could not be undone, and a directory deletes everybody whom a wrong setting leaves out.
        `allow` may refuse. Refuses as :meth:`change`.
        """
        with self._database.transaction() as session:
            now, administrators = self._begin(session, Act.DEPROVISION, caller)
            row = _held(session, user_id)
            allow(scim_users.as_provisioned(row))
            apply(session, row, _decided(row, {"is_active": False}, now), now, caller, self._usernames)
            refuse_to_leave_none(administrators, row)
            scim_groups.leave_all(session, row.id)
            settle(session, {row.id}, administrators, now, caller)
            row.managed_by = Managed.LEFT
            record(session, now, caller, "user.deprovisioned", ("user", row.username))

    def _begin(self, session: Session, act: Act, caller: Caller) -> tuple[datetime, list[int]]:
        """The time, and the enabled administrators, whose rows stay locked."""
        now = self._clock()
        hold_token(session, caller, now)
        refuse_unless_allowed(session, act, caller)
        return now, users.lock_administrators(session, now)


def _columns(person: Person) -> dict[str, Any]:
    """As they are stored. Refuses with BadRequest."""
    profile = {each: getattr(person, each) for each in ("email", "first_name", "last_name", "title")}
    about = {"external_id": normal_external_id(person.external_id), "is_active": person.is_active}
    return {"username": normal_username(person.username)} | normal_profile(profile) | about


def _held(session: Session, user_id: int) -> UserRow:
    row = scim_users.hold(session, user_id)
    if row is None:
        raise NotFound("user")
    return row


def _decided(row: UserRow, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What differs. SCIM enables only whom SCIM has disabled."""
    changed = differing(row, values)
    if changed.get("is_active") and row.left_at is None:
        del changed["is_active"]
    elif changed.get("is_active") is False:
        changed["left_at"] = now
    return changed


def _returning(session: Session, name: str, external_id: str | None) -> UserRow | None:
    """The same person whom the directory deleted before: the same external id, or the same name where neither has one.

    Refuses with Conflict a name that somebody else has.
    """
    row = users.find(session, name)
    if row is None:
        _refuse_email_of_local_user(session, name)
        left = scim_users.find_left(session, external_id) if external_id else None
        return None if left is None else users.hold(session, left.id)
    if row.managed_by == Managed.SCIM:
        raise taken(name)
    if row.managed_by is None or row.kind != Kind.PERSON:
        raise Conflict(LOCAL.format(name) if row.kind == Kind.PERSON else taken(name).what, is_taken=True)
    if row.external_id != normal_external_id(external_id):
        raise Conflict(SOMEBODY_ELSE.format(name), is_taken=True)
    return users.hold(session, row.id)


def _refuse_email_of_local_user(session: Session, name: str) -> None:
    """A user name wins over an e-mail: the user with that e-mail could no longer sign in with it."""
    if scim_users.is_email_of_local_user(session, canonical_email(name) or ""):
        raise Conflict(LOCAL_EMAIL.format(name), is_taken=True)
