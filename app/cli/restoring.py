"""The steps of ``daypass restore``: the new database is complete before it takes the place of the old one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.cli.database import migrations
from app.cli.database_file import refuse_no_file
from app.cli.launching import application, operator, services
from app.cli.revoked_since import KEEP, OLD, REVOKE_ALL, Choice
from app.domain.errors import Refusal, Unavailable
from app.domain.findings import Level
from app.http.context import parts
from app.services.restoring import Restored
from app.storage import schema
from app.storage.backup import (
    audit_events,
    copy_backup,
    latest_audit_event,
    read_description,
    removed_audit_ranges,
    trusted_time,
)
from app.storage.connected import refuse_while_connected
from app.storage.database import refusing_when_away
from app.storage.database_files import DatabaseError, companion
from app.storage.file_use import sole_use
from app.storage.replacing import discard_staged, is_decided, replace_file, staging_file
from app.storage.sqlite_files import sqlite_file
from app.storage.wal import stale_wal_problem
from config import KEYS_FILE, Settings, SettingsError, load_settings, read_keys
from config.database_url import sqlite_url
from config.files import create_empty, create_folder


def complete_restore(settings: Settings, choice: Choice) -> Restored:
    """Apply the choice to the database that is in place; refuses with Conflict while others use it."""
    _refuse_open_database()
    if settings.sqlalchemy_url.startswith("sqlite"):
        with sole_use(_database_file(settings)):
            pass  # this command itself opens it next
    else:
        engine = application().extensions["daypass_database"].engine
        with refusing_when_away():
            refuse_while_connected(engine)
    return _apply(choice, {})


def restore_file(settings: Settings, file: Path, choice: Choice, now: datetime) -> tuple[Restored, dict[str, Any]]:
    """Put a backup in place of the SQLite database; what was done, and members of the result for programs."""
    path = _database_file(settings)
    _refuse_unsuitable(settings, file, path)
    create_folder(path.parent)
    with sole_use(path):
        discard_staged(path)
        staged = staging_file(path)
        try:
            description = _stage(file, staged, path)
            choice = _with_events_of_old(path, staged, choice)
            trusted = None if not path.exists() or stale_wal_problem(path) else trusted_time(path)
            about = {"file": file.name, "made_at": description.get("made_at")}
            with _application_on(staged) as app:
                _upgrade(app, file)
                _refuse_other_keys(choice)
                if trusted is not None:
                    services().clock_agreement.catch_up(trusted)
                done = _apply(choice, about | {"name": path.name})
                clock_warning = services().clock_agreement.state().warning
            if companion(staged, "-wal").exists():
                raise click.ClickException("another program has opened the new database while it was prepared.")
            kept = put_in_place(path, now)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise click.ClickException(f"Nothing was restored ({reason}); the database is unchanged.") from error
        finally:
            discard_staged(path)
    return done, {
        "file": str(file),
        "made_at": about["made_at"],
        "kept": str(kept) if kept else None,
        "clock_warning": clock_warning,
    }


def put_in_place(path: Path, now: datetime) -> Path | None:
    """Put the staged file in place of `path`; where the old one is kept. Raises OSError where that is unchanged."""
    try:
        return replace_file(path, f".before-restore-{now:%Y%m%dT%H%M%SZ}")
    except OSError as error:
        if staging_file(path).exists() and not is_decided(path):
            raise
        reason = error.strerror or type(error).__name__
        raise click.ClickException(
            f"The new database takes the place of the old one, but that could not be finished ({reason}): "
            "run any command of Daypass, which finishes it."
        ) from error


def _database_file(settings: Settings) -> Path:
    path = sqlite_file(make_url(settings.sqlalchemy_url))
    assert path is not None, "the settings refuse other addresses of SQLite"
    return path


def _refuse_open_database() -> None:
    if current_app:
        raise click.ClickException("This command has opened the database already: run it as `daypass restore`.")


def _refuse_unsuitable(settings: Settings, file: Path, path: Path) -> None:
    _refuse_open_database()
    if not (settings.token_keys or (settings.instance_folder / KEYS_FILE).exists()):
        raise SettingsError(
            f"restore the keys first: {settings.instance_folder / KEYS_FILE} is missing, and without the keys that the "
            "backup was made with, none of its tokens and passwords work"
        )
    read_keys(settings)
    refuse_no_file(path)
    if not file.is_file():
        raise click.ClickException(f"{file} is not a file.")
    if file.resolve() == path:
        raise click.ClickException(f"{file} is the database itself: name the backup.")


def _stage(file: Path, staged: Path, path: Path) -> dict[str, str]:
    """Copy and examine the backup; its description."""
    create_empty(staged, like=path if path.exists() else None)
    copy_backup(file, staged)
    try:
        if problem := stale_wal_problem(staged):
            raise click.ClickException(problem.replace(staged.name, file.name))
        return read_description(staged)
    except DatabaseError as error:
        raise click.ClickException(f"{file} can't be restored ({error}); the database is unchanged.") from error


def _with_events_of_old(path: Path, staged: Path, choice: Choice) -> Choice:
    if choice.word != OLD:
        return choice
    try:
        if not path.exists() or stale_wal_problem(path):
            raise DatabaseError("missing, or mixed with another state")
        events = list(audit_events(path, beyond=latest_audit_event(staged) - 1))
        return replace(choice, events=events, removed=removed_audit_ranges(path))
    except (DatabaseError, ValueError) as error:
        raise click.ClickException(
            f"The audit log of {path} can't be read ({error}): choose {KEEP}, {REVOKE_ALL} or an exported file."
        ) from error


@contextmanager
def _application_on(staged: Path) -> Iterator[Flask]:
    """The application of this command, on the new database, closed at the end."""
    app = application(settings=replace(load_settings(), database_url=sqlite_url(staged)))
    try:
        yield app
    except (SQLAlchemyError, Unavailable) as error:
        reason = error.what if isinstance(error, Unavailable) else type(error).__name__
        raise click.ClickException(f"The backup can't be used ({reason}); the database is unchanged.") from error
    finally:
        parts(app).services.close()
        app.extensions["daypass_database"].engine.dispose()
        app.extensions["daypass_release_file"]()


def _upgrade(app: Flask, file: Path) -> None:
    with app.app_context(), refusing_when_away():
        revision = schema.current_revision(app.extensions["daypass_database"].engine)
        if revision is None:
            raise click.ClickException(f"{file} is no database of Daypass; the database is unchanged.")
        if schema.is_behind(revision):
            migrations(app).upgrade()
        elif revision != schema.newest_revision():
            raise click.ClickException(
                f"{file} has the schema {revision} of a newer release, not {schema.newest_revision()}: "
                "install that release first; the database is unchanged."
            )


def _refuse_other_keys(choice: Choice) -> None:
    """By the fingerprints in the backup, which an old one has not, and the ids of the keys that its tokens need."""
    fingerprints = services().key_fingerprints
    found = fingerprints.finding()
    missing = [] if choice.word == REVOKE_ALL else fingerprints.missing()
    if found.level is Level.PROBLEM or missing:
        cause = found.detail if found.level is Level.PROBLEM else f"this host has no key {', '.join(missing)}"
        raise click.ClickException(
            f"The backup was made with other keys ({cause}): put the keys of that time into {KEYS_FILE} first; "
            "the database is unchanged."
        )
    fingerprints.remember()


def _apply(choice: Choice, about: dict[str, str | None]) -> Restored:
    restoring, caller = services().restoring, operator()
    about = about | {"revoked_since": choice.word}
    if choice.events is not None:
        done = restoring.reapply(choice.events, caller, choice.removed, **about)
    elif choice.word == REVOKE_ALL:
        done = restoring.revoke_all(caller, **about)
    else:
        done = restoring.keep(caller, **about)
    with suppress(Refusal):  # the scheduler does it as well
        services().audit.sealing.seal()
    return done
