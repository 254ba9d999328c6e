"""Counts of users and tokens, for whoever is about to change an instance setting.

Not here: what the counts mean for a change (``app.services.setting_effects``).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.domain.identity import ApiTokens, Role
from app.storage.liveness import TokenTable, ended_before, is_alive
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow


def alive(session: Session, table: TokenTable, now: datetime) -> int:
    """Tokens of one tier that are alive."""
    return _count(session, table, is_alive(table, now))


def working_single_tier(session: Session, now: datetime) -> int:
    """Single-tier tokens that nothing keeps from working but, perhaps, the setting for all of them."""
    query = select(func.count()).select_from(AccessTokenRow).join(UserRow, UserRow.id == AccessTokenRow.user_id)
    query = query.where(AccessTokenRow.refresh_token_id.is_(None), is_alive(AccessTokenRow, now))
    return session.scalar(query.where(UserRow.is_active, UserRow.api_tokens != ApiTokens.DENY)) or 0


def ended(session: Session, table: TokenTable, cutoff: datetime) -> int:
    """Tokens of one tier that ended by `cutoff`."""
    return _count(session, table, ended_before(table, cutoff))


def undecided_users(session: Session) -> int:
    """Active users, without administrators, about whom nothing was decided individually."""
    undecided = and_(UserRow.role != Role.SERVER_ADMIN, UserRow.api_tokens == ApiTokens.INHERIT)
    return _count(session, UserRow, and_(UserRow.is_active, undecided))


def users_with_password(session: Session) -> int:
    return _count(session, UserRow, and_(UserRow.is_active, UserRow.password_hash.is_not(None)))


def users_with_refresh_tokens(session: Session, now: datetime, at_least: int) -> int:
    """Users who have so many refresh tokens alive."""
    owners = select(RefreshTokenRow.user_id).where(is_alive(RefreshTokenRow, now)).group_by(RefreshTokenRow.user_id)
    many = owners.having(func.count() >= at_least).subquery()
    return session.scalar(select(func.count()).select_from(many)) or 0


def _count(session: Session, table: TokenTable | type[UserRow], which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(which)) or 0
