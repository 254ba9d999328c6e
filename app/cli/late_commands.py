"""The commands by name, each imported when it is first asked for: a command needs only its own, and a worker none."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import cast

import click

MODULES: Mapping[str, tuple[str, ...]] = {
    "init": ("init",),
    "serve": ("serving",),
    "scheduler": ("serving",),
    "user": ("users", "service_accounts", "user_edits", "links"),
    "token": ("tokens", "rotations", "revoking_by_filter"),
    "conf": ("settings",),
    "scim": ("scim",),
    "job": ("jobs",),
    "clock": ("clock",),
    "audit": ("audit",),
    "backup": ("backups",),
    "restore": ("backups",),
    "db": ("database",),
    "keys": ("keys",),
    "doctor": ("doctor",),
}
"""The module with the command of that name. Further ones have the `COMMANDS` that a group has besides its own."""


@cache
def find_command(name: str) -> click.Command:
    """The command; raises KeyError where there is none of that name."""
    first, *others = (import_module(f"app.cli.{module}") for module in MODULES[name])
    command = cast(click.Command, getattr(first, name))
    for module in others:
        for each in module.COMMANDS:
            cast(click.Group, command).add_command(each)
    return command


class LateCommands(click.Group):
    """A group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return find_command(cmd_name) if cmd_name in MODULES else super().get_command(ctx, cmd_name)
