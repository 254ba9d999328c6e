"""Running jobs under a lease, once per tick for all schedulers, and storing the results.

Not here: the jobs and their intervals (``app.jobs``).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.domain.clock import CLOCK_TOLERANCE, Clock
from app.domain.errors import Conflict
from app.services.clock_agreement import is_held
from app.storage import leases
from app.storage.database import Database

LOG = structlog.get_logger(__name__)

LEASE = timedelta(minutes=10)
"""How long the lease of a holder that died lasts. Two runs of a job at once do no harm."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class JobStatus:
    """The latest run of a job. `holder`: the current or last holder of the lease."""

    job: str
    is_running: bool
    holder: str | None
    last_run_at: datetime | None
    last_seconds: float | None
    last_rows: int | None
    last_error: str | None


@dataclass(frozen=True)
class JobHealth:
    """A job and its state. `lag`: how long its next run is overdue; None where it never ran.

    Where the last run is in the future, the lag counts from there: an estimate, but no claim that all is well.
    """

    job: str
    every: timedelta
    lag: timedelta | None
    status: JobStatus | None


class JobRuns:
    """Runs jobs under a lease."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, job: str, work: Callable[[], int], holder: str, every: timedelta | None) -> int | None:
        """Run `work` if this scheduler gets the lease; the number of rows, or None where another has it.

        `every`: the job's interval, with at most one run per tick; None for a run by hand.
        """
        with self._database.transaction() as session:
            now = self._clock()
            tick = None if every is None else (now - EPOCH) // every
            epoch = leases.claim(session, job, holder, now, now + LEASE, tick)
        if epoch is None:
            return None
        started = time.monotonic()
        rows, error = 0, None
        try:
            rows = work()
        except BaseException as failure:  # an interruption is stored too
            error = (failure.what if is_held(failure) else f"{type(failure).__name__}: {failure}")[:255]
            raise
        finally:
            seconds = time.monotonic() - started
            with self._database.transaction() as session:
                leases.finish(session, job, epoch, self._clock(), seconds, rows, error)
            LOG.info("job_ran", job=job, rows=rows, seconds=round(seconds, 3), error=error)
        return rows

    def run_by_hand(self, job: str, work: Callable[[], int], holder: str) -> int:
        """Run it now; refuses with Conflict while it is running elsewhere."""
        rows = self.run(job, work, holder, None)
        if rows is None:
            raise Conflict(f"{job} is already running.")
        return rows

    def status(self) -> list[JobStatus]:
        """Every job that ever ran."""
        with self._database.reading() as session:
            now = self._clock()
            return [
                JobStatus(
                    job=row.job,
                    is_running=row.expires_at is not None and now < row.expires_at <= now + LEASE + CLOCK_TOLERANCE,
                    holder=row.holder,
                    last_run_at=row.last_run_at,
                    last_seconds=row.last_seconds,
                    last_rows=row.last_rows,
                    last_error=row.last_error,
                )
                for row in leases.every(session)
            ]

    def health(self, schedule: Mapping[str, timedelta]) -> list[JobHealth]:
        """Every job of `schedule` (name to interval), including those that never ran."""
        ran = {each.job: each for each in self.status()}
        now = self._clock()
        return [JobHealth(job, every, _lag(ran.get(job), every, now), ran.get(job)) for job, every in schedule.items()]


def _lag(status: JobStatus | None, every: timedelta, now: datetime) -> timedelta | None:
    if status is None or status.last_run_at is None:
        return None
    # A run in the future is one before the clock was set back: nothing has run since.
    return max(timedelta(0), abs(now - status.last_run_at) - every)
