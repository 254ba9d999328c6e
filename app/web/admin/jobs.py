"""How the background jobs fare, in one word each.

Not here: running them (``app.jobs``), and the account of their runs (``app.services.job_runs``).
"""

from app.services.job_runs import JobHealth

Condition = tuple[str, str]
"""How good it is (``good``, ``warn``, ``bad``), and the word for it."""


def condition(health: JobHealth) -> Condition:
    """What to show beside a job; a run is late when the one after it is due as well."""
    status = health.status
    if status is None or health.lag is None:
        return ("warn", "Running") if status is not None and status.is_running else ("warn", "Never ran")
    if status.last_error is not None:
        return "bad", "Failed"
    if health.lag > health.every:
        return "warn", "Late"
    return "good", "Running" if status.is_running else "Fine"
