"""The warnings about tokens, as conditions: in SQL what ``seems_shared_at`` and ``is_from_future`` say of one."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, false, func, or_

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.token_warnings import TokenWarning
from app.domain.tokens import SHARING_SHOWN_FOR, TokenStatus
from app.storage.liveness import TokenTable, is_active_at
from app.storage.tables import RefreshTokenRow


def has_warning(table: TokenTable, warning: TokenWarning, now: datetime) -> ColumnElement[bool]:
    """Whether a token that still works, or that can be regenerated, has this warning."""
    if warning is TokenWarning.SHARED:
        return and_(_mark(table, warning, now), is_active_at(table, now))
    can_work = table.status != TokenStatus.REVOKED if table is RefreshTokenRow else is_active_at(table, now)
    return and_(_mark(table, warning, now), can_work)


def may_have_warning(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """True where a token has any warning, whatever its state. Without an index; few have one."""
    return or_(*(_mark(table, each, now) for each in TokenWarning))


def _mark(table: TokenTable, warning: TokenWarning, now: datetime) -> ColumnElement[bool]:
    match warning:
        case TokenWarning.SHARED:
            if table is not RefreshTokenRow:
                return false()
            seen = RefreshTokenRow.sharing_seen_at
            return and_(seen > now - SHARING_SHOWN_FOR, seen < now + CLOCK_TOLERANCE)
        case TokenWarning.EXPOSED:
            return table.secret_seen_at.is_not(None)
        case TokenWarning.WRONG_CLOCK:
            if table is not RefreshTokenRow:
                return table.created_at > now + CLOCK_TOLERANCE
            row = RefreshTokenRow
            renewed_at = case((row.previous_until.is_(None), row.regenerated_at), else_=row.rotated_at)
            return func.coalesce(renewed_at, row.created_at) > now + CLOCK_TOLERANCE
