"""Lists of tokens and audit events, in keyset pages.

A page begins after a row's id, never at an offset: every page costs the same, and rows that come or go
meanwhile neither repeat nor hide others. Not here: who may see which rows.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage.liveness import TokenTable, is_alive, status_now
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow, UserRow


@dataclass(frozen=True)
class TokenFilter:
    """What a list of tokens is narrowed to; None does not narrow.

    `status`: the state at the moment of the list. `expiring_before`: alive, and ends before that.
    `unused_since`: not used after that (nor made after that, if never used). `name`: part of the
    name, in any letter case.
    """

    user_id: int | None = None
    status: TokenStatus | None = None
    expiring_before: datetime | None = None
    unused_since: datetime | None = None
    name: str | None = None
    refresh_token_id: int | None = None


def refresh_tokens(
    session: Session, wanted: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[RefreshTokenRow, str]]:
    """At most `limit` rows with their owners' names, newest first, after the row with the id `after`."""
    query = select(RefreshTokenRow, UserRow.username).join(UserRow, UserRow.id == RefreshTokenRow.user_id)
    query = query.where(*_conditions(RefreshTokenRow, wanted, now, after))
    if wanted.name:
        query = query.where(RefreshTokenRow.name.icontains(wanted.name, autoescape=True))
    rows = session.execute(query.order_by(RefreshTokenRow.id.desc()).limit(limit))
    return [(row, username) for row, username in rows]


def access_tokens(
    session: Session, wanted: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[tuple[AccessTokenRow, str, str]]:
    """The same for access tokens, with the name: the refresh token's, or their own description."""
    name = func.coalesce(RefreshTokenRow.name, AccessTokenRow.description, "")
    query = (
        select(AccessTokenRow, UserRow.username, name)
        .join(UserRow, UserRow.id == AccessTokenRow.user_id)
        .outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
        .where(*_conditions(AccessTokenRow, wanted, now, after))
    )
    if wanted.name:
        query = query.where(name.icontains(wanted.name, autoescape=True))
    if wanted.refresh_token_id is not None:
        query = query.where(AccessTokenRow.refresh_token_id == wanted.refresh_token_id)
    rows = session.execute(query.order_by(AccessTokenRow.id.desc()).limit(limit))
    return [(row, username, label) for row, username, label in rows]


def audit_events(
    session: Session,
    actor: str | None,
    action: str | None,
    object_id: str | None,
    after: int | None,
    limit: int,
) -> list[AuditEventRow]:
    """At most `limit` events, newest first, after the one with the id `after`; None does not narrow."""
    query = select(AuditEventRow)
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
    query = select(table.key_id, func.count()).where(is_alive(table, now)).group_by(table.key_id)
    return {key_id: number for key_id, number in session.execute(query)}


def _conditions(table: TokenTable, wanted: TokenFilter, now: datetime, after: int | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.user_id is not None:
        conditions.append(table.user_id == wanted.user_id)
    if wanted.status is not None:
        conditions.append(status_now(table, now) == wanted.status)
    if wanted.expiring_before is not None:
        conditions += [is_alive(table, now), table.expires_at < wanted.expiring_before]
    if wanted.unused_since is not None:
        never = and_(table.last_used_at.is_(None), table.created_at <= wanted.unused_since)
        conditions.append(or_(table.last_used_at <= wanted.unused_since, never))
    if after is not None:
        conditions.append(table.id < after)
    return conditions
