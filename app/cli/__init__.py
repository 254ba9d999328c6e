"""The ``daypass`` command: a module per group; each command calls one service and prints text or JSON.

Not here: rules, and secrets as arguments (the process list and the shell's history would show them).
Exit codes: 0 OK, 1 refused (with one line on standard error), 2 wrong usage.
"""

from collections.abc import Callable

import click
from flask import Flask

from app.cli import (
    audit,
    backups,
    clock,
    database,
    doctor,
    init,
    jobs,
    keys,
    links,
    revoking_by_filter,
    rotations,
    scim,
    service_accounts,
    serving,
    settings,
    tokens,
    user_edits,
    users,
)
from app.cli.launching import Launcher, RefusingGroup

COMMANDS: tuple[click.Command, ...] = (
    init.init,
    serving.serve,
    serving.scheduler,
    users.user,
    tokens.token,
    settings.conf,
    scim.scim,
    jobs.job,
    clock.clock,
    audit.audit,
    backups.backup,
    backups.restore,
    database.db,
    keys.keys,
    doctor.doctor,
)

for _command in (service_accounts.hand_over, *user_edits.COMMANDS, *links.COMMANDS):
    users.user.add_command(_command)
for _command in (*rotations.COMMANDS, *revoking_by_filter.COMMANDS):
    tokens.token.add_command(_command)


def command_line(create_app: Callable[..., Flask]) -> click.Group:
    """The whole command; it creates the application when a subcommand needs it."""

    @click.group("daypass", cls=RefusingGroup, help="Self-hosted two-tier API tokens.")
    @click.version_option(package_name="daypass")
    @click.pass_context
    def daypass(context: click.Context) -> None:
        context.obj = Launcher(create_app)

    for command in COMMANDS:
        daypass.add_command(command)
    return daypass
