"""Aggregates over the tokens of some users for the pages, each in one statement.

Not here: lists (``listing``), and aggregates over all tokens (``summary``).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage.access_tokens import CURRENT_IN_INDEX
from app.storage.liveness import is_active_at
from app.storage.summary import TO_RENEW
from app.storage.tables import AccessTokenRow, RefreshTokenRow


def latest_under(session: Session, refresh_token_ids: Sequence[int]) -> dict[int, AccessTokenRow]:
    """The newest access token of each of these refresh tokens, if any."""
    under = select(AccessTokenRow.id).where(AccessTokenRow.refresh_token_id == RefreshTokenRow.id).limit(1)
    candidates = (
        under.order_by(AccessTokenRow.created_at.desc(), AccessTokenRow.id.desc()),
        under.where(CURRENT_IN_INDEX).order_by(AccessTokenRow.id.desc()),  # newer than one of a clock that was ahead
    )
    ids = [select(each.scalar_subquery()).where(RefreshTokenRow.id.in_(refresh_token_ids)) for each in candidates]
    rows = session.scalars(
        select(AccessTokenRow).where(AccessTokenRow.id.in_(union_all(*ids))).order_by(AccessTokenRow.id)
    )
    return {row.refresh_token_id: row for row in rows if row.refresh_token_id is not None}


def count_active_of_users(session: Session, user_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    """How many active refresh tokens, and active single-tier tokens, each of these users has."""
    refresh, single_tier = (
        {
            user_id: number
            for user_id, number in session.execute(
                select(table.user_id, func.count())
                .where(table.user_id.in_(user_ids), is_active_at(table, now), condition)
                .group_by(table.user_id)
            )
        }
        for table, condition in TO_RENEW
    )
    return {user_id: (refresh.get(user_id, 0), single_tier.get(user_id, 0)) for user_id in user_ids}


def revocable_of_user(session: Session, user_id: int, now: datetime) -> tuple[int, int]:
    """How many refresh tokens and access tokens revoking all of this user's would revoke.

    Expired refresh tokens count: they can be regenerated.
    """
    not_revoked = (RefreshTokenRow.user_id == user_id, RefreshTokenRow.status != TokenStatus.REVOKED)
    active = (AccessTokenRow.user_id == user_id, CURRENT_IN_INDEX, is_active_at(AccessTokenRow, now))
    refresh = session.scalar(select(func.count()).select_from(RefreshTokenRow).where(*not_revoked))
    access = session.scalar(select(func.count()).select_from(AccessTokenRow).where(*active))
    return refresh or 0, access or 0
