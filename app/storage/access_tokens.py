"""Queries on access tokens.

Whoever writes to the access tokens of a refresh token holds that refresh token's row lock first.
Not here: the check (``check``), lists (``listing``), and decisions.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, case, delete, select, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import AccessToken, TokenStatus, status_at
from app.storage.liveness import ended_before, is_alive, is_due
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, RefreshTokenRow

_PLAIN = {"synchronize_session": False}


def insert(
    session: Session,
    token: TokenText,
    mac: Mac,
    parent: RefreshTokenRow,
    generation: int,
    now: datetime,
    expires_at: datetime,
) -> AccessTokenRow:
    row = AccessTokenRow(
        public_id=token.public_id,
        uuid=str(uuid4()),
        user_id=parent.user_id,
        refresh_token_id=parent.id,
        generation=generation,
        key_id=mac.key_id,
        mac=mac.digest,
        status=TokenStatus.ACTIVE,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, public_id: str) -> AccessTokenRow | None:
    return session.scalars(select(AccessTokenRow).where(AccessTokenRow.public_id == public_id)).one_or_none()


def supersede(session: Session, refresh_token_id: int, now: datetime, ends_at: datetime) -> None:
    """Make room for a new active token: the active one lives on until `ends_at` at most, earlier ones end now."""
    of_parent = AccessTokenRow.refresh_token_id == refresh_token_id
    overlapping = (AccessTokenRow.status == TokenStatus.SUPERSEDED) & (AccessTokenRow.expires_at > now)
    session.execute(
        update(AccessTokenRow).where(of_parent, overlapping).values(expires_at=now), execution_options=_PLAIN
    )
    # One whose time is over already has expired, whether or not the sweep has come by: it keeps that reason.
    status = case((AccessTokenRow.expires_at <= now, TokenStatus.EXPIRED.value), else_=TokenStatus.SUPERSEDED.value)
    sooner = case((AccessTokenRow.expires_at < ends_at, AccessTokenRow.expires_at), else_=ends_at)
    session.execute(
        update(AccessTokenRow)
        .where(of_parent, AccessTokenRow.status == TokenStatus.ACTIVE)
        .values(status=status, expires_at=sooner),
        execution_options=_PLAIN,
    )


def revoke_under(
    session: Session, refresh_token_ids: Sequence[int], now: datetime, revocation: Revocation
) -> list[str]:
    """Revoke what is alive under these refresh tokens, overlapping ones included; the public ids."""
    return _revoke(session, AccessTokenRow.refresh_token_id.in_(refresh_token_ids), now, revocation)


def revoke_of_user(session: Session, user_id: int, now: datetime, revocation: Revocation) -> list[str]:
    """Revoke whatever is alive of a user; the public ids."""
    return _revoke(session, AccessTokenRow.user_id == user_id, now, revocation)


def revoke_one(session: Session, row: AccessTokenRow, now: datetime, revocation: Revocation) -> list[str]:
    """Revoke one token if it is alive; its public id, or nothing."""
    return _revoke(session, AccessTokenRow.id == row.id, now, revocation)


def _revoke(session: Session, which: ColumnElement[bool], now: datetime, revocation: Revocation) -> list[str]:
    statement = (
        update(AccessTokenRow)
        .where(which, is_alive(AccessTokenRow, now))
        .values(
            status=TokenStatus.REVOKED,
            revoked_at=revocation.at,
            revoked_by=revocation.by,
            revoke_reason=revocation.reason,
        )
        .returning(AccessTokenRow.public_id)
    )
    return list(session.scalars(statement, execution_options=_PLAIN))


def expire_due(session: Session, now: datetime, most: int) -> int:
    """Write down at most `most` expiries that are already true; how many."""
    due = select(AccessTokenRow.id).where(is_due(AccessTokenRow, now)).limit(most)
    ids = list(session.scalars(due.with_for_update(skip_locked=True)))
    statement = update(AccessTokenRow).where(AccessTokenRow.id.in_(ids))
    session.execute(statement.values(status=TokenStatus.EXPIRED), execution_options=_PLAIN)
    return len(ids)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that ended by `cutoff`; how many."""
    old = select(AccessTokenRow.id).where(ended_before(AccessTokenRow, cutoff)).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(AccessTokenRow).where(AccessTokenRow.id.in_(ids)), execution_options=_PLAIN)
    return len(ids)


def as_access_token(row: AccessTokenRow, now: datetime) -> AccessToken:
    """The row as the domain's fact, with its state at `now`."""
    return AccessToken(
        id=row.id,
        public_id=row.public_id,
        uuid=row.uuid,
        user_id=row.user_id,
        refresh_token_id=row.refresh_token_id,
        generation=row.generation,
        description=row.description,
        status=status_at(TokenStatus(row.status), row.expires_at, now),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
        last_used_agent=row.last_used_agent,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        revoke_reason=row.revoke_reason,
    )
