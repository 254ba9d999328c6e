"""The ``daypass`` command: a module for each group of commands.

Here belongs translating words into one service call and its answer into lines or JSON. Not here: rules, and
secrets as arguments (they would stand in the process list and the shell's history).

Exit codes: 0 done, 1 refused (one line on standard error says why), 2 wrong usage.
"""

from collections.abc import Callable

import click
from flask import Flask

from app.cli import audit, database, jobs, keys, serving, settings, tokens, users
from app.cli.launching import Launcher, RefusingGroup

COMMANDS: tuple[click.Command, ...] = (
    serving.init,
    serving.serve,
    serving.scheduler,
    users.user,
    tokens.token,
    settings.conf,
    jobs.job,
    audit.audit,
    database.db,
    keys.keys,
)


def command_line(create_app: Callable[[], Flask]) -> click.Group:
    """The whole command; it makes the application when a subcommand needs it."""

    @click.group("daypass", cls=RefusingGroup, help="Self-hosted two-tier API tokens.")
    @click.version_option(package_name="daypass")
    @click.pass_context
    def daypass(context: click.Context) -> None:
        context.obj = Launcher(create_app)

    for command in COMMANDS:
        daypass.add_command(command)
    return daypass
