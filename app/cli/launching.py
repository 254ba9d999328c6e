"""Starting commands, and turning refusals into one line and exit code 1."""

import getpass
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

import click
from flask import Flask, current_app

from app import logs
from app.domain import errors
from app.domain.errors import Refusal
from app.domain.identity import Caller
from app.http.context import parts
from app.services import Services
from config import SettingsError

APPLICATION = "daypass.application"

COMMAND_PATIENCE_SECONDS = 60
"""The maximum time of a statement of a command or a job."""


@dataclass(frozen=True)
class Launcher:
    """Creates the application for the command line."""

    create_app: Callable[[], Flask]


class RefusingCommand(click.Command):
    """A command that reports refusals in one line, with exit code 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse extra arguments without repeating them, as click would: they may be a password."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            ctx.fail(f"{len(rest)} unexpected argument{'' if len(rest) == 1 else 's'}.")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(message(refusal)) from refusal
        except SettingsError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeError as error:
            raise click.ClickException("The input is not UTF-8 text.") from error


class RefusingGroup(click.Group):
    """A group of such commands."""

    command_class = RefusingCommand
    group_class = type


def application() -> Flask:
    """The application of this command: the current one under ``flask --app wsgi``, else a new one."""
    context = click.get_current_context()
    if APPLICATION not in context.meta:
        context.meta[APPLICATION] = app = _application(context)
        # Standard output is for results; the refusal reports the failure.
        logs.configure("CRITICAL", "ext://sys.stderr")
        app.extensions["daypass_database"].patience = COMMAND_PATIENCE_SECONDS
    return cast(Flask, context.meta[APPLICATION])


def _application(context: click.Context) -> Flask:
    if current_app:
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    launcher = context.find_object(Launcher)
    assert launcher is not None
    with redirect_stdout(sys.stderr):  # for warnings at start
        return launcher.create_app()


def services() -> Services:
    return parts(application()).services


def operator() -> Caller:
    """The caller for the audit log: the system user."""
    return Caller(f"cli:{getpass.getuser()}"[:150])


def message(refusal: Refusal) -> str:
    """The refusal in one line."""
    match refusal:
        case errors.BadRequest(message=message):
            return message
        case errors.NotFound(what=what):
            return f"There is no such {what}."
        case errors.Conflict(what=what) | errors.NotPermitted(what=what) | errors.FeatureOff(what=what):
            return what
        case errors.Unavailable(what=what):
            return f"Not available: {what}{_because(refusal)}."
        case _:
            return refusal.reason.replace("_", " ")


def _because(refusal: Refusal) -> str:
    """The first line of the driver's error."""
    cause = getattr(refusal.__cause__, "orig", None) or refusal.__cause__ or ""
    return f" ({first})" if (first := str(cause).strip().partition("\n")[0]) else ""
