"""Queries on the groups of directories, their members, and the roles of groups."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.domain.identity import Role
from app.domain.provisioned import Attribute, Condition, Group, MappedGroup, ProvisionedGroup, name_key
from app.storage.database import insert_unless_present
from app.storage.many_rows import is_one_of
from app.storage.scim_tables import ScimGroupRow, ScimMemberRow, ScimRoleRow
from app.storage.scim_users import IS_MANAGED, matches
from app.storage.tables import UserRow

AT_ONCE = 5_000
"""Ids in one statement; SQLite takes 32,766 parameters."""


_COLUMNS: dict[Attribute, Any] = {
    Attribute.ID: ScimGroupRow.id,
    Attribute.NAME: ScimGroupRow.name_key,
    Attribute.EXTERNAL_ID: ScimGroupRow.external_id,
}


def insert_group(session: Session, group: Group, now: datetime) -> ScimGroupRow:
    row = ScimGroupRow(
        name=group.name, name_key=name_key(group.name), external_id=group.external_id, created_at=now, version=1
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, group_id: int) -> ScimGroupRow | None:
    return session.get(ScimGroupRow, group_id)


def hold(session: Session, group_id: int) -> ScimGroupRow | None:
    """The same, as it is once the lock was waited for; the row stays locked."""
    query = select(ScimGroupRow).where(ScimGroupRow.id == group_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(ScimGroupRow)) or 0


def page(session: Session, condition: Condition | None, start: int, count: int) -> tuple[list[ScimGroupRow], int]:
    """At most `count` groups from the place `start`, from one, in order of id; and how many match in all."""
    which = [] if condition is None else [matches(condition, _equals)]
    total = session.scalar(select(func.count()).select_from(ScimGroupRow).where(*which)) or 0
    if not count or start > total:
        return [], total
    query = select(ScimGroupRow).where(*which).order_by(ScimGroupRow.id).offset(start - 1).limit(count)
    return list(session.scalars(query)), total


def _equals(attribute: Attribute, value: Any) -> ColumnElement[bool]:
    if attribute is Attribute.MEMBER:
        return ScimGroupRow.id.in_(select(ScimMemberRow.group_id).where(ScimMemberRow.user_id == value))
    equal: ColumnElement[bool] = _COLUMNS[attribute] == value
    return equal


def members(session: Session, group_id: int) -> frozenset[int]:
    """The ids of the users in a group."""
    return frozenset(session.scalars(select(ScimMemberRow.user_id).where(ScimMemberRow.group_id == group_id)))


def add_members(session: Session, group_id: int, user_ids: Collection[int]) -> None:
    for some in _some(user_ids):
        session.execute(insert(ScimMemberRow), [{"group_id": group_id, "user_id": each} for each in some])


def remove_members(session: Session, group_id: int, user_ids: Collection[int]) -> None:
    for some in _some(user_ids):
        which = (ScimMemberRow.group_id == group_id, is_one_of(session, ScimMemberRow.user_id, some))
        session.execute(delete(ScimMemberRow).where(*which))


def leave_all(session: Session, user_id: int) -> None:
    """Remove a user from all groups, which change with it."""
    mine = select(ScimMemberRow.group_id).where(ScimMemberRow.user_id == user_id)
    session.execute(update(ScimGroupRow).where(ScimGroupRow.id.in_(mine)).values(version=ScimGroupRow.version + 1))
    session.execute(delete(ScimMemberRow).where(ScimMemberRow.user_id == user_id))


def unmanaged(session: Session, user_ids: Collection[int]) -> set[int]:
    """Those of these ids that are of no user whom SCIM manages."""
    found: set[int] = set()
    for some in _some(user_ids):
        found.update(session.scalars(select(UserRow.id).where(IS_MANAGED, is_one_of(session, UserRow.id, some))))
    return set(user_ids) - found


def delete_group(session: Session, row: ScimGroupRow) -> None:
    session.execute(delete(ScimMemberRow).where(ScimMemberRow.group_id == row.id))
    session.delete(row)
    session.flush()


def roles(session: Session) -> dict[str, Role]:
    """The role of each mapped group, by the name in its form for look-up."""
    return {key: Role(role) for key, role in session.execute(select(ScimRoleRow.name_key, ScimRoleRow.role))}


def mapped(session: Session) -> list[MappedGroup]:
    """The mapped groups in order of name."""
    of_group = select(func.count(ScimMemberRow.user_id)).where(ScimMemberRow.group_id == ScimGroupRow.id)
    query = (
        select(ScimRoleRow, ScimGroupRow.id, of_group.correlate(ScimGroupRow).scalar_subquery())
        .outerjoin(ScimGroupRow, ScimGroupRow.name_key == ScimRoleRow.name_key)
        .order_by(ScimRoleRow.name_key)
    )
    return [
        MappedGroup(row.name, Role(row.role), row.mapped_at, row.mapped_by, None if group_id is None else number)
        for row, group_id, number in session.execute(query)
    ]


def put_role(session: Session, name: str, role: Role, now: datetime, by: str) -> Role | None:
    """Give a group a role; the one before."""
    before = roles(session).get(name_key(name))
    values: dict[str, Any] = {"name": name, "role": role, "mapped_at": now, "mapped_by": by}
    insert_unless_present(session, ScimRoleRow, name_key=name_key(name), **values)
    session.execute(update(ScimRoleRow).where(ScimRoleRow.name_key == name_key(name)).values(**values))
    return before


def remove_role(session: Session, name: str) -> Role | None:
    """The role that the group had."""
    statement = delete(ScimRoleRow).where(ScimRoleRow.name_key == name_key(name)).returning(ScimRoleRow.role)
    found = session.scalar(statement)
    return None if found is None else Role(found)


def members_named(session: Session, name: str) -> frozenset[int]:
    """The ids of the users in the group with this name."""
    group = select(ScimGroupRow.id).where(ScimGroupRow.name_key == name_key(name)).scalar_subquery()
    return frozenset(session.scalars(select(ScimMemberRow.user_id).where(ScimMemberRow.group_id == group)))


class Standing(NamedTuple):
    """A user whom SCIM manages: the present role, and the roles of their groups."""

    user_id: int
    username: str
    role: Role
    by_groups: list[Role]


def standings(session: Session, user_ids: Collection[int]) -> Iterator[Standing]:
    """Of those of these users whom SCIM manages."""
    for some in _some(user_ids):
        columns = select(UserRow.id, UserRow.username, UserRow.role)
        present = session.execute(
            columns.where(IS_MANAGED, is_one_of(session, UserRow.id, some)).order_by(UserRow.id)
        ).all()
        by_groups = _by_groups(session, some)
        for user_id, username, role in present:
            yield Standing(user_id, username, Role(role), by_groups.get(user_id, []))


def set_role(session: Session, user_ids: Collection[int], role: Role) -> None:
    for some in _some(user_ids):
        session.execute(update(UserRow).where(is_one_of(session, UserRow.id, some)).values(role=role))


def _some(user_ids: Collection[int]) -> Iterator[list[int]]:
    """Parts of them in order."""
    ordered = sorted(user_ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _by_groups(session: Session, user_ids: list[int]) -> dict[int, list[Role]]:
    query = (
        select(ScimMemberRow.user_id, ScimRoleRow.role)
        .join(ScimGroupRow, ScimGroupRow.id == ScimMemberRow.group_id)
        .join(ScimRoleRow, ScimRoleRow.name_key == ScimGroupRow.name_key)
        .where(is_one_of(session, ScimMemberRow.user_id, user_ids))
    )
    found: dict[int, list[Role]] = {}
    for user_id, role in session.execute(query):
        found.setdefault(user_id, []).append(Role(role))
    return found


def as_provisioned(row: ScimGroupRow, members: frozenset[int] | None) -> ProvisionedGroup:
    return ProvisionedGroup(row.id, Group(row.name, row.external_id, members), row.created_at, row.version)
