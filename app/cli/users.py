"""``daypass user …``: accounts, their roles and their state."""

import getpass
import sys
from pathlib import Path
from typing import Any

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import Row, as_json, say, show_one, show_table
from app.domain.identity import ApiTokens, Role, User

COLUMNS = ("id", "username", "role", "is_active", "email", "last_login_at")

role_type = click.Choice([role.value for role in Role], case_sensitive=False)
password_file = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the password from a file. Without it: a prompt, or standard input.",
)


@click.group("user", cls=RefusingGroup)
def user() -> None:
    """Users and service accounts."""


@user.command("add")
@click.argument("username")
@click.option("--role", type=role_type, default=Role.VIEWER.value, show_default=True)
@click.option("--email", default="")
@click.option("--first-name", default="")
@click.option("--last-name", default="")
@click.option("--title", default="")
@click.option("--no-password", is_flag=True, help="For single sign-on: the password API is closed to them.")
@password_file
@as_json
def add(username: str, role: str, no_password: bool, password_file: Path | None, as_json: bool, **profile: Any) -> None:
    """Add a user."""
    password = None if no_password else _password(password_file)
    made = services().accounts.add(username, Role(role), password, operator(), **profile)
    say(_row(made), f"Added {made.username} with the user id {made.id}.", as_json)


@user.command("list")
@as_json
def list_users(as_json: bool) -> None:
    """List all users."""
    show_table((_row(each) for each in services().accounts.every()), COLUMNS, as_json)


@user.command("show")
@click.argument("username")
@as_json
def show(username: str, as_json: bool) -> None:
    """Show one user."""
    show_one(_row(services().accounts.get(username)), as_json)


@user.command("set-password")
@click.argument("username")
@password_file
@as_json
def set_password(username: str, password_file: Path | None, as_json: bool) -> None:
    """Set a user's password. Tokens are not touched."""
    made = services().accounts.set_password(username, _password(password_file), operator())
    say(_row(made), f"Set the password of {made.username}; their tokens are as before.", as_json)


@user.command("set-role")
@click.argument("username")
@click.argument("role", type=role_type)
@as_json
def set_role(username: str, role: str, as_json: bool) -> None:
    """Give a user another role, effective on the next request."""
    made = services().accounts.change(username, {"role": Role(role)}, operator())
    say(_row(made), f"{made.username} is {made.role} now.", as_json)


@user.command("disable")
@click.argument("username")
@as_json
def disable(username: str, as_json: bool) -> None:
    """Stop everything of a user at once; `enable` undoes it."""
    made = services().accounts.change(username, {"is_active": False}, operator())
    say(_row(made), f"Disabled {made.username}: none of their tokens works until they are enabled.", as_json)


@user.command("enable")
@click.argument("username")
@as_json
def enable(username: str, as_json: bool) -> None:
    """Let a disabled user, and those of their tokens that still live, work again."""
    made = services().accounts.change(username, {"is_active": True}, operator())
    say(_row(made), f"Enabled {made.username}.", as_json)


@user.command("allow-tokens")
@click.argument("username")
@as_json
def allow_tokens(username: str, as_json: bool) -> None:
    """Let a user make refresh tokens and API tokens whatever the instance's settings say."""
    _decide(username, ApiTokens.ALLOW, as_json)


@user.command("deny-tokens")
@click.argument("username")
@as_json
def deny_tokens(username: str, as_json: bool) -> None:
    """Keep a user from making tokens, and stop their API tokens.

    API tokens are those without a refresh token; they work again after `allow-tokens`. Refresh tokens, and the access
    tokens minted from them, go on working until they are revoked.
    """
    _decide(username, ApiTokens.DENY, as_json)


def _decide(username: str, decision: ApiTokens, json_wanted: bool) -> None:
    made = services().accounts.change(username, {"api_tokens": decision}, operator())
    say(_row(made), f"Creating tokens, for {made.username}: {made.api_tokens}.", json_wanted)


def _password(file: Path | None) -> str:
    """Never from an argument: those stand in the process list and the shell's history."""
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise click.ClickException("The two are not the same.")
    return password


def _row(user: User) -> Row:
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "title": user.title,
        "role": user.role.value,
        "is_active": user.is_active,
        "api_tokens": user.api_tokens.value,
        "created_at": user.created_at,
        "last_login_at": user.last_login_at,
    }
