"""The groups of a list in SQL: ``app.domain.token_view.in_group`` as conditions that cost less, compared by test."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, true

from app.domain.token_view import DAYS_BEFORE_EXPIRY, Group
from app.domain.tokens import FINAL, TokenStatus
from app.storage.liveness import MAYBE_ACTIVE, TokenTable
from app.storage.tables import AccessTokenRow


def in_group(table: TokenTable, group: Group, now: datetime) -> ColumnElement[bool]:
    """Whether each row is in the group at `now`."""
    return _is_active(table, table.status.expression, now) if group is Group.ACTIVE else _in_other(table, group, now)


def in_group_in_order(table: TokenTable, group: Group, now: datetime) -> ColumnElement[bool]:
    """The same, so that no index on status and expiry fits: most rows are active, and SQLite takes six times as long to
    fetch each by it as to read them in the order of the list."""
    return _is_active(table, table.status.concat(""), now) if group is Group.ACTIVE else _in_other(table, group, now)


def _in_other(table: TokenTable, group: Group, now: datetime) -> ColumnElement[bool]:
    match group:
        case Group.EXPIRING:
            return _is_expiring(table, now)
        case Group.EXPIRED:
            return _is_expired(table, now)
        case Group.REVOKED:
            return _is_final(table, TokenStatus.REVOKED, now)
        case Group.SUPERSEDED:
            overlap_is_over = and_(table.status == TokenStatus.OVERLAPPING, table.expires_at <= now)
            return or_(_is_final(table, TokenStatus.SUPERSEDED, now), overlap_is_over)
    return true()


def _is_active(table: TokenTable, status: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    return and_(status.in_(MAYBE_ACTIVE), or_(table.expires_at > now, table.expires_at.is_(None)))


def _is_expiring(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """First what few rows fulfil: a count tries each row."""
    until = now + timedelta(days=DAYS_BEFORE_EXPIRY)
    soon = and_(table.expires_at < until, table.expires_at > now, table.status.in_(MAYBE_ACTIVE))
    return and_(AccessTokenRow.refresh_token_id.is_(None), soon) if table is AccessTokenRow else soon


def _is_expired(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    is_so: ColumnElement[bool] = table.status.in_((TokenStatus.ACTIVE, TokenStatus.EXPIRED))
    if table is AccessTokenRow:
        is_so = or_(is_so, and_(table.status.in_(FINAL), AccessTokenRow.had_expired))
    return and_(is_so, table.expires_at <= now)


def _is_final(table: TokenTable, status: TokenStatus, now: datetime) -> ColumnElement[bool]:
    is_so = table.status == status
    if table is not AccessTokenRow:
        return is_so
    is_ahead = or_(table.expires_at.is_(None), table.expires_at > now)
    return and_(is_so, or_(~AccessTokenRow.had_expired, is_ahead))
