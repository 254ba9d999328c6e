"""``daypass backup`` and ``daypass restore``: what they ask, refuse and print; ``restoring`` does the work."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from app.cli.launching import RefusingCommand, application, operator, services
from app.cli.output import Row, as_json, show_result
from app.cli.restoring import complete_restore, restore_file
from app.cli.revoked_since import KEEP, OLD, REVOKE_ALL, Choice
from app.domain.clock import system_clock, utc_text
from app.domain.errors import Refusal
from app.domain.text import count_of
from app.services.restoring import Restored
from app.storage import backup as backups
from app.storage import schema
from app.storage.database import refusing_when_away
from app.storage.database_files import DatabaseError
from app.storage.sqlite_files import sqlite_file
from config import KEYS_FILE, Settings, load_settings

CHOICES = (
    "Tokens that were revoked after the backup was made work again. What to do with them:\n"
    f"  {KEEP}        leave them as they are in the backup\n"
    f"  {REVOKE_ALL}  revoke all tokens\n"
    f"  {OLD}         revoke again what the audit log of the database that is replaced says\n"
    "  FILE        revoke again what this file says, written by `daypass audit export`"
)
NOT_CHOSEN = (
    "Tokens that were revoked after the backup was made would work again: choose --revoked-since "
    f"{KEEP}, {REVOKE_ALL}, {OLD} or a file that `daypass audit export` wrote."
)
HELP = (
    "What to do with tokens that were revoked after the backup was made: leave them (keep), revoke all (revoke-all), "
    "or revoke again what the audit log of the replaced database (old) or an exported one (FILE) says."
)

POSTGRESQL_BACKUP = (
    "PostgreSQL has its own programs for this: `pg_dump --format=custom`, or snapshots of the server. "
    "See docs/backups.md."
)
POSTGRESQL_RESTORE = (
    "PostgreSQL has its own programs for this: stop Daypass, restore the database with `pg_restore`, then run "
    "`daypass restore --revoked-since …` without a file. See docs/backups.md."
)


@click.command("backup", cls=RefusingCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@as_json
def backup(file: Path, overwrite: bool, as_json: bool) -> None:
    """Write a backup of the database into FILE, while Daypass runs. The keys are not in it."""
    settings = load_settings()
    engine = application().extensions["daypass_database"].engine
    path = sqlite_file(engine.url)
    if path is None:
        raise click.ClickException(POSTGRESQL_BACKUP)
    file = file.absolute()
    if file.resolve() == path:
        raise click.ClickException(f"{file} is the database itself: name another file.")
    with refusing_when_away():
        revision = schema.current_revision(engine)
    if revision is None:
        raise click.ClickException("The database is empty: run `daypass init` first.")
    made_at = utc_text(system_clock())
    description = {"made_at": made_at, "daypass": version("daypass"), "revision": revision}
    rows = _write(path, file, overwrite, description)
    size = file.stat().st_size
    _record(file.name, size)
    counts = ", ".join(count_of(number, table.removesuffix("s").replace("_", " ")) for table, number in rows.items())
    sentence = (
        f"Wrote {file}: {counts}, {size / 1_000_000:.1f} MB, verified.\n"
        f"The keys are not in it: keep a copy of {_place_of_keys(settings)}, apart from the backup."
    )
    show_result({"file": str(file), "made_at": made_at, "bytes": size} | rows, sentence, as_json)


def _write(path: Path, file: Path, overwrites: bool, description: dict[str, str]) -> dict[str, int]:
    try:
        with backups.new_file(file, overwrites) as unfinished:
            return backups.write_backup(path, unfinished, description)
    except FileExistsError:
        advice = "name another file" if overwrites else "name another file, or add --overwrite"
        raise click.ClickException(f"{file} exists{' and is not a file' if overwrites else ''}: {advice}.") from None
    except OSError as error:
        raise click.ClickException(f"can't write {file} ({error.strerror}).") from error
    except DatabaseError as error:
        raise click.ClickException(f"No backup was written ({error}).") from error


def _record(name: str, size: int) -> None:
    """A full disk of the database must not prevent a backup to another one."""
    try:
        services().restoring.record_backup(operator(), name, bytes=size)
    except Refusal:
        click.echo("Warning: the backup could not be recorded in the audit log.", err=True)


def _place_of_keys(settings: Settings) -> str:
    if settings.token_keys:
        return "DAYPASS_TOKEN_KEYS and DAYPASS_PASSWORD_PEPPER"
    return str(settings.instance_folder / KEYS_FILE)


@click.command("restore", cls=RefusingCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--revoked-since", "choice", metavar="|".join((KEEP, REVOKE_ALL, OLD, "FILE")), help=HELP)
@as_json
def restore(file: Path | None, choice: str | None, as_json: bool) -> None:
    """Put the backup FILE in place of the database; the old one is kept. Daypass must not run.

    Without FILE: complete a restore that was made by other means, as with pg_restore.
    """
    settings = load_settings()
    is_sqlite = settings.sqlalchemy_url.startswith("sqlite")
    if file is not None and not is_sqlite:
        raise click.ClickException(POSTGRESQL_RESTORE)
    chosen = Choice.parse(choice if choice is not None else _ask())
    if file is None:
        if chosen.word == OLD:
            raise click.UsageError(f"{OLD} needs the backup FILE: without it, no database is replaced.")
        done, row = complete_restore(settings, chosen), dict[str, Any]()
    else:
        done, row = restore_file(settings, file.absolute(), chosen, system_clock())
    row = row | {"revoked_since": chosen.word, **vars(done)}
    show_result(row, lambda: "\n".join(_sentences(row, done, chosen)), as_json)


def _ask() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(NOT_CHOSEN)
    click.echo(CHOICES, err=True)
    answer: str = click.prompt("--revoked-since", err=True)
    return answer


def _sentences(row: Row, done: Restored, choice: Choice) -> list[str]:
    lines = []
    if "file" in row:
        made = f", made at {row['made_at']}" if row["made_at"] else ""
        lines.append(f"Restored {row['file']}{made}.")
    refresh, access = count_of(done.refresh_tokens, "refresh token"), count_of(done.access_tokens, "access token")
    if choice.word == KEEP:
        lines.append("No token was revoked: those that were revoked after the backup work again.")
    else:
        lines.append(f"Revoked {refresh} and {access}.")
    lines += done.changes
    lines += [f"Not applied: {each}" for each in done.not_applied]
    lines.append(f"Web sessions that ended: {done.sessions}.")
    if row.get("clock_warning"):
        lines.append(f"The backup is of an earlier time, so that jobs wait. {row['clock_warning']}")
    if row.get("kept"):
        lines.append(f"The database that was in place is kept as {row['kept']}.")
    return lines
