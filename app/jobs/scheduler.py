"""The scheduler: APScheduler 3 firing the jobs of the table, each under its lease.

One thread in the server's supervisor, or a process of its own (``daypass scheduler``); never one per worker.
Not here: what the jobs do.
"""

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
from app.services import Services

LOG = structlog.get_logger(__name__)


def holder_name() -> str:
    """Who runs the jobs here, for the lease and for people: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"[:150]


def build_scheduler(services: Services, clock: Clock) -> BackgroundScheduler:
    """A scheduler that is ready to start; the first run of each job is at once."""
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="UTC")
    for job in JOBS:
        scheduler.add_job(
            partial(run_once, services, job),
            IntervalTrigger(seconds=int(job.every.total_seconds())),
            id=job.name,
            next_run_time=clock(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    return scheduler


def run_once(services: Services, job: Job) -> None:
    """One tick: run the job if no other scheduler has it. A failure is logged; the next tick tries again."""
    try:
        services.job_runs.run(job.name, partial(job.run, services), holder_name(), job.every)
    except Refusal as refusal:
        LOG.error("job_refused", job=job.name, reason=refusal.reason)
    except Exception:
        LOG.exception("job_failed", job=job.name)
