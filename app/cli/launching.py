"""Starting commands, and turning every failure into one line and exit code 1."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask, current_app

from app import logs
from app.cli.database_file import prepare_file
from app.cli.failures import discard_output, explain, log_traceback
from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Caller
from app.http.context import parts
from app.server.spawning import Spawned
from app.services import Services
from config import Settings
from config.files import user_name

APPLICATION = "daypass.application"

COMMAND_PATIENCE_SECONDS = 60
"""The maximum time of a statement of a command or a job."""


@dataclass(frozen=True)
class Launcher:
    """Creates the application for the command line, by other settings than the environment's where they are given.

    `first_worker`: one that has been started already, for `serve`.
    """

    create_app: Callable[..., Flask]
    first_worker: Spawned | None = None


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn an exception into one line, but for click's own and a reader that has seen enough."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        log_traceback(error)
        discard_output()
        raise click.ClickException(explain(error)) from error


class RefusingCommand(click.Command):
    """A command that reports failures in one line, with exit code 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse extra arguments without repeating them, as click would: they may be a password."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            ctx.fail(f"{len(rest)} unexpected argument{'' if len(rest) == 1 else 's'}.")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        _keep_logs_off_results()
        with _one_line():
            return super().invoke(ctx)


class RefusingGroup(click.Group):
    """A group of such commands."""

    command_class = RefusingCommand
    group_class = type

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line():  # for the arguments of its commands, which are read here
            return super().invoke(ctx)


def application(creates_database: bool = False, settings: Settings | None = None) -> Flask:
    """The application of this command.

    `creates_database`: whether a missing SQLite file is created, not refused. `settings`: other than the environment's.
    """
    app = unchecked_application(settings)
    database = app.extensions["daypass_database"]
    if database.is_sqlite:
        prepare_file(Path(database.engine.url.database), creates_database)
    return app


def unchecked_application(settings: Settings | None = None) -> Flask:
    """The same, whatever is in the place of its SQLite file.

    It is the current one under ``flask --app wsgi``, else a new one.
    """
    context = click.get_current_context()
    if APPLICATION not in context.meta:
        context.meta[APPLICATION] = app = _application(context, settings)
        _keep_logs_off_results()  # again: an application configures them
        database = app.extensions["daypass_database"]
        database.patience = COMMAND_PATIENCE_SECONDS
        database.before_writing = parts(app).services.health.require
    return cast(Flask, context.meta[APPLICATION])


def _keep_logs_off_results() -> None:
    """Standard output is for results; the refusal reports the failure."""
    logs.configure("CRITICAL", "ext://sys.stderr")


def _application(context: click.Context, settings: Settings | None) -> Flask:
    if current_app:
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    launcher = context.find_object(Launcher)
    assert launcher is not None
    with redirect_stdout(sys.stderr):  # for warnings at start
        return launcher.create_app(settings) if settings else launcher.create_app()


def first_worker() -> Spawned | None:
    """The worker that this process started before this command."""
    launcher = click.get_current_context().find_object(Launcher)
    return launcher.first_worker if launcher else None


def services() -> Services:
    return parts(application()).services


def operator() -> Caller:
    """The caller for the audit log: the system user, whatever the environment says."""
    user = user_name(os.getuid())[:146]
    return Caller(f"cli:{user}", credential=Credential(CredentialKind.COMMAND_LINE, user))
