"""Instants that a clock which was ahead has stored, and that something waits for.

Not here: tokens, whose instants are facts, and for which nothing waits: only the ends of overlaps.
"""

from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.domain.clock_mark import LONGEST_STEP
from app.domain.tokens import TokenStatus
from app.storage.operating_tables import IdempotencyKeyRow, LoginThrottleRow, SingleUseRow
from app.storage.secret_tables import RetiredSecretRow
from app.storage.tables import AccessTokenRow, SessionRow, UserRow

Instant = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]

WAITED_FOR: dict[Instant, timedelta] = {
    IdempotencyKeyRow.created_at: timedelta(0),
    LoginThrottleRow.window_ends_at: timedelta(days=1),
    LoginThrottleRow.last_success_at: timedelta(0),
    RetiredSecretRow.retired_at: timedelta(0),
    SessionRow.created_at: timedelta(0),
    SessionRow.seen_at: timedelta(0),
    SessionRow.proved_at: timedelta(0),
    SingleUseRow.used_at: timedelta(0),
    UserRow.vouched_at: timedelta(0),
}
"""Each is followed by a time after which the row is forgotten, or ends; and how far ahead it lies by a right clock."""


def bring_back(session: Session, now: datetime) -> None:
    """Set these to `now`, where they are later by more than clocks that agree can differ, and end such overlaps."""
    latest = now + LONGEST_STEP
    for column, ahead in WAITED_FOR.items():
        session.execute(update(column.class_).where(column > latest + ahead).values({column: now}))
    # An overlap would last to the time of the mint that began it.
    newer = aliased(AccessTokenRow)
    is_replaced = exists().where(newer.refresh_token_id == AccessTokenRow.refresh_token_id, newer.created_at > latest)
    which = (AccessTokenRow.status == TokenStatus.OVERLAPPING, AccessTokenRow.expires_at > latest, is_replaced)
    free = select(AccessTokenRow.id).where(*which).with_for_update(skip_locked=True)
    statement = update(AccessTokenRow).where(AccessTokenRow.id.in_(free))
    session.execute(statement.values(status=TokenStatus.SUPERSEDED))
