"""Lists of both tiers together, sorted and in keyset pages.

Not here: what a filter matches (``listing``), how many do (``token_counts``), and the rows of a page, which it reads
by their ids.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, true, union_all
from sqlalchemy.orm import Session

from app.domain.token_view import Group, Sort, TokenView
from app.domain.tokens import TokenKind
from app.storage.listing import conditions
from app.storage.liveness import TokenTable
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.token_groups import in_group_in_order

SORTED_LETTERS = 40
"""Of a name: cursors hold them. Those that begin with the same are in order of their age."""

TABLES: tuple[tuple[TokenKind, TokenTable], ...] = (
    (TokenKind.ACCESS, AccessTokenRow),
    (TokenKind.REFRESH, RefreshTokenRow),
)
"""In the order of the letters of the tiers, which decide between tokens of the same key."""

MOST_FOUND = 1000
"""Of each tier: so many ids are sooner listed than looked for twice."""

Found = dict[TokenTable, list[int]]
"""The ids of all that match, of both tiers."""

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


def find(session: Session, view: TokenView, now: datetime) -> Found | None:
    """The tokens that match a text, where there are few; None where there are many, or no text.

    Texts are compared with each name: once, and not for the page and the counts each.
    """
    if view.criteria.search is None and view.criteria.name is None:
        return None
    tiers = []
    for kind, table in TABLES:
        columns: tuple[Any, ...] = (literal_column(f"'{kind.letter}'").label("kind"), table.id.label("id"))
        query = select(*columns)
        tiers.append(select(query.where(*conditions(table, view.criteria, now)).limit(MOST_FOUND + 1).subquery()))
    rows = session.execute(union_all(*tiers)).all()
    found = {table: [row_id for letter, row_id in rows if letter == kind.letter] for kind, table in TABLES}
    return None if any(len(ids) > MOST_FOUND for ids in found.values()) else found


def page(
    session: Session, view: TokenView, now: datetime, towards: Direction, limit: int, found: Found | None = None
) -> list[Place]:
    """The places of at most `limit` tokens, those next to the beginning first. `found`: by :func:`find`."""
    rises = view.is_descending == towards.is_back
    parts = []
    for part in _parts(view, found):
        matches = (*matching(part.table, view, now, found), in_group_in_order(part.table, view.group, now))
        query = part.query.where(*matches, _beyond(part, towards, rises))
        parts.append(select(query.order_by(*_order(rises, part.key, part.table.id)).limit(limit).subquery()))
    both = union_all(*parts).subquery()
    kinds = {kind.letter: kind for kind in TokenKind}
    rows = session.execute(select(both).order_by(*_order(rises, both.c.key, both.c.kind, both.c.id)).limit(limit))
    return [Place(key, kinds[letter], row_id) for letter, row_id, key in rows]


def matching(table: TokenTable, view: TokenView, now: datetime, found: Found | None) -> list[ColumnElement[bool]]:
    """What each row that matches the criteria fulfils."""
    return conditions(table, view.criteria, now) if found is None else [table.id.in_(found[table])]


class _Part(NamedTuple):
    """What is sorted alone, by `key`. `query`: of the kind, the id and the key."""

    kind: TokenKind
    table: TokenTable
    key: ColumnElement[Any]
    query: Select[Any]


def _parts(view: TokenView, found: Found | None) -> Iterator[_Part]:
    is_narrow = found is not None or not replace(view.criteria, kind=None, search=None, name=None).is_empty
    for kind, table in TABLES:
        if view.sort is Sort.NAME:
            # Where many rows match, an index has them in order.
            yield from _by_name(kind, table, in_index=not is_narrow and view.group in (Group.ALL, Group.ACTIVE))
            continue
        part = _part(kind, table, _key(table, view, is_narrow))
        if view.sort is Sort.OWNER:
            part = part._replace(query=part.query.join(UserRow, UserRow.id == table.user_id))
        yield part


def _by_name(kind: TokenKind, table: TokenTable, *, in_index: bool) -> Iterator[_Part]:
    """Minted access tokens have the names of their refresh tokens, others their descriptions."""
    named = _part(kind, table, _letters(RefreshTokenRow.name, in_index))
    if table is RefreshTokenRow:
        yield named
        return
    parent = AccessTokenRow.refresh_token_id
    # The sum has no index: so no database reads all access tokens first, and looks for the name of each.
    of_parent = RefreshTokenRow.id + 0 if in_index else RefreshTokenRow.id
    yield named._replace(query=named.query.join(RefreshTokenRow, parent == of_parent))
    described = _part(kind, table, _letters(func.coalesce(AccessTokenRow.description, "")))
    yield described._replace(query=described.query.where(parent.is_(None)))


def _part(kind: TokenKind, table: TokenTable, key: ColumnElement[Any]) -> _Part:
    columns: tuple[Any, ...] = (
        literal_column(f"'{kind.letter}'").label("kind"),
        table.id.label("id"),
        key.label("key"),
    )
    return _Part(kind, table, key, select(*columns).select_from(table))


def _letters(name: Any, in_index: bool = False) -> ColumnElement[Any]:
    """The numbers are literal: a database finds its index by them."""
    letters = func.substr(func.lower(name), literal_column("1"), literal_column(f"{SORTED_LETTERS}"))
    return letters if in_index else func.coalesce(letters, "")


def _key(table: TokenTable, view: TokenView, is_narrow: bool) -> ColumnElement[Any]:
    """What rows are in the order of. Where few rows match, no index is taken: finding them along it takes longer."""
    match view.sort:
        case Sort.OWNER:
            return UserRow.username.expression
        case Sort.LAST_USED:
            return func.coalesce(table.last_used_at, _NEVER_USED)
        case Sort.EXPIRES:
            return func.coalesce(table.expires_at, _NEVER_EXPIRES)
    return func.coalesce(table.created_at, _BEFORE_ALL) if is_narrow else table.created_at.expression


def _order(rises: bool, *columns: Any) -> list[ColumnElement[Any]]:
    return [column.asc() if rises else column.desc() for column in columns]


def _beyond(part: _Part, towards: Direction, rises: bool) -> ColumnElement[bool]:
    """The rows after a place, or before it. Of the other tier, the letter decides where the key is the same."""
    if towards.place is None:
        return true()
    key, row_id, at = part.key, part.table.id, towards.place
    comes_first = (part.kind.letter < at.kind.letter) == rises
    if part.kind is not at.kind and comes_first:
        return key > at.key if rises else key < at.key
    from_there = key >= at.key if rises else key <= at.key
    if part.kind is not at.kind:
        return from_there
    is_further = row_id > at.row_id if rises else row_id < at.row_id
    return and_(from_there, or_(key != at.key, is_further))  # so that an index is entered at the key
