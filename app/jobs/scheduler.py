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
from app.services import Services

LOG = structlog.get_logger(__name__)


def holder_name() -> str:
    """The holder of the leases here: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"[:150]


def build_scheduler(services: Services, clock: Clock) -> BackgroundScheduler:
    """A scheduler ready to start; each job runs once at the start."""
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
    """Run the job at a tick unless another scheduler does. A failure is logged; the next tick tries again."""
    try:
        services.job_runs.run(job.name, partial(job.run, services), holder_name(), job.every)
    except Refusal as refusal:
        LOG.error("job_refused", job=job.name, reason=refusal.reason)
    except Exception:
        LOG.exception("job_failed", job=job.name)
