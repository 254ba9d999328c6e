"""Queries on single-tier tokens: access tokens without a refresh token, which their owners list and delete."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage.access_tokens import revoked
from app.storage.refresh_tokens import Revocation
from app.storage.tables import LISTED, SHOWN, AccessTokenRow

# Literal, not bound: a database uses its partial index only for the literal condition.
LISTED_IN_INDEX: ColumnElement[bool] = literal_column(LISTED)
SHOWN_IN_INDEX: ColumnElement[bool] = literal_column(f"({SHOWN})")

DELETED = "deleted"
"""The reason of a token that its owner deleted."""


def find(session: Session, uuid: str, now: datetime) -> AccessTokenRow | None:
    """By UUID; None for one that was minted or revoked."""
    query = select(AccessTokenRow).where(AccessTokenRow.uuid == uuid, is_listed(now))
    return session.scalars(query).one_or_none()


def of_user(session: Session, user_id: int, now: datetime, limit: int, offset: int) -> list[AccessTokenRow]:
    """Those of a user, oldest first: at most `limit` after the first `offset`."""
    query = select(AccessTokenRow).where(AccessTokenRow.user_id == user_id, is_listed(now))
    return list(session.scalars(query.order_by(AccessTokenRow.id).limit(limit).offset(offset)))


def count_of_user(session: Session, user_id: int, now: datetime) -> int:
    query = select(func.count()).select_from(AccessTokenRow).where(AccessTokenRow.user_id == user_id)
    return session.scalar(query.where(is_listed(now))) or 0


def is_listed(now: datetime) -> ColumnElement[bool]:
    """Not deleted: deleting one revokes it. An expired one that is revoked with others stays listed as expired."""
    is_expired = and_(AccessTokenRow.had_expired, AccessTokenRow.expires_at <= now)
    kept = or_(AccessTokenRow.status != TokenStatus.REVOKED, is_expired)
    return and_(LISTED_IN_INDEX, kept)


def delete(session: Session, row: AccessTokenRow, revocation: Revocation) -> bool:
    """Revoke one, expired or not; False where it is deleted already, or was moved to another owner."""
    is_same = (AccessTokenRow.id == row.id, AccessTokenRow.user_id == row.user_id)
    statement = update(AccessTokenRow).where(*is_same, is_listed(revocation.at))
    statement = statement.values(had_expired=False, **revoked(revocation))
    return session.scalar(statement.returning(AccessTokenRow.id)) is not None
