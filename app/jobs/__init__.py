"""What is done again and again in the background: the table of jobs.

Here belongs one line for each job; a small module each says what it does. Not here: anything correctness
depends on. Every job is leased in the database, so that any number of schedulers may run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.jobs import expire_tokens, purge_tokens
from app.services import Services


@dataclass(frozen=True)
class Job:
    """`run` does it and returns how many rows it touched; `every` is the time between two runs."""

    name: str
    every: timedelta
    run: Callable[[Services], int]


JOBS = (
    Job("expire_tokens", timedelta(minutes=1), expire_tokens.run),
    Job("purge_tokens", timedelta(hours=1), purge_tokens.run),
)


def find_job(name: str) -> Job | None:
    return next((job for job in JOBS if job.name == name), None)
