"""Queries on access tokens. Writes to those of a refresh token need that refresh token's row lock.

Not here: the check (``check``), lists (``listing``), and what only single-tier tokens have (``single_tier``).
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)  # fmt: skip
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import AccessToken, TokenStatus, is_from_future, status_at
from app.storage.liveness import ended_before, is_due
from app.storage.made_with import has_made_others
from app.storage.many_rows import change_some, lock_in_order, rows_of
from app.storage.refresh_tokens import Revocation
from app.storage.tables import CURRENT, AccessTokenRow, RefreshTokenRow

TABLE = cast(Table, AccessTokenRow.__table__)

# Literal, not bound: a database uses its partial index only for the literal condition.
ACTIVE_IN_INDEX: ColumnElement[bool] = literal_column("status = 'active'")
CURRENT_IN_INDEX: ColumnElement[bool] = literal_column(CURRENT)

_INSERT = insert(TABLE).returning(TABLE.c.id)


def add(
    session: Session,
    token: TokenText,
    mac: Mac,
    user_id: int,
    now: datetime,
    expires_at: datetime | None,
    *,
    refresh_token_id: int | None = None,
    generation: int = 0,
    description: str | None = None,
    is_derived: bool = False,
    minted_from: str | None = None,
    created_with: str | None = None,
    renewable_until: datetime | None = None,
    secret_number: int = 0,
) -> AccessToken:
    """Add one of a refresh token, with its generation, or a single-tier one, with a description.

    `is_derived`: its secret can be derived from the refresh token's. `minted_from`: the client address. `created_with`:
    the access token (public id) that made it. `renewable_until`, `secret_number`: see :class:`AccessTokenRow`.
    """
    values: dict[str, Any] = {
        "public_id": token.public_id,
        "uuid": str(uuid4()),
        "user_id": user_id,
        "refresh_token_id": refresh_token_id,
        "generation": generation,
        "description": description,
        "status": TokenStatus.ACTIVE,
        "created_at": now,
        "expires_at": expires_at,
        "minted_from": minted_from,
        "created_with": created_with,
    }
    kept = {"is_derived": is_derived, "key_id": mac.key_id, "mac": mac.digest, "renewable_until": renewable_until}
    kept["secret_number"] = secret_number
    row_id: int = session.execute(_INSERT, values | kept).scalar_one()
    return AccessToken(id=row_id, **values)


def find(session: Session, public_id: str) -> AccessTokenRow | None:
    return session.scalars(select(AccessTokenRow).where(AccessTokenRow.public_id == public_id)).one_or_none()


def is_revoked(session: Session, row: AccessTokenRow) -> bool:
    """Whether it is revoked, or its refresh token is: of many, the rows of access tokens say so later."""
    if row.status == TokenStatus.REVOKED or row.refresh_token_id is None:
        return row.status == TokenStatus.REVOKED
    parent = select(RefreshTokenRow.status).where(RefreshTokenRow.id == row.refresh_token_id)
    return session.scalar(parent) == TokenStatus.REVOKED


def minted_from(
    session: Session, refresh_token_id: int, since: datetime, until: datetime, most: int
) -> list[str | None]:
    """The client addresses of the latest mints after `since`, to `until`, at most `most`."""
    values = {"parent": refresh_token_id, "since": since, "until": until, "most": most}
    return list(session.execute(_MINTED_FROM, values).scalars())


_MINTED_FROM = (
    select(TABLE.c.minted_from)
    .where(
        TABLE.c.refresh_token_id == bindparam("parent"),
        TABLE.c.created_at > bindparam("since"),
        TABLE.c.created_at <= bindparam("until"),
    )
    .order_by(TABLE.c.created_at.desc())
    .limit(bindparam("most"))
)


def revoke_under(session: Session, refresh_token_ids: Sequence[int], revocation: Revocation) -> list[str]:
    """Revoke the tokens of these refresh tokens; the public ids of the active ones, overlapping ones included.

    As the two below, it revokes all that are not final: those that have expired by this clock, which may be wrong, stay
    expired, but become active on no other.
    """
    return _revoke(session, AccessTokenRow.refresh_token_id.in_(refresh_token_ids), revocation)


def revoke_of_user(session: Session, user_id: int, revocation: Revocation) -> int:
    """Revoke the tokens of a user; how many were active."""
    which, is_over = _prepare(session, AccessTokenRow.user_id == user_id, revocation)
    revoking = update(AccessTokenRow).where(which).values(revoked(revocation))
    session.execute(revoking.where(is_over).values(had_expired=True))
    return rows_of(session, revoking.values(had_expired=False))


def revoke_each(session: Session, ids: Sequence[int], revocation: Revocation) -> list[str]:
    """Revoke these; the public ids of the active ones."""
    return _revoke(session, AccessTokenRow.id.in_(ids), revocation)


def _revoke(session: Session, which: ColumnElement[bool], revocation: Revocation) -> list[str]:
    which, is_over = _prepare(session, which, revocation)
    statement = update(AccessTokenRow).where(which).values(had_expired=is_over, **revoked(revocation))
    ended = session.execute(statement.returning(AccessTokenRow.public_id, AccessTokenRow.had_expired))
    return [public_id for public_id, had_expired in ended if not had_expired]


def _prepare(
    session: Session, which: ColumnElement[bool], revocation: Revocation
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Lock those that are not final, and end overlaps that are over: which they are, and which of them have expired."""
    which = and_(which, CURRENT_IN_INDEX)
    is_over = and_(AccessTokenRow.expires_at.is_not(None), AccessTokenRow.expires_at <= revocation.at)
    overlaps = AccessTokenRow.status == TokenStatus.OVERLAPPING
    lock_in_order(session, AccessTokenRow.id, which)  # for single-tier tokens, no other lock prevents a deadlock
    session.execute(update(AccessTokenRow).where(which, overlaps, is_over).values(status=TokenStatus.SUPERSEDED))
    return which, is_over


def revoked(revocation: Revocation) -> dict[str, Any]:
    """The values of a row that is revoked."""
    values = {"revoked_at": revocation.at, "revoked_by": revocation.by, "revoke_reason": revocation.reason}
    return values | {"status": TokenStatus.REVOKED}


def expire_due(session: Session, now: datetime, most: int) -> int:
    """Mark at most `most` expired tokens as such; how many."""
    row, values = AccessTokenRow, {"status": TokenStatus.EXPIRED}
    return change_some(session, row.id, is_due(row, now), row.expires_at, values, most)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that ended by `cutoff` and made no token that is left; how many."""
    old = select(AccessTokenRow.id).where(ended_before(AccessTokenRow, cutoff), ~has_made_others()).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(AccessTokenRow).where(AccessTokenRow.id.in_(ids)))
    return len(ids)


def as_access_token(row: AccessTokenRow | Row[Any], now: datetime) -> AccessToken:
    """The row as a domain object, with its state at `now`."""
    columns: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    status = status_at(TokenStatus(row.status), row.expires_at, now, row.had_expired)
    return AccessToken(**columns, status=status, created_in_future=is_from_future(row.created_at, now))


_SAME = [each.name for each in fields(AccessToken) if each.name in TABLE.c and each.name != "status"]
