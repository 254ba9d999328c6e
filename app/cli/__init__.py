"""The ``daypass`` command: a module per group; each command calls one service and prints text or JSON.

Not here: rules, and secrets as arguments (the process list and the shell's history would show them).
Exit codes: 0 OK, 1 refused (with one line on standard error), 2 wrong usage.
"""

from collections.abc import Callable

import click
from flask import Flask

from app.cli.late_commands import LateCommands
from app.cli.launching import Launcher, RefusingGroup
from app.server.spawning import Spawned


class Commands(LateCommands, RefusingGroup):
    """All commands; a refusal of one is a line on standard error."""


def command_line(create_app: Callable[..., Flask], first_worker: Spawned | None = None) -> click.Group:
    """The whole command; it creates the application when a subcommand needs it."""

    @click.group("daypass", cls=Commands, help="Self-hosted two-tier API tokens.")
    @click.version_option(package_name="daypass")
    @click.pass_context
    def daypass(context: click.Context) -> None:
        context.obj = Launcher(create_app, first_worker)

    return daypass
