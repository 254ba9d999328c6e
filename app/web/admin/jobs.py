"""The condition of a background job. Not here: running jobs (``app.jobs``)."""

from app.services.clock_agreement import HELD
from app.services.job_runs import JobHealth

Condition = tuple[str, str]
"""The level (``good``, ``warn``, ``bad``) and the label."""


def condition(health: JobHealth) -> Condition:
    """The condition of a job; a run is late when the next one is due as well."""
    status = health.status
    if status is None or health.lag is None:
        return ("warn", "Running") if status is not None and status.is_running else ("warn", "Never ran")
    if status.last_error is not None and status.last_error.startswith(HELD):
        return "warn", "Held"
    if status.last_error is not None:
        return "bad", "Failed"
    if health.lag > health.every:
        return "warn", "Late"
    return "good", "Running" if status.is_running else "OK"
