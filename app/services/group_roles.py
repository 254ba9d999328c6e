"""The roles that groups of a directory give their members. Not here: the groups (``provisioning_groups``).

While any group has a role, each person whom SCIM manages has the strongest one of their groups, or else the default.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import NotFound
from app.domain.identity import Caller, Role
from app.domain.ladder import Act
from app.domain.provisioned import MappedGroup, normal_group_name, refuse_unmappable, strongest
from app.services.last_administrators import administrators_of, record_kept
from app.services.permitting import refuse_unless_allowed
from app.storage import scim_groups, users
from app.storage.audit import record, record_of_each
from app.storage.database import Database
from app.storage.scim_groups import Standing


class GroupRoles:
    """Administrators decide which group gives which role."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[MappedGroup]:
        """The groups that give a role, in order of name."""
        with self._database.reading() as session:
            return scim_groups.mapped(session)

    def map(self, group: str, role: Role, caller: Caller) -> int:
        """Give the members of a group, by name, a role, also those that it will have; how many roles changed.

        Refuses with BadRequest and NotPermitted.
        """
        name = normal_group_name(group)
        refuse_unmappable(role)
        with self._database.transaction() as session:
            now = self._clock()
            administrators = users.lock_administrators(session, now)
            refuse_unless_allowed(session, Act.MAP_GROUP, caller)
            before = scim_groups.put_role(session, name, role, now, caller.name)
            if before is not role:
                record(session, now, caller, "scim_group.mapped", ("scim_group", name), role=role, before=before)
            members = scim_groups.members_named(session, name)
            return settle(session, members, administrators, now, caller)

    def unmap(self, group: str, caller: Caller) -> int:
        """Take a group's role from its members, who have that of their other groups, or the default; as :meth:`map`.

        Refuses with NotFound a group that gives none, and with NotPermitted.
        """
        name = normal_group_name(group)
        with self._database.transaction() as session:
            now = self._clock()
            administrators = users.lock_administrators(session, now)
            refuse_unless_allowed(session, Act.UNMAP_GROUP, caller)
            before = scim_groups.remove_role(session, name)
            if before is None:
                raise NotFound("group with a role")
            record(session, now, caller, "scim_group.unmapped", ("scim_group", name), before=before)
            members = scim_groups.members_named(session, name)
            return settle(session, members, administrators, now, caller, is_last=not scim_groups.roles(session))


def settle(
    session: Session,
    user_ids: Collection[int],
    administrators: Collection[int],
    now: datetime,
    caller: Caller,
    *,
    is_last: bool = False,
) -> int:
    """Give these users the roles of their groups; how many changed. Only those whom SCIM manages.

    `administrators`: the enabled ones, whose rows are locked: so all who change groups or their roles do it one after
    the other. `is_last`: no group gives a role any more, and these users had theirs by one. The last enabled
    administrator, and the last with a password, stay so, with an event.
    """
    if not user_ids or not (is_last or scim_groups.roles(session)):
        return 0
    session.flush()
    changing: dict[Role, list[Standing]] = {}
    left = administrators_of(session, administrators, now)
    for each in scim_groups.standings(session, user_ids):
        role = strongest(each.by_groups)
        if role is each.role:
            continue
        if because := left.why_kept(each.user_id):
            record_kept(session, now, caller, each.username, each.role, role, because)
            continue
        left = left.without(each.user_id)
        changing.setdefault(role, []).append(each)
    for role, some in changing.items():
        scim_groups.set_role(session, [each.user_id for each in some], role)
        record_of_each(session, now, caller, "user.role_changed", [("user", each.username) for each in some], role=role)
    session.expire_all()
    return sum(map(len, changing.values()))
