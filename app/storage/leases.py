"""Leases of jobs: whichever of many schedulers takes the lease of a tick runs it, alone.

Here belong the conditional writes that make it so. Not here: what the jobs do, and when they are due.
"""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.tables import JobLeaseRow


def claim(session: Session, job: str, holder: str, now: datetime, until: datetime, tick: int | None) -> int | None:
    """Take the lease until `until`; its epoch, or None when somebody holds it or had this tick already.

    `tick` is the number of the interval since 1970, None for a run by hand, which has no turn to wait for.
    """
    insert_unless_present(session, JobLeaseRow, job=job, epoch=0, tick=0)
    free = or_(JobLeaseRow.expires_at.is_(None), JobLeaseRow.expires_at <= now)
    statement = update(JobLeaseRow).where(JobLeaseRow.job == job, free)
    values = {"holder": holder, "epoch": JobLeaseRow.epoch + 1, "expires_at": until}
    if tick is not None:
        statement = statement.where(JobLeaseRow.tick < tick)
        values["tick"] = tick
    return session.scalar(statement.values(values).returning(JobLeaseRow.epoch))


def finish(session: Session, job: str, epoch: int, now: datetime, seconds: float, rows: int, error: str | None) -> None:
    """Give the lease back with the account of the run; without effect when another has it by now."""
    statement = update(JobLeaseRow).where(JobLeaseRow.job == job, JobLeaseRow.epoch == epoch)
    values = {"last_run_at": now, "last_seconds": seconds, "last_rows": rows, "last_error": error}
    session.execute(statement.values(expires_at=None, **values))


def every(session: Session) -> list[JobLeaseRow]:
    return list(session.scalars(select(JobLeaseRow).order_by(JobLeaseRow.job)))
