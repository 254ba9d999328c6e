"""Lists of tokens, in keyset pages: each begins after a row's id.

Not here: who may see which rows.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from app.domain.identity import canonical_username
from app.domain.token_filter import TokenFilter
from app.domain.token_search import public_id_part, uuid_start
from app.domain.tokens import TokenKind, TokenStatus
from app.storage.liveness import TokenTable, is_active_at, status_now
from app.storage.single_tier import SHOWN_IN_INDEX
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.text_search import has_part
from app.storage.token_warnings import has_warning

ACCESS_TOKEN_NAME = func.coalesce(RefreshTokenRow.name, AccessTokenRow.description, "")


def refresh_tokens(
    session: Session, criteria: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[RefreshTokenRow, str]]:
    """At most `limit` rows with their owners' names, newest first, after the row with the id `after`."""
    query = select(RefreshTokenRow, UserRow.username).join(UserRow, UserRow.id == RefreshTokenRow.user_id)
    query = query.where(*conditions(RefreshTokenRow, criteria, now), *_after(RefreshTokenRow, after))
    rows = session.execute(query.order_by(RefreshTokenRow.id.desc()).limit(limit))
    return [(row, username) for row, username in rows]


def access_tokens(
    session: Session, criteria: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[AccessTokenRow, str, str]]:
    """The same for access tokens, with the refresh token's name or their description."""
    query = (
        select(AccessTokenRow, UserRow.username, ACCESS_TOKEN_NAME)
        .join(UserRow, UserRow.id == AccessTokenRow.user_id)
        .outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
        .where(*conditions(AccessTokenRow, criteria, now), *_after(AccessTokenRow, after))
    )
    rows = session.execute(query.order_by(AccessTokenRow.id.desc()).limit(limit))
    return [(row, username, label) for row, username, label in rows]


def refresh_token_ids(session: Session, criteria: TokenFilter, now: datetime, beyond: int, limit: int) -> list[int]:
    """The ids of at most `limit` that match, oldest first, after the id `beyond`."""
    query = select(RefreshTokenRow.id).where(*conditions(RefreshTokenRow, criteria, now), RefreshTokenRow.id > beyond)
    return list(session.scalars(query.order_by(RefreshTokenRow.id).limit(limit)))


def access_token_ids(
    session: Session, criteria: TokenFilter, now: datetime, beyond: int, limit: int
) -> list[tuple[int, int | None]]:
    """The same for access tokens, each with the id of its refresh token."""
    query = select(AccessTokenRow.id, AccessTokenRow.refresh_token_id).where(
        *conditions(AccessTokenRow, criteria, now), AccessTokenRow.id > beyond
    )
    rows = session.execute(query.order_by(AccessTokenRow.id).limit(limit))
    return [(row_id, parent) for row_id, parent in rows]


def count_by_key(session: Session, table: TokenTable, now: datetime) -> dict[str, int]:
    """How many active tokens need each key; a key without any can be removed.

    A rotated one whose old secret is signed with another key needs both.
    """
    counts: Counter[str] = Counter()
    queries: list[Select[Any, Any]] = [select(table.key_id, func.count()).group_by(table.key_id)]
    if table is RefreshTokenRow:
        old = RefreshTokenRow.previous_key_id
        is_another = (RefreshTokenRow.previous_until > now, old != RefreshTokenRow.key_id)
        queries.append(select(old, func.count()).where(*is_another).group_by(old))
    for query in queries:
        counts.update({key_id: number for key_id, number in session.execute(query.where(is_active_at(table, now)))})
    return dict(counts)


def conditions(table: TokenTable, criteria: TokenFilter, now: datetime) -> list[ColumnElement[bool]]:
    """What each row that matches fulfils."""
    found = [CONDITIONS[name](table, value, now) for name, value in criteria.given().items() if name != "search"]
    if criteria.search is not None:
        found.append(_is_found(table, criteria.search, criteria.user_id))
    return found


def _is_found(table: TokenTable, search: str, owner_id: int | None) -> ColumnElement[bool]:
    """By part of the name or of the public id, by token id; among all users' also by part of the owner's names."""
    parts = [_has_name(table, search, owner_id)]
    if part := public_id_part(search):
        parts.append(table.public_id.startswith(part.text) if part.is_start else table.public_id.contains(part.text))
    if table is AccessTokenRow and (start := uuid_start(search)):
        parts.append(AccessTokenRow.uuid.startswith(start))
    if owner_id is None:
        names = (UserRow.username, UserRow.email)
        is_owner = or_(*(has_part(each, search, is_in_nfc=True) for each in names))
        parts.append(table.user_id.in_(select(UserRow.id).where(is_owner).correlate(None)))
    return or_(*parts)


def _has_name(table: TokenTable, part: str, owner_id: int | None = None) -> ColumnElement[bool]:
    """Of an access token: that of its refresh token, or the description of one without.

    A join would cost more than the refresh tokens of that name, found once. `owner_id`: where they are of one user.
    """
    if table is RefreshTokenRow:
        return has_part(RefreshTokenRow.name, part)
    of_owner = true() if owner_id is None else RefreshTokenRow.user_id == owner_id
    named = select(RefreshTokenRow.id).where(of_owner, has_part(RefreshTokenRow.name, part)).correlate(None)
    is_single_tier = AccessTokenRow.refresh_token_id.is_(None)
    return or_(
        AccessTokenRow.refresh_token_id.in_(named), and_(is_single_tier, has_part(AccessTokenRow.description, part))
    )


def _is_owned_by(table: TokenTable, username: str, now: datetime) -> ColumnElement[bool]:
    """An owner who does not exist owns nothing."""
    name = canonical_username(username) or username  # or that of a deleted user, which is none
    owner = select(UserRow.id).where(UserRow.username == name).correlate(None)
    return table.user_id == owner.scalar_subquery()


def _is_of_kind(table: TokenTable, kind: TokenKind, now: datetime) -> ColumnElement[bool]:
    return true() if (kind == TokenKind.REFRESH) is (table is RefreshTokenRow) else false()


def _is_unused_for(table: TokenTable, days: int, now: datetime) -> ColumnElement[bool]:
    """Not used after that instant, nor created after it if never used."""
    since = now - timedelta(days=days)
    never = and_(table.last_used_at.is_(None), table.created_at <= since)
    return or_(table.last_used_at <= since, never)


def _is_expiring_within(table: TokenTable, days: int, now: datetime) -> ColumnElement[bool]:
    return and_(is_active_at(table, now), table.expires_at < now + timedelta(days=days))


def _is_renewed_by_hand(table: TokenTable, value: bool, now: datetime) -> ColumnElement[bool]:
    return AccessTokenRow.refresh_token_id.is_(None) if table is AccessTokenRow and value else true()


def _is_own_single_tier(table: TokenTable, value: bool, now: datetime) -> ColumnElement[bool]:
    return SHOWN_IN_INDEX if table is AccessTokenRow and value else false()


def _is_revocable(table: TokenTable, value: bool, now: datetime) -> ColumnElement[bool]:
    """Expired refresh tokens are revocable, because they can be regenerated; ended access tokens are not, nor are those
    of a revoked refresh token whose own rows do not say so yet (``bulk_revocations``).
    """
    if table is RefreshTokenRow:
        return table.status != TokenStatus.REVOKED
    of_parent = (RefreshTokenRow.id == AccessTokenRow.refresh_token_id, RefreshTokenRow.status == TokenStatus.REVOKED)
    return and_(is_active_at(table, now), ~exists().where(*of_parent).correlate(AccessTokenRow))


CONDITIONS: dict[str, Callable[[TokenTable, Any, datetime], ColumnElement[bool]]] = {
    "owner": _is_owned_by,
    "kind": _is_of_kind,
    "status": lambda table, status, now: status_now(table, now) == status,
    "name": lambda table, part, _: _has_name(table, part),
    "created_after": lambda table, instant, _: table.created_at >= instant,
    "created_before": lambda table, instant, _: table.created_at < instant,
    "expires_after": lambda table, instant, _: table.expires_at >= instant,
    "expires_before": lambda table, instant, _: table.expires_at < instant,
    "last_used_after": lambda table, instant, _: table.last_used_at >= instant,
    "last_used_before": lambda table, instant, _: table.last_used_at < instant,
    "created_with": lambda table, public_id, _: table.created_with == public_id,
    "unused_for_days": _is_unused_for,
    "never_used": lambda table, value, _: table.last_used_at.is_(None) if value else true(),
    "expiring_within_days": _is_expiring_within,
    "to_renew": _is_renewed_by_hand,
    "warning": has_warning,
    "user_id": lambda table, user_id, _: table.user_id == user_id,
    "ids": lambda table, ids, _: table.id.in_(ids),
    "public_ids": lambda table, public_ids, _: table.public_id.in_(public_ids),
    "revocable": _is_revocable,
    "is_own_single_tier": _is_own_single_tier,
}
"""The condition of each field of a filter but `search`, which depends on another."""


def _after(table: TokenTable, row_id: int | None) -> list[ColumnElement[bool]]:
    return [] if row_id is None else [table.id < row_id]
