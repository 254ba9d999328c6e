"""Lists of users, in keyset pages."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

from app.domain.handles import public_id_in
from app.domain.identity import USER_ID, Kind, Role
from app.domain.user_search import UserCounts, UserOrder, UserSearch
from app.storage.leavers import is_enabled
from app.storage.service_accounts import is_unanswered
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.text_search import has_part

_BEFORE_ALL = datetime(1, 1, 2, tzinfo=UTC)

ORDERS = {
    UserOrder.USERNAME: UserRow.username,
    UserOrder.EMAIL: func.lower(UserRow.email),
    UserOrder.ROLE: UserRow.role,
    UserOrder.CREATED: UserRow.id,
    UserOrder.LAST_SIGN_IN: func.coalesce(UserRow.last_login_at, _BEFORE_ALL),
}


def users(
    session: Session,
    part: str | None,
    role: Role | None,
    is_active: bool | None,
    after: int | None,
    limit: int,
    kind: Kind | None = None,
    *,
    is_deleted: bool = False,
) -> list[UserRow]:
    """At most `limit` users, newest first, after the one with the id `after`; `part` of the user name."""
    query = select(UserRow).where(*_narrowing(role, is_active, kind, is_deleted=is_deleted))
    if part is not None:
        query = query.where(UserRow.username.contains(part.lower(), autoescape=True))
    if after is not None:
        query = query.where(UserRow.id < after)
    return list(session.scalars(query.order_by(UserRow.id.desc()).limit(limit)))


def found(
    session: Session,
    search: UserSearch,
    old: datetime | None,
    row_id: int | None,
    limit: int,
    *,
    is_backwards: bool = False,
) -> list[UserRow]:
    """At most `limit` in the order of the search after the user with this id; backwards, before, in reverse.

    `old`, here and below: the last sign-in of a person that is too old (``leavers``): who is away counts as disabled.
    Where that user has moved in the order meanwhile, the page begins at the new place.
    """
    query = select(UserRow).where(*_conditions(search, old))
    is_descending = search.is_descending is not is_backwards
    if row_id is not None:
        query = query.where(_beyond(search.order, row_id, is_descending))
    order = (ORDERS[search.order], UserRow.id)
    query = query.order_by(*(each.desc() if is_descending else each.asc() for each in order))
    return list(session.scalars(query.limit(limit)))


def count_before(session: Session, search: UserSearch, old: datetime | None, row_id: int) -> int:
    """How many come before the user with this id."""
    beyond = _beyond(search.order, row_id, not search.is_descending)
    return session.scalar(select(func.count()).select_from(UserRow).where(*_conditions(search, old), beyond)) or 0


def counts(session: Session, search: UserSearch, old: datetime | None) -> UserCounts:
    """In one statement."""
    exists = UserRow.deleted_at.is_(None)
    conditions = (
        and_(*_of_search(search, old)),
        exists,
        is_enabled(UserRow, old),
        exists & ~is_enabled(UserRow, old),
        UserRow.role == Role.SERVER_ADMIN,
        exists & (UserRow.kind == Kind.SERVICE),
        ~exists,
    )
    columns = [func.count().filter(each) for each in conditions]
    query = select(*columns).select_from(UserRow).where(*_has_text(search.text))
    return UserCounts(*map(int, session.execute(query).one()))


def _beyond(order: UserOrder, row_id: int, is_descending: bool) -> ColumnElement[bool]:
    columns = tuple_(ORDERS[order], UserRow.id)
    there = _there(order, row_id).scalar_subquery()
    return columns < there if is_descending else columns > there


def _there(order: UserOrder, row_id: int) -> Select[Any, int]:
    return select(ORDERS[order], UserRow.id).where(UserRow.id == row_id).correlate(None)


def _conditions(search: UserSearch, old: datetime | None) -> list[ColumnElement[bool]]:
    return _has_text(search.text) + _of_search(search, old)


def _of_search(search: UserSearch, old: datetime | None) -> list[ColumnElement[bool]]:
    narrowed = _narrowing(search.role, None, search.kind, is_deleted=search.is_deleted)
    if search.is_active is not None:
        narrowed.append(is_enabled(UserRow, old) if search.is_active else ~is_enabled(UserRow, old))
    return [*narrowed, is_unanswered(old)] if search.is_unanswered else narrowed


def _narrowing(
    role: Role | None, is_active: bool | None, kind: Kind | None, *, is_deleted: bool
) -> list[ColumnElement[bool]]:
    chosen = ((UserRow.role, role), (UserRow.is_active, is_active), (UserRow.kind, kind))
    exists = UserRow.deleted_at.is_not(None) if is_deleted else UserRow.deleted_at.is_(None)
    return [exists, *(column == value for column, value in chosen if value is not None)]


def _has_text(text: str | None) -> list[ColumnElement[bool]]:
    if text is None:
        return []
    either = [is_named(text)]
    if USER_ID.fullmatch(text):
        either.append(UserRow.id == int(text))
    if public_id := public_id_in(text):
        tables = (RefreshTokenRow, AccessTokenRow)
        either += [UserRow.id.in_(select(table.user_id).where(table.public_id == public_id)) for table in tables]
    return [or_(*either)]


def is_named(part: str) -> ColumnElement[bool]:
    """Whether a user's user name, e-mail or name holds this part."""
    named: tuple[SQLCoreOperations[str], ...] = (UserRow.email, UserRow.first_name + " " + UserRow.last_name)
    if part.isascii():  # as user names are
        named = (UserRow.username, *named)
    return or_(*(has_part(each, part, is_in_nfc=True) for each in named))
