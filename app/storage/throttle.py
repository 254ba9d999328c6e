"""Counters of failed sign-ins, shared by all workers and hosts.

Not here: the counters of an attempt, and their limits (``app.services.throttling``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, literal, or_, select, update
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE
from app.storage.database import insert_unless_present
from app.storage.operating_tables import LoginThrottleRow


@dataclass(frozen=True)
class Bucket:
    """A counter of at most `limit` failures in one window."""

    key: str
    limit: int


def reserve(session: Session, bucket: Bucket, now: datetime, window: timedelta) -> datetime | None:
    """Count a failure in advance; None where it fits, else the end of the window of the full counter."""
    row = LoginThrottleRow
    insert_unless_present(session, row, bucket=bucket.key, failures=0, window_ends_at=now + window)
    over = _is_over(now, window)
    window_ends_at = literal(now + window, row.window_ends_at.type)  # see access_tokens.supersede
    statement = (
        update(row)
        .where(row.bucket == bucket.key, or_(over, row.failures < bucket.limit))
        .values(
            failures=case((over, 1), else_=row.failures + 1),
            window_ends_at=case((over, window_ends_at), else_=row.window_ends_at),
        )
        .returning(row.bucket)
    )
    if session.scalar(statement) is not None:
        return None
    return session.scalar(select(row.window_ends_at).where(row.bucket == bucket.key)) or now


def full_until(session: Session, bucket: Bucket, now: datetime, window: timedelta) -> datetime | None:
    """The end of the window of a full counter; None for one that is not full."""
    row = LoginThrottleRow
    full = select(row.window_ends_at).where(row.bucket == bucket.key, row.failures >= bucket.limit)
    return session.scalar(full.where(~_is_over(now, window)))


def _is_over(now: datetime, window: timedelta) -> ColumnElement[bool]:
    """Over, or counted by a clock that was wrong: it would refuse until that time."""
    ends_at = LoginThrottleRow.window_ends_at
    return or_(ends_at <= now, ends_at > now + window + CLOCK_TOLERANCE)


def release(session: Session, buckets: Iterable[Bucket]) -> None:
    """Undo the reservation of a successful attempt. In order of key, against deadlocks."""
    row = LoginThrottleRow
    for key in sorted(bucket.key for bucket in buckets):
        statement = update(row).where(row.bucket == key, row.failures > 0).values(failures=row.failures - 1)
        session.execute(statement)


def last_success(session: Session, key: str) -> datetime | None:
    query = select(LoginThrottleRow.last_success_at).where(LoginThrottleRow.bucket == key)
    return session.scalar(query)


def record_success(session: Session, key: str, now: datetime) -> None:
    insert_unless_present(session, LoginThrottleRow, bucket=key, failures=0, window_ends_at=now)
    statement = update(LoginThrottleRow).where(LoginThrottleRow.bucket == key).values(last_success_at=now)
    session.execute(statement)


def purge(session: Session, now: datetime, successes_before: datetime, most: int) -> int:
    """Delete at most `most` counters without effect; how many."""
    row = LoginThrottleRow
    forgotten = or_(row.last_success_at.is_(None), row.last_success_at <= successes_before)
    old = select(row.bucket).where(row.window_ends_at <= now, forgotten).limit(most)
    keys = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(row).where(row.bucket.in_(keys)))
    return len(keys)
