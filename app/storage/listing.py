"""Lists of tokens and audit events, in keyset pages.

A page begins after a row's id, never at an offset: every page costs the same, and rows that come or go
meanwhile neither repeat nor hide others. Not here: who may see which rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.identity import Role
from app.domain.tokens import TokenStatus
from app.storage.liveness import TokenTable, is_active_at, status_now
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow, UserRow

Column = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]

_ACCESS_TOKEN_NAME = func.coalesce(RefreshTokenRow.name, AccessTokenRow.description, "")


@dataclass(frozen=True)
class TokenFilter:
    """What a list of tokens is narrowed to; None does not narrow.

    `status`: the state at the moment of the list. `expiring_before`: alive, and ends before that.
    `unused_since`: not used after that (nor made after that, if never used). `name`: part of the
    name, in any letter case. Of each `…_after` and `…_before`, the first instant is within, the second is not.
    `revocable`: only what a revocation would end. `to_renew`: no access token under a refresh token. `ids`: only
    these rows.
    """

    user_id: int | None = None
    status: TokenStatus | None = None
    expiring_before: datetime | None = None
    unused_since: datetime | None = None
    name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    expires_after: datetime | None = None
    expires_before: datetime | None = None
    last_used_after: datetime | None = None
    last_used_before: datetime | None = None
    revocable: bool = False
    to_renew: bool = False
    ids: Sequence[int] | None = None


def refresh_tokens(
    session: Session, wanted: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[RefreshTokenRow, str]]:
    """At most `limit` rows with their owners' names, newest first, after the row with the id `after`."""
    query = select(RefreshTokenRow, UserRow.username).join(UserRow, UserRow.id == RefreshTokenRow.user_id)
    query = query.where(*_conditions(RefreshTokenRow, wanted, now), *_after(RefreshTokenRow, after))
    rows = session.execute(query.order_by(RefreshTokenRow.id.desc()).limit(limit))
    return [(row, username) for row, username in rows]


def access_tokens(
    session: Session, wanted: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[AccessTokenRow, str, str]]:
    """The same for access tokens, with the name: the refresh token's, or their own description."""
    query = (
        select(AccessTokenRow, UserRow.username, _ACCESS_TOKEN_NAME)
        .join(UserRow, UserRow.id == AccessTokenRow.user_id)
        .outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
        .where(*_conditions(AccessTokenRow, wanted, now), *_after(AccessTokenRow, after))
    )
    rows = session.execute(query.order_by(AccessTokenRow.id.desc()).limit(limit))
    return [(row, username, label) for row, username, label in rows]


def refresh_token_ids(session: Session, wanted: TokenFilter, now: datetime, beyond: int, limit: int) -> list[int]:
    """The ids of at most `limit` that match, oldest first, beyond the id `beyond`."""
    query = select(RefreshTokenRow.id).where(*_conditions(RefreshTokenRow, wanted, now), RefreshTokenRow.id > beyond)
    return list(session.scalars(query.order_by(RefreshTokenRow.id).limit(limit)))


def access_token_ids(
    session: Session, wanted: TokenFilter, now: datetime, beyond: int, limit: int
) -> list[tuple[int, int | None]]:
    """The same for access tokens, each with the id of its refresh token."""
    query = (
        select(AccessTokenRow.id, AccessTokenRow.refresh_token_id)
        .outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
        .where(*_conditions(AccessTokenRow, wanted, now), AccessTokenRow.id > beyond)
    )
    rows = session.execute(query.order_by(AccessTokenRow.id).limit(limit))
    return [(row_id, parent) for row_id, parent in rows]


def users(
    session: Session, part: str | None, role: Role | None, is_active: bool | None, after: int | None, limit: int
) -> list[UserRow]:
    """At most `limit` users, newest first, after the one with the id `after`; `part` of the user name."""
    query = select(UserRow)
    if part is not None:
        query = query.where(UserRow.username.contains(part.lower(), autoescape=True))
    if role is not None:
        query = query.where(UserRow.role == role)
    if is_active is not None:
        query = query.where(UserRow.is_active == is_active)
    if after is not None:
        query = query.where(UserRow.id < after)
    return list(session.scalars(query.order_by(UserRow.id.desc()).limit(limit)))


def audit_events(
    session: Session,
    actor: str | None,
    action: str | None,
    object_id: str | None,
    after: int | None,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[AuditEventRow]:
    """At most `limit` events, newest first, after the one with the id `after`; None does not narrow.

    `since`, `until`: the first instant that is within, and the first that no longer is.
    """
    query = select(AuditEventRow).where(*_between(AuditEventRow.at, since, until))
    for column, value in (
        (AuditEventRow.actor, actor),
        (AuditEventRow.action, action),
        (AuditEventRow.object_id, object_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(AuditEventRow.id < after)
    return list(session.scalars(query.order_by(AuditEventRow.id.desc()).limit(limit)))


def count_by_key(session: Session, table: TokenTable, now: datetime) -> dict[str, int]:
    """How many living tokens each key's digests serve; a key without any can go."""
    query = select(table.key_id, func.count()).where(is_active_at(table, now)).group_by(table.key_id)
    return {key_id: number for key_id, number in session.execute(query)}


def _conditions(table: TokenTable, wanted: TokenFilter, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [
        *_between(table.created_at, wanted.created_after, wanted.created_before),
        *_between(table.expires_at, wanted.expires_after, wanted.expires_before),
        *_between(table.last_used_at, wanted.last_used_after, wanted.last_used_before),
        *_names(table, wanted),
    ]
    if wanted.user_id is not None:
        conditions.append(table.user_id == wanted.user_id)
    if wanted.status is not None:
        conditions.append(status_now(table, now) == wanted.status)
    if wanted.expiring_before is not None:
        conditions += [is_active_at(table, now), table.expires_at < wanted.expiring_before]
    if wanted.unused_since is not None:
        never = and_(table.last_used_at.is_(None), table.created_at <= wanted.unused_since)
        conditions.append(or_(table.last_used_at <= wanted.unused_since, never))
    if wanted.revocable:
        conditions.append(_is_revocable(table, now))
    if wanted.to_renew and table is AccessTokenRow:
        conditions.append(AccessTokenRow.refresh_token_id.is_(None))
    if wanted.ids is not None:
        conditions.append(table.id.in_(wanted.ids))
    return conditions


def _names(table: TokenTable, wanted: TokenFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    name = RefreshTokenRow.name if table is RefreshTokenRow else _ACCESS_TOKEN_NAME
    if wanted.name:
        conditions.append(name.icontains(wanted.name, autoescape=True))
    return conditions


def _is_revocable(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """An expired refresh token can be revoked too, for it could be regenerated; an access token that ended cannot."""
    return table.status != TokenStatus.REVOKED if table is RefreshTokenRow else is_active_at(table, now)


def _between(column: Column, after: datetime | None, before: datetime | None) -> list[ColumnElement[bool]]:
    conditions = [] if after is None else [column >= after]
    return conditions if before is None else [*conditions, column < before]


def _after(table: TokenTable, row_id: int | None) -> list[ColumnElement[bool]]:
    return [] if row_id is None else [table.id < row_id]
