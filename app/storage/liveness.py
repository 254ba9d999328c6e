"""``app.domain.tokens.status_at`` in SQL, for lists and sweeps; a property test compares the two.

Not here: the check, which applies the domain's definition to the row.
"""

from datetime import datetime, timedelta

from sqlalchemy import Case, ColumnElement, and_, case, or_

from app.domain.tokens import TokenStatus
from app.storage.tables import AccessTokenRow, RefreshTokenRow

TokenTable = type[AccessTokenRow] | type[RefreshTokenRow]

MAYBE_ACTIVE = (TokenStatus.ACTIVE, TokenStatus.OVERLAPPING)
"""The stored states that depend on the clock."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""More than hosts' clocks may differ (``/readyz``): a token expired on this host may be active on another."""


def status_now(table: TokenTable, now: datetime) -> Case[str]:
    """The state of each row at `now`."""
    return case(
        (table.status.not_in(MAYBE_ACTIVE), table.status),
        (table.expires_at <= now, end_of_life(table)),
        else_=TokenStatus.ACTIVE.value,
    )


def end_of_life(table: TokenTable) -> Case[str]:
    """The state of a row after its `expires_at`."""
    overlapping = table.status == TokenStatus.OVERLAPPING
    return case((overlapping, TokenStatus.SUPERSEDED.value), else_=TokenStatus.EXPIRED.value)


def is_active_at(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row is active at `now`; uses an index on (status, expires_at)."""
    return and_(table.status.in_(MAYBE_ACTIVE), or_(table.expires_at.is_(None), table.expires_at > now))


def is_due(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row has expired and is not marked so: what the sweep updates."""
    return and_(table.status.in_(MAYBE_ACTIVE), table.expires_at <= now)


def ended_before(table: TokenTable, cutoff: datetime) -> ColumnElement[bool]:
    """Whether each row ended, and did so at or before `cutoff`."""
    return or_(
        and_(table.status.in_([TokenStatus.EXPIRED, TokenStatus.SUPERSEDED]), table.expires_at <= cutoff),
        and_(table.status == TokenStatus.REVOKED, table.revoked_at <= cutoff),
    )
