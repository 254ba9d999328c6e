"""Queries on the time that the database has seen pass, and on its own clock. Not here: their meaning."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.domain.clock_mark import ClockMark, Elsewhere
from app.storage.audit_tables import AuditEventRow
from app.storage.database import insert_unless_present
from app.storage.operating_tables import ClockMarkRow, JobLeaseRow

THE_ROW = 1


def find(session: Session, *, lock: bool = False) -> ClockMark | None:
    """The mark, if there is one. `lock`: to the end of the transaction."""
    query = select(ClockMarkRow).where(ClockMarkRow.id == THE_ROW).execution_options(populate_existing=True)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    if row.other_since is None or row.other_seen_at is None:
        return ClockMark(row.seen_at)
    passed = timedelta(seconds=row.other_seconds)
    return ClockMark(row.seen_at, Elsewhere(row.other_since, row.other_seen_at, passed))


def put(session: Session, mark: ClockMark) -> None:
    """Store the mark in place of the one before."""
    other = mark.elsewhere
    values = {
        "seen_at": mark.seen_at,
        "other_since": other.since if other else None,
        "other_seen_at": other.seen_at if other else None,
        "other_seconds": other.passed.total_seconds() if other else 0.0,
    }
    if not insert_unless_present(session, ClockMarkRow, id=THE_ROW, **values):
        session.execute(update(ClockMarkRow).where(ClockMarkRow.id == THE_ROW).values(**values))


def evidence(session: Session) -> datetime | None:
    """When the latest audit event happened or the latest job ended: the time of a database without a mark."""
    event = select(AuditEventRow.at).order_by(AuditEventRow.id.desc()).limit(1)
    job = select(func.max(JobLeaseRow.last_run_at))
    return max((at for at in map(session.scalar, (event, job)) if at is not None), default=None)


def database_time(session: Session) -> datetime | None:
    """The clock of PostgreSQL; None for SQLite, which has none."""
    if session.get_bind().dialect.name == "sqlite":
        return None
    theirs = session.scalar(select(func.clock_timestamp()))
    assert isinstance(theirs, datetime)
    return theirs.astimezone(UTC)
