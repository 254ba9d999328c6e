"""Instants that a clock which was ahead has stored, and that something waits for.

Not here: tokens, whose instants are facts, and for which nothing waits.
"""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.clock_mark import LONGEST_STEP
from app.storage.operating_tables import IdempotencyKeyRow, LoginThrottleRow
from app.storage.tables import RetiredSecretRow, SessionRow

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
    """Set these to `now`, where they are later by more than clocks that agree can differ."""
    for column in WAITED_FOR:
        statement = update(column.class_).where(column > now + LONGEST_STEP)
        session.execute(statement.values({column: now}))
