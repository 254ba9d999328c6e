"""The scheduler (APScheduler 3) of the jobs: a thread of the supervisor, or ``daypass scheduler``; not per worker."""

import os
import socket
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app.domain.clock import Clock
from app.domain.errors import Refusal
from app.jobs import JOBS, Job
from app.jobs.clock_watcher import ClockWatcher
from app.services import Services
from app.services.clock_agreement import is_held

LOG = structlog.get_logger(__name__)


def holder_name() -> str:
    """The holder of the leases here: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"[:150]


class Scheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler plans by the clock: set back by a day, it would sleep for a day. This one goes on after a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(executors={"default": ThreadPoolExecutor(1)}, timezone="UTC")
        self._clock = clock
        self._watcher = ClockWatcher(clock, self.run_all)

    def start(self, paused: bool = False) -> None:
        super().start(paused)
        self._watcher.start()

    def shutdown(self, wait: bool = True) -> None:
        self._watcher.stop()
        super().shutdown(wait)

    def run_all(self) -> None:
        """Run each job now, and at its interval from now on."""
        for job in self.get_jobs():
            job.modify(next_run_time=self._clock())


def build_scheduler(services: Services, clock: Clock) -> Scheduler:
    """A scheduler ready to start; each job runs once at the start."""
    scheduler = Scheduler(clock)
    for job in JOBS:
        scheduler.add_job(
            partial(run_once, services, job),
            IntervalTrigger(seconds=int(job.every.total_seconds())),
            id=job.name,
            next_run_time=clock(),
            coalesce=True,
            max_instances=2,  # one waits: the pool has one thread
            misfire_grace_time=None,
        )
    return scheduler


def run_once(services: Services, job: Job) -> None:
    """Run the job at a tick unless another scheduler does. A failure is logged; the next tick tries again."""
    try:
        services.clock_agreement.refuse_differing()  # before the lease: the run belongs to hosts whose clock is right
        services.job_runs.run(job.name, partial(job.run, services), holder_name(), job.every)
    except Refusal as refusal:
        if is_held(refusal):
            LOG.warning("job_held", job=job.name, detail=refusal.what)
        else:
            LOG.error("job_refused", job=job.name, reason=refusal.reason)
    except Exception:
        LOG.exception("job_failed", job=job.name)
