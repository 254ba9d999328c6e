"""What is noticed about tokens, as conditions: in SQL what ``seems_shared_at`` and ``is_from_future`` say of one."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, or_

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.notices import Notice
from app.domain.tokens import SHARING_SHOWN_FOR, TokenStatus
from app.storage.liveness import TokenTable, is_active_at
from app.storage.tables import RefreshTokenRow


def is_noticed(table: TokenTable, notice: Notice, now: datetime) -> ColumnElement[bool]:
    """Whether it is noticed about a token that still works, or that can be regenerated."""
    if notice is Notice.SHARED:
        return and_(_mark(table, notice, now), is_active_at(table, now))
    can_work = table.status != TokenStatus.REVOKED if table is RefreshTokenRow else is_active_at(table, now)
    return and_(_mark(table, notice, now), can_work)


def may_be_noticed(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """True where anything is noticed, whatever the token's state. Without an index, and quick for that: few are."""
    return or_(*(_mark(table, each, now) for each in Notice))


def _mark(table: TokenTable, notice: Notice, now: datetime) -> ColumnElement[bool]:
    match notice:
        case Notice.SHARED:
            if table is not RefreshTokenRow:
                return false()
            seen = RefreshTokenRow.sharing_seen_at
            return and_(seen > now - SHARING_SHOWN_FOR, seen < now + CLOCK_TOLERANCE)
        case Notice.EXPOSED:
            return table.secret_seen_at.is_not(None)
        case Notice.WRONG_CLOCK:
            is_refresh = table is RefreshTokenRow
            begun = func.coalesce(RefreshTokenRow.regenerated_at, table.created_at) if is_refresh else table.created_at
            return begun > now + CLOCK_TOLERANCE
