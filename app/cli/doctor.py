"""``daypass doctor``: everything that is wrong with this installation, as a table."""

from collections.abc import Iterator
from datetime import timedelta

import click
from sqlalchemy import create_engine

from app import logs
from app.cli.database import examine
from app.cli.launching import RefusingCommand, unchecked_application
from app.cli.output import as_json, show_table
from app.cli.start_checks import deployment, ignored_settings
from app.domain.clock import system_clock
from app.domain.errors import Conflict
from app.domain.findings import Finding, Level, ok, problem, warning
from app.http.context import parts
from app.jobs import JOBS
from app.server.listening import is_loopback
from app.services.health import Health, run_check
from app.services.health_checks import is_usable
from app.services.job_runs import JobHealth, JobRuns
from app.storage.database import Database, engine_options
from app.storage.file_use import share_database
from config import Settings, SettingsError, load_settings, read_keys

MOST_LAG = timedelta(minutes=5)
"""How overdue a job may be: a scheduler that was just restarted is no fault."""

COLUMNS = ("finding", "state", "detail", "what_to_do")


@click.command("doctor", cls=RefusingCommand)
@as_json
def doctor(as_json: bool) -> None:
    """Check settings, keys, database, disk and jobs; exit code 1 if anything is wrong."""
    logs.configure("CRITICAL", "ext://sys.stderr")  # standard output is for the table
    findings = list(_findings())
    show_table((_row(each) for each in findings), COLUMNS, as_json)
    if any(each.level is not Level.OK for each in findings):
        click.get_current_context().exit(1)


def _row(finding: Finding) -> dict[str, str]:
    detail = f"{finding.detail} ({finding.cause})" if finding.cause else finding.detail
    return {
        "finding": finding.name,
        "state": finding.level.value,
        "detail": detail,
        "what_to_do": finding.remedy or "-",
    }


def _findings() -> Iterator[Finding]:
    """Whatever is broken, the rest is looked at as far as it can be."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield problem("deployment", str(error), "correct the environment; nothing else can be checked before")
        return
    yield from ignored_settings()
    yield from run_check("deployment", lambda: [_deployment(settings)])
    database = Database(create_engine(settings.sqlalchemy_url, **engine_options(settings.sqlalchemy_url, 1)))
    try:
        share_database(database.engine, database)
    except Conflict as error:
        yield problem("database", error.what.rstrip("."))
        return
    health, found = _health(settings, database)
    yield from found
    findings = examine(health)
    yield from findings
    if is_usable(findings):
        yield from run_check("jobs", lambda: _jobs(health.database, bool(settings.scheduler)))


def _deployment(settings: Settings) -> Finding:
    is_unix = settings.socket_path is not None
    return deployment(settings, settings.host, is_unix, is_unix or is_loopback(settings.host))


def _health(settings: Settings, database: Database) -> tuple[Health, list[Finding]]:
    """The checks of the application; without its keys where there is none."""
    try:
        read_keys(settings)
    except (SettingsError, OSError) as error:
        remedy = "restore the keys file, or run `daypass init` on a new installation"
        found = problem("keys", "the keys can't be used", remedy, str(error))
    else:
        try:
            return parts(unchecked_application()).services.health, []
        except SettingsError as error:
            found = problem("application", str(error), "correct the environment")
    return Health(database, system_clock, None), [found]


def _jobs(database: Database, runs_here: bool) -> list[Finding]:
    where = "start `daypass serve`" if runs_here else "start `daypass scheduler`; DAYPASS_SCHEDULER is off here"
    health = JobRuns(database, system_clock).health({job.name: job.every for job in JOBS})
    return [_job(each, where) for each in health]


def _job(job: JobHealth, where: str) -> Finding:
    name = f"job {job.job}"
    if job.status is None or job.lag is None:
        return ok(name, "it has not run yet")
    if job.lag > MOST_LAG:
        return warning(name, f"it is {_minutes(job.lag)} late: no scheduler runs", where)
    if job.status.last_error:
        return warning(name, f"its last run failed ({job.status.last_error})", f"run `daypass job run {job.job}`")
    return ok(name, f"it last ran at {job.status.last_run_at:%Y-%m-%d %H:%M:%S} UTC")


def _minutes(lag: timedelta) -> str:
    minutes = int(lag.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
