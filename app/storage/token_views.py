"""Lists of both tiers together, sorted and in keyset pages, with the number of tokens in each group.

Not here: what a filter matches (``listing``), and the rows of a page, which it reads by their ids.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, true, union_all
from sqlalchemy.orm import Session

from app.domain.token_view import Group, Sort, TokenView
from app.domain.tokens import TokenKind
from app.storage.listing import ACCESS_TOKEN_NAME, conditions
from app.storage.liveness import TokenTable
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.token_groups import in_group, in_group_in_order

SORTED_LETTERS = 40
"""Of a name: cursors hold them. Those that begin with the same are in order of their age."""

TABLES: tuple[tuple[TokenKind, TokenTable], ...] = (
    (TokenKind.ACCESS, AccessTokenRow),
    (TokenKind.REFRESH, RefreshTokenRow),
)
"""In the order of the letters of the tiers, which decide between tokens of the same key."""

_NOT_EXPIRED = (Group.ACTIVE, Group.REVOKED, Group.SUPERSEDED)
_COUNTED = (Group.ALL, *_NOT_EXPIRED, Group.EXPIRING)
"""The others have expired: counting them too takes a quarter longer."""

_BEFORE_ALL = _NEVER_USED = datetime(1, 1, 1, tzinfo=UTC)
_NEVER_EXPIRES = datetime(9999, 12, 31, tzinfo=UTC)


class Place(NamedTuple):
    """Of a row in the order of a view."""

    key: str | datetime
    kind: TokenKind
    row_id: int


class Direction(NamedTuple):
    """From where a page is read: after `place`, or before it if `is_back`; None is the first page, or the last."""

    place: Place | None = None
    is_back: bool = False


def page(session: Session, view: TokenView, now: datetime, towards: Direction, limit: int) -> list[Place]:
    """The places of at most `limit` tokens, those next to the beginning first."""
    rises = view.is_descending == towards.is_back
    tiers = []
    for kind, table in TABLES:
        key = _key(table, view)
        query = select(literal_column(f"'{kind.letter}'").label("kind"), table.id.label("id"), key.label("key"))
        query = _matching(query, table, view, now).where(_beyond(table, kind, view, towards))
        tiers.append(select(query.order_by(*_order(rises, key, table.id)).limit(limit).subquery()))
    both = union_all(*tiers).subquery()
    kinds = {kind.letter: kind for kind in TokenKind}
    rows = session.execute(select(both).order_by(*_order(rises, both.c.key, both.c.kind, both.c.id)).limit(limit))
    return [Place(key, kinds[letter], row_id) for letter, row_id, key in rows]


def counts(session: Session, view: TokenView, now: datetime) -> dict[Group, int]:
    """How many match the criteria, by group, in one statement."""
    tiers: list[Select[Any]] = []
    for _, table in TABLES:
        numbers: list[Any] = [func.count().filter(in_group(table, group, now)) for group in _COUNTED]
        tiers.append(select(*numbers).select_from(table).where(*conditions(table, view.criteria, now)))
    sums = (sum(column) for column in zip(*session.execute(union_all(*tiers)).all(), strict=True))
    found = dict(zip(_COUNTED, sums, strict=True))
    return found | {Group.EXPIRED: found[Group.ALL] - sum(found[group] for group in _NOT_EXPIRED)}


def _matching(query: Select[Any], table: TokenTable, view: TokenView, now: datetime) -> Select[Any]:
    """The query of the tokens of the view, with the tables that its order needs."""
    query = query.select_from(table)
    if view.sort is Sort.OWNER:
        query = query.join(UserRow, UserRow.id == table.user_id)
    if view.sort is Sort.NAME and table is AccessTokenRow:
        query = query.outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
    return query.where(*conditions(table, view.criteria, now), in_group_in_order(table, view.group, now))


def _key(table: TokenTable, view: TokenView) -> ColumnElement[Any]:
    """What rows are in the order of. Where few rows match, no index is taken: finding them along it takes longer."""
    match view.sort:
        case Sort.NAME:
            name = RefreshTokenRow.name if table is RefreshTokenRow else ACCESS_TOKEN_NAME
            return func.substr(func.lower(name), 1, SORTED_LETTERS)
        case Sort.OWNER:
            return UserRow.username.expression
        case Sort.CREATED:
            is_narrow = not replace(view.criteria, kind=None).is_empty
            return func.coalesce(table.created_at, _BEFORE_ALL) if is_narrow else table.created_at.expression
        case Sort.LAST_USED:
            return func.coalesce(table.last_used_at, _NEVER_USED)
        case Sort.EXPIRES:
            return func.coalesce(table.expires_at, _NEVER_EXPIRES)


def _order(rises: bool, *columns: Any) -> list[ColumnElement[Any]]:
    return [column.asc() if rises else column.desc() for column in columns]


def _beyond(table: TokenTable, kind: TokenKind, view: TokenView, towards: Direction) -> ColumnElement[bool]:
    """The rows after a place, or before it. Of the other tier, the letter decides where the key is the same."""
    if towards.place is None:
        return true()
    key, at = _key(table, view), towards.place
    rises = view.is_descending == towards.is_back
    if kind is at.kind:
        is_further = table.id > at.row_id if rises else table.id < at.row_id
        return or_(key > at.key if rises else key < at.key, and_(key == at.key, is_further))
    if (kind.letter > at.kind.letter) == rises:
        return key >= at.key if rises else key <= at.key
    return key > at.key if rises else key < at.key
