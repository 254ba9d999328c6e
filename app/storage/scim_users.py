"""Queries on the users that SCIM manages. Not here: their groups (``scim_groups``)."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from app.domain.identity import Kind
from app.domain.provisioned import Attribute, Condition, Either, Equals, Every, Managed, Person, ProvisionedUser
from app.storage.tables import UserRow

IS_MANAGED = and_(UserRow.managed_by == Managed.SCIM, UserRow.deleted_at.is_(None))

_COLUMNS: dict[Attribute, Any] = {
    Attribute.ID: UserRow.id,
    Attribute.USERNAME: UserRow.username,
    Attribute.EXTERNAL_ID: UserRow.external_id,
    Attribute.EMAIL: UserRow.email_key,
    Attribute.IS_ACTIVE: UserRow.is_active,
}


def find(session: Session, user_id: int) -> UserRow | None:
    """One that SCIM manages."""
    return session.scalars(select(UserRow).where(IS_MANAGED, UserRow.id == user_id)).one_or_none()


def hold(session: Session, user_id: int) -> UserRow | None:
    """The same, as it is once the lock was waited for; the row stays locked."""
    query = select(UserRow).where(IS_MANAGED, UserRow.id == user_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def find_left(session: Session, external_id: str) -> UserRow | None:
    """One that the directory deleted, by its own id; None where there are several."""
    which = (UserRow.managed_by == Managed.LEFT, UserRow.deleted_at.is_(None), UserRow.external_id == external_id)
    found = list(session.scalars(select(UserRow).where(*which).limit(2)))
    return found[0] if len(found) == 1 else None


def is_email_of_local_user(session: Session, email_key: str) -> bool:
    """Whether an enabled person whom SCIM does not manage, with a password, has an e-mail, in its form for look-up."""
    is_local = (UserRow.managed_by.is_(None), UserRow.kind == Kind.PERSON, UserRow.is_active)
    which = (UserRow.email_key == email_key, UserRow.password_hash.is_not(None), *is_local)
    return session.scalar(select(UserRow.id).where(*which).limit(1)) is not None


def page(session: Session, condition: Condition | None, start: int, count: int) -> tuple[list[UserRow], int]:
    """At most `count` users from the place `start`, from one, in order of id; and how many match in all."""
    which = [IS_MANAGED] if condition is None else [IS_MANAGED, matches(condition, _equals)]
    total = session.scalar(select(func.count()).select_from(UserRow).where(*which)) or 0
    if not count or start > total:
        return [], total
    query = select(UserRow).where(*which).order_by(UserRow.id).offset(start - 1).limit(count)
    return list(session.scalars(query)), total


def _equals(attribute: Attribute, value: Any) -> ColumnElement[bool]:
    equal: ColumnElement[bool] = _COLUMNS[attribute] == value
    return equal


def matches(condition: Condition, equals: Callable[[Attribute, Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """The condition in SQL. `equals`: that of one attribute and a value."""
    match condition:
        case Equals(attribute, value):
            return false() if value is None else equals(attribute, value)
        case Every(terms):
            return and_(true(), *(matches(each, equals) for each in terms))
        case Either(terms):
            return or_(false(), *(matches(each, equals) for each in terms))


def as_provisioned(row: UserRow) -> ProvisionedUser:
    person = Person(
        username=row.username,
        external_id=row.external_id,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        title=row.title,
        is_active=row.is_active,
    )
    return ProvisionedUser(row.id, person, row.created_at)
