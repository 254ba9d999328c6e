"""``app.domain.tokens.status_at`` said in SQL, for what lists and sweeps.

Here belongs nothing but that one definition; a property test compares it with the domain's.
Not here: the check, which reads the row and asks the domain.
"""

from datetime import datetime, timedelta

from sqlalchemy import Case, ColumnElement, and_, case, or_

from app.domain.tokens import TokenStatus
from app.storage.tables import AccessTokenRow, RefreshTokenRow

TokenTable = type[AccessTokenRow] | type[RefreshTokenRow]

MAYBE_ALIVE = (TokenStatus.ACTIVE, TokenStatus.OVERLAPPING)
"""The stored states in which the clock decides."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""More than hosts' clocks may differ (``/readyz``). What this host calls expired, another may still call good."""


def status_now(table: TokenTable, now: datetime) -> Case[str]:
    """The state of each row at `now`."""
    return case(
        (table.status.not_in(MAYBE_ALIVE), table.status),
        (table.expires_at <= now, end_of_life(table)),
        else_=TokenStatus.ACTIVE.value,
    )


def end_of_life(table: TokenTable) -> Case[str]:
    """What a row is whose time is over."""
    overlapping = table.status == TokenStatus.OVERLAPPING
    return case((overlapping, TokenStatus.SUPERSEDED.value), else_=TokenStatus.EXPIRED.value)


def is_alive(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row works at `now`; written so that an index on (status, expires_at) serves it."""
    return and_(table.status.in_(MAYBE_ALIVE), or_(table.expires_at.is_(None), table.expires_at > now))


def is_due(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row's time is over although it is stored as if not: what the sweep writes down."""
    return and_(table.status.in_(MAYBE_ALIVE), table.expires_at <= now)


def ended_before(table: TokenTable, cutoff: datetime) -> ColumnElement[bool]:
    """Whether each row ended, and did so at or before `cutoff`."""
    return or_(
        and_(table.status.in_([TokenStatus.EXPIRED, TokenStatus.SUPERSEDED]), table.expires_at <= cutoff),
        and_(table.status == TokenStatus.REVOKED, table.revoked_at <= cutoff),
    )
