"""The background jobs: a table, and a module each. Each runs under a lease, so that many schedulers may run.

Not here: anything correctness depends on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.jobs import expire_tokens, mark_revoked, purge_audit, purge_tokens, seal_audit
from app.services import Services


@dataclass(frozen=True)
class Job:
    """`run`: returns the number of rows. `every`: the interval."""

    name: str
    every: timedelta
    run: Callable[[Services], int]


JOBS = (
    Job("expire_tokens", timedelta(minutes=1), expire_tokens.run),
    Job("mark_revoked", timedelta(minutes=1), mark_revoked.run),
    Job("purge_tokens", timedelta(hours=1), purge_tokens.run),
    Job("seal_audit", timedelta(minutes=1), seal_audit.run),
    Job("purge_audit", timedelta(hours=1), purge_audit.run),
)


def find_job(name: str) -> Job | None:
    return next((job for job in JOBS if job.name == name), None)
