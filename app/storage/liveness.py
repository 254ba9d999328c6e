"""``app.domain.tokens.status_at`` in SQL, for lists and sweeps; a property test compares the two.

Not here: the check, which applies the domain's definition to the row.
"""

from datetime import datetime

from sqlalchemy import Case, ColumnElement, and_, case, or_

from app.domain.tokens import FINAL, TokenStatus
from app.storage.tables import AccessTokenRow, RefreshTokenRow

TokenTable = type[AccessTokenRow] | type[RefreshTokenRow]

MAYBE_ACTIVE = (TokenStatus.ACTIVE, TokenStatus.OVERLAPPING, TokenStatus.EXPIRED)
"""The stored states that depend on the clock; the others are final."""

_UNLESS_REVOKED = (*MAYBE_ACTIVE, TokenStatus.SUPERSEDED)


def status_now(table: TokenTable, now: datetime) -> Case[str]:
    """The state of each row at `now`."""
    is_ahead = or_(table.expires_at.is_(None), table.expires_at > now)
    is_final: ColumnElement[bool] = table.status.in_(FINAL)
    if table is AccessTokenRow:
        is_final = and_(is_final, or_(~AccessTokenRow.had_expired, is_ahead))
    return case(
        (is_final, table.status),
        (is_ahead, TokenStatus.ACTIVE.value),
        (table.status == TokenStatus.OVERLAPPING, TokenStatus.SUPERSEDED.value),
        else_=TokenStatus.EXPIRED.value,
    )


def is_active_at(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row is active at `now`; each part uses an index on (status, expires_at)."""
    later = and_(table.status.in_(MAYBE_ACTIVE), table.expires_at > now)
    if table is RefreshTokenRow:
        return later
    return or_(later, and_(table.status.in_(MAYBE_ACTIVE), table.expires_at.is_(None)))


def is_due(table: TokenTable, now: datetime) -> ColumnElement[bool]:
    """Whether each row has expired and is not marked so: what the sweep updates.

    Not one that overlaps: superseded is final, and a clock may be wrong. The next mint makes it so.
    """
    return and_(table.status == TokenStatus.ACTIVE, table.expires_at <= now)


def ended_before(table: TokenTable, cutoff: datetime) -> ColumnElement[bool]:
    """Whether each row ended, marked or not, and did so at or before `cutoff`.

    No token ends before it is created: an earlier instant is that of a clock that was wrong.
    """
    return and_(
        or_(
            and_(table.status.in_(_UNLESS_REVOKED), table.expires_at <= cutoff),
            and_(table.status == TokenStatus.REVOKED, table.revoked_at <= cutoff),
        ),
        table.created_at <= cutoff,
    )
