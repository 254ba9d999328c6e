"""``daypass job …``: running background jobs, and their state."""

from functools import partial
from typing import Any

import click

from app.cli.launching import RefusingGroup, services
from app.cli.output import as_json, show_result, show_table
from app.jobs import JOBS, find_job
from app.jobs.scheduler import holder_name
from app.services.job_runs import JobHealth

COLUMNS = (
    "job", "every", "is_running", "holder", "last_run_at", "overdue_seconds", "last_seconds", "last_rows", "last_error",
)  # fmt: skip


@click.group("job", cls=RefusingGroup)
def job() -> None:
    """Background jobs."""


@job.command("run")
@click.argument("name", type=click.Choice([job.name for job in JOBS]))
@as_json
def run(name: str, as_json: bool) -> None:
    """Run a job now."""
    selected = find_job(name)
    assert selected is not None
    context = services()
    context.clock_agreement.refuse_differing()
    rows = context.job_runs.run_by_hand(name, partial(selected.run, context), holder_name())
    show_result({"job": name, "rows": rows}, f"{name}: {rows} row{'' if rows == 1 else 's'}.", as_json)


@job.command("status")
@as_json
def status(as_json: bool) -> None:
    """Show each job's latest run: holder of the lease, time, rows, error; and whether the clock holds them."""
    context = services()
    health = context.job_runs.health({job.name: job.every for job in JOBS})
    warning = context.clock_agreement.state().warning
    show_table((_row(each) | {"clock_warning": warning} for each in health), COLUMNS, as_json)
    if warning is not None and not as_json:
        click.echo(f"Warning: {warning}", err=True)


def _row(health: JobHealth) -> dict[str, Any]:
    status, every = health.status, str(health.every)
    lag = None if health.lag is None else round(health.lag.total_seconds())
    if status is None:
        return dict.fromkeys(COLUMNS) | {"job": health.job, "every": every, "is_running": False}
    return {
        "job": health.job,
        "every": every,
        "is_running": status.is_running,
        "holder": status.holder,
        "last_run_at": status.last_run_at,
        "overdue_seconds": lag,
        "last_seconds": None if status.last_seconds is None else round(status.last_seconds, 3),
        "last_rows": status.last_rows,
        "last_error": status.last_error,
    }
