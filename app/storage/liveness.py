"""``app.domain.tokens.status_at`` said in SQL, for what lists and sweeps.

Here belongs nothing but that one definition; a property test compares it with the domain's.
Not here: the check, which reads the row and asks the domain.
"""

from datetime import datetime

from sqlalchemy import Case, ColumnElement, and_, case, or_

from app.domain.tokens import TokenStatus
from app.storage.tables import AccessTokenRow, RefreshTokenRow

TokenTable = type[AccessTokenRow] | type[RefreshTokenRow]


def status_now(table: TokenTable, now: datetime) -> Case[str]:
    """The state of each row at `now`."""
    return case(
        (table.status.in_([TokenStatus.EXPIRED, TokenStatus.REVOKED]), table.status),
        (
            table.expires_at <= now,
            case((table.status == TokenStatus.SUPERSEDED, table.status), else_=TokenStatus.EXPIRED.value),
        ),
        else_=TokenStatus.ACTIVE.value,
    )


def is_alive(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row works at `now`; written so that an index on (status, expires_at) serves it."""
    return and_(
        table.status.in_([TokenStatus.ACTIVE, TokenStatus.SUPERSEDED]),
        or_(table.expires_at.is_(None), table.expires_at > now),
    )


def is_due(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row is stored as active although its time is over: what the sweep writes down."""
    return and_(table.status == TokenStatus.ACTIVE, table.expires_at <= now)


def ended_before(table: TokenTable, cutoff: datetime) -> ColumnElement[bool]:
    """Whether each row ended, and did so at or before `cutoff`."""
    return or_(
        and_(table.status.in_([TokenStatus.EXPIRED, TokenStatus.SUPERSEDED]), table.expires_at <= cutoff),
        and_(table.status == TokenStatus.REVOKED, table.revoked_at <= cutoff),
    )
