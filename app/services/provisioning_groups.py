"""Groups that a directory creates by SCIM, and who is in them. Not here: the roles that they give (``group_roles``)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, Conflict, LimitReached, NotFound
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.provisioned import (
    MOST_GROUPS,
    MOST_IN_PAGE,
    MOST_MEMBERS,
    Condition,
    Found,
    Group,
    ProvisionedGroup,
    name_key,
    normal_external_id,
    normal_group_name,
)
from app.services.group_roles import settle
from app.services.permitting import refuse_unless_allowed
from app.services.scim_tokens import hold_token
from app.storage import scim_groups, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.scim_tables import ScimGroupRow

TOO_MANY = f"A group has at most {MOST_MEMBERS:,} members."
NAME_TAKEN = "There is already a group called {}."
NO_MEMBERS: frozenset[int] = frozenset()

Change = Callable[[ProvisionedGroup], Group]
"""What a group is to be, from what it is; called while nobody else can change it. May refuse."""


class GroupProvisioning:
    """Creates, changes and deletes groups for a directory."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, group_id: int, *, with_members: bool) -> ProvisionedGroup:
        """Refuses with NotFound."""
        with self._database.reading() as session:
            row = scim_groups.find(session, group_id)
            if row is None:
                raise NotFound("group")
            return scim_groups.as_provisioned(row, scim_groups.members(session, row.id) if with_members else None)

    def search(
        self, condition: Condition | None, start: int, count: int, *, with_members: bool
    ) -> Found[ProvisionedGroup]:
        """Groups in order of id, from the place `start`, from one; at most :data:`MOST_IN_PAGE`.

        The page ends early where its groups have :data:`MOST_MEMBERS` members.
        """
        with self._database.reading() as session:
            rows, total = scim_groups.page(session, condition, start, min(count, MOST_IN_PAGE))
            items: list[ProvisionedGroup] = []
            read = 0
            for row in rows:
                if items and read >= MOST_MEMBERS:
                    break
                members = scim_groups.members(session, row.id) if with_members else None
                read += len(members or ())
                items.append(scim_groups.as_provisioned(row, members))
            return Found(items, total, start)

    def add(self, group: Group, caller: Caller) -> ProvisionedGroup:
        """Create a group. Refuses with BadRequest, LimitReached, NotPermitted, RateLimited, TokenRevoked, and with
        Conflict a name that another group has: the name decides about roles.
        """
        group = _normal(group)
        members = group.members or NO_MEMBERS
        with self._changing(Act.PROVISION, caller, group.name) as (session, now, administrators):
            if scim_groups.count(session) >= MOST_GROUPS:
                raise LimitReached("groups", MOST_GROUPS)
            _refuse_unknown(session, members)
            row = scim_groups.insert_group(session, group, now)
            scim_groups.add_members(session, row.id, members)
            about = ("scim_group", row.name)
            record(session, now, caller, "scim_group.created", about, members=len(members))
            settle(session, members, administrators, now, caller)
            return scim_groups.as_provisioned(row, members)

    def change(self, group_id: int, change: Change, caller: Caller) -> ProvisionedGroup:
        """Change a group, and the roles of those who come or go, at once. Refuses with NotFound, and as :meth:`add`."""
        with self._changing(Act.PROVISION, caller) as (session, now, administrators):
            row = _held(session, group_id)
            before = scim_groups.as_provisioned(row, scim_groups.members(session, row.id))
            after = _normal(change(before))
            present = before.group.members or NO_MEMBERS
            members = present if after.members is None else after.members
            joined, gone, is_renamed = members - present, present - members, after.name != row.name
            if not (joined or gone or is_renamed or after.external_id != row.external_id):
                return before
            _refuse_unknown(session, joined)
            about: dict[str, str | int] = {"joined": len(joined), "left": len(gone)}
            if is_renamed:
                about["before"] = row.name
            _write(session, row, after)
            scim_groups.add_members(session, row.id, joined)
            scim_groups.remove_members(session, row.id, gone)
            record(session, now, caller, "scim_group.changed", ("scim_group", row.name), **about)
            affected = members | gone if name_key(str(about.get("before", row.name))) != row.name_key else joined | gone
            settle(session, affected, administrators, now, caller)
            return scim_groups.as_provisioned(row, members)

    def remove(self, group_id: int, allow: Callable[[ProvisionedGroup], object], caller: Caller) -> None:
        """Delete a group; its members have the roles of their other groups. `allow` may refuse, also with NotFound."""
        with self._changing(Act.DEPROVISION, caller) as (session, now, administrators):
            row = _held(session, group_id)
            members = scim_groups.members(session, row.id)
            allow(scim_groups.as_provisioned(row, members))
            scim_groups.delete_group(session, row)
            record(session, now, caller, "scim_group.deleted", ("scim_group", row.name), members=len(members))
            settle(session, members, administrators, now, caller)

    @contextmanager
    def _changing(self, act: Act, caller: Caller, name: str = "") -> Iterator[tuple[Session, datetime, list[int]]]:
        """A transaction, the time, and the enabled administrators, whose rows stay locked."""
        try:
            with self._database.transaction() as session:
                now = self._clock()
                hold_token(session, caller, now)
                refuse_unless_allowed(session, act, caller)
                yield session, now, users.lock_administrators(session, now)
        except IntegrityError:
            raise Conflict(NAME_TAKEN.format(name or "that"), is_taken=True) from None


def _normal(group: Group) -> Group:
    """As it is stored. Refuses with BadRequest."""
    if len(group.members or ()) > MOST_MEMBERS:
        raise BadRequest(TOO_MANY, {"members": [TOO_MANY]})
    return Group(normal_group_name(group.name), normal_external_id(group.external_id), group.members)


def _held(session: Session, group_id: int) -> ScimGroupRow:
    row = scim_groups.hold(session, group_id)
    if row is None:
        raise NotFound("group")
    return row


def _refuse_unknown(session: Session, members: frozenset[int]) -> None:
    unknown = sorted(scim_groups.unmanaged(session, members))
    if unknown:
        message = f"There is no user with the id {unknown[0]}, or SCIM does not manage it."
        raise BadRequest(message, {"members": [message]})


def _write(session: Session, row: ScimGroupRow, after: Group) -> None:
    row.name, row.name_key, row.external_id = after.name, name_key(after.name), after.external_id
    row.version += 1
    session.flush()
