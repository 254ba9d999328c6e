"""Leases of jobs: of many schedulers, only the one that claims the lease of a tick runs the job."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE
from app.storage.database import insert_unless_present
from app.storage.operating_tables import JobLeaseRow


def claim(session: Session, job: str, holder: str, now: datetime, until: datetime, tick: int | None) -> int | None:
    """Take the lease until `until`; its epoch, or None where it is held or this tick has run.

    `tick`: the number of the interval since 1970; None for a run by hand. A lease that ends after `until`, and a tick
    more than one ahead, are those of a clock that was wrong, and stop nobody.
    """
    insert_unless_present(session, JobLeaseRow, job=job, epoch=0, tick=0)
    ends_at = JobLeaseRow.expires_at
    free = or_(ends_at.is_(None), ends_at <= now, ends_at > until + CLOCK_TOLERANCE)
    statement = update(JobLeaseRow).where(JobLeaseRow.job == job, free)
    values = {"holder": holder, "epoch": JobLeaseRow.epoch + 1, "expires_at": until}
    if tick is not None:
        statement = statement.where(or_(JobLeaseRow.tick < tick, JobLeaseRow.tick > tick + 1))
        values["tick"] = tick
    return session.scalar(statement.values(values).returning(JobLeaseRow.epoch))


def finish(session: Session, job: str, epoch: int, now: datetime, seconds: float, rows: int, error: str | None) -> None:
    """Release the lease and store the result of the run; without effect where another holder has taken it."""
    statement = update(JobLeaseRow).where(JobLeaseRow.job == job, JobLeaseRow.epoch == epoch)
    values = {"last_run_at": now, "last_seconds": seconds, "last_rows": rows, "last_error": error}
    session.execute(statement.values(expires_at=None, **values))


def every(session: Session) -> list[JobLeaseRow]:
    return list(session.scalars(select(JobLeaseRow).order_by(JobLeaseRow.job)))
