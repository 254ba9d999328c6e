"""``daypass job …``: running background jobs, and their state."""

from functools import partial

import click

from app.cli.launching import RefusingGroup, services
from app.cli.output import Row, as_json, show_result, show_table
from app.jobs import JOBS, find_job
from app.jobs.scheduler import holder_name
from app.services.job_runs import JobStatus

COLUMNS = ("job", "every", "is_running", "holder", "last_run_at", "last_seconds", "last_rows", "last_error")


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
    rows = context.job_runs.run_by_hand(name, partial(selected.run, context), holder_name())
    show_result({"job": name, "rows": rows}, f"{name}: {rows} row{'' if rows == 1 else 's'}.", as_json)


@job.command("status")
@as_json
def status(as_json: bool) -> None:
    """Show each job's latest run: holder of the lease, time, rows, error."""
    ran = {each.job: each for each in services().job_runs.status()}
    show_table((_row(each.name, str(each.every), ran.get(each.name)) for each in JOBS), COLUMNS, as_json)


def _row(name: str, every: str, status: JobStatus | None) -> Row:
    if status is None:
        return dict.fromkeys(COLUMNS) | {"job": name, "every": every, "is_running": False}
    return {
        "job": name,
        "every": every,
        "is_running": status.is_running,
        "holder": status.holder,
        "last_run_at": status.last_run_at,
        "last_seconds": None if status.last_seconds is None else round(status.last_seconds, 3),
        "last_rows": status.last_rows,
        "last_error": status.last_error,
    }
