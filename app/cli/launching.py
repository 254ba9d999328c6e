"""How commands reach the application, and how its refusals become exit code 1 and one line.

Here belongs what all command groups share of starting and ending. Not here: how results look (``output``).
"""

import getpass
from collections.abc import Callable
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


@dataclass(frozen=True)
class Launcher:
    """What the command line was given to make the application with."""

    create_app: Callable[[], Flask]


class RefusingCommand(click.Command):
    """A command whose refusals are told in one line, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(told(refusal)) from refusal
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


class RefusingGroup(click.Group):
    """A group whose commands are such."""

    command_class = RefusingCommand
    group_class = type


def application() -> Flask:
    """The application: Flask's own under ``flask --app wsgi``, else a new one that logs to standard error."""
    if current_app:
        return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    launcher = click.get_current_context().find_object(Launcher)
    assert launcher is not None
    app = launcher.create_app()
    logs.configure("WARNING", "ext://sys.stderr")  # standard output is for what was asked
    app.extensions["daypass_database"].patience = None  # nobody's request waits for a command or a job
    return app


def services() -> Services:
    return parts(application()).services


def operator() -> Caller:
    """Who types the command, for the audit log."""
    return Caller(f"cli:{getpass.getuser()}"[:150])


def told(refusal: Refusal) -> str:
    """The refusal in one line."""
    match refusal:
        case errors.BadRequest(message=message):
            return message
        case errors.NotFound(what=what):
            return f"There is no such {what}."
        case errors.Conflict(what=what) | errors.NotPermitted(what=what):
            return what
        case errors.Unavailable(what=what):
            return f"Not available: {what}."
        case _:
            return refusal.reason.replace("_", " ")
