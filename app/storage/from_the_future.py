"""Instants that a clock which was ahead has stored, and that something waits for.

Not here: tokens, whose instants are facts, and for which nothing waits: only the ends of overlaps.
"""

from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.domain.clock_mark import LONGEST_STEP
from app.domain.tokens import TokenStatus
from app.storage.operating_tables import IdempotencyKeyRow, LoginThrottleRow
from app.storage.tables import AccessTokenRow, RetiredSecretRow, SessionRow

WAITED_FOR: tuple[InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], ...] = (
    IdempotencyKeyRow.created_at,
    LoginThrottleRow.window_ends_at,
    LoginThrottleRow.last_success_at,
    RetiredSecretRow.retired_at,
    SessionRow.created_at,
    SessionRow.seen_at,
    SessionRow.proved_at,
)
"""Each is followed by a time after which the row is forgotten, or ends."""


def bring_back(session: Session, now: datetime) -> None:
    """Set these to `now`, where they are later by more than clocks that agree can differ, and end such overlaps."""
    latest = now + LONGEST_STEP
    for column in WAITED_FOR:
        session.execute(update(column.class_).where(column > latest).values({column: now}))
    # An overlap would last to the time of the mint that began it.
    newer = aliased(AccessTokenRow)
    is_replaced = exists().where(newer.refresh_token_id == AccessTokenRow.refresh_token_id, newer.created_at > latest)
    which = (AccessTokenRow.status == TokenStatus.OVERLAPPING, AccessTokenRow.expires_at > latest, is_replaced)
    free = select(AccessTokenRow.id).where(*which).with_for_update(skip_locked=True)
    statement = update(AccessTokenRow).where(AccessTokenRow.id.in_(free))
    session.execute(statement.values(status=TokenStatus.SUPERSEDED))
