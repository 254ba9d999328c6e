"""``daypass user …``: users, their roles and their state."""

import getpass
import sys
from pathlib import Path
from typing import Any

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import Row, as_json, show_one, show_result, show_table
from app.cli.service_accounts import add_account, answering, answering_options, left_behind
from app.domain.identity import ApiTokens, Kind, Role, User
from app.domain.text import count_of

COLUMNS = ("id", "username", "kind", "role", "is_active", "email", "last_login_at", "sign_in_by")

NOT_LOCKED = "Nothing to unlock: {} can sign in from new places."

role_type = click.Choice([role.value for role in Role], case_sensitive=False)
password_file = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the password from a file. Without it: a prompt, or standard input.",
)
temporary = click.option(
    "--temporary", is_flag=True, help="The password expires after 72 hours; the pages require another one first."
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
@click.option("--no-password", is_flag=True, help="For single sign-on: no sign-in by password.")
@click.option("--service", "is_service", is_flag=True, help="A service account: no password, no sign-in.")
@answering_options
@password_file
@temporary
@as_json
def add(
    username: str,
    role: str,
    no_password: bool,
    password_file: Path | None,
    temporary: bool,
    as_json: bool,
    is_service: bool,
    responsible: str | None,
    deputy: str | None,
    **profile: Any,
) -> None:
    """Add a user, or with --service an account of programs."""
    if is_service:
        if no_password or password_file or temporary:
            raise click.UsageError("A service account has no password: leave out the options about passwords.")
        added = add_account(username, Role(role), responsible, deputy, **profile)
        show_result(user_row(added), f"Added {added.username} with the user id {added.id}. {answering(added)}", as_json)
        return
    if responsible or deputy:
        raise click.UsageError("Only a service account has a responsible person: add --service.")
    password = None if no_password else _password(password_file)
    user = services().accounts.add(username, Role(role), password, operator(), is_temporary=temporary, **profile)
    sentence = f"Added {user.username} with the user id {user.id}.{_until_when(user)}"
    show_result(user_row(user), sentence, as_json)


@user.command("list")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only persons, or service accounts.")
@as_json
def list_users(kind: str | None, as_json: bool) -> None:
    """List all users."""
    found = (each for each in services().accounts.every() if kind in (None, each.kind))
    empty = "No users yet." if kind is None else "No matches."
    show_table((user_row(each) for each in found), COLUMNS, as_json, empty)


@user.command("show")
@click.argument("username")
@as_json
def show(username: str, as_json: bool) -> None:
    """Show one user."""
    show_one(user_row(services().accounts.get(username)), as_json)


@user.command("set-password")
@click.argument("username")
@password_file
@temporary
@click.option("--revoke-tokens", is_flag=True, help="Revoke all tokens of the user, too.")
@as_json
def set_password(
    username: str, password_file: Path | None, temporary: bool, revoke_tokens: bool, as_json: bool
) -> None:
    """Set a user's password and end their sessions on the pages.

    Tokens keep working without --revoke-tokens.
    """
    done = services().changing_passwords.set(
        username, _password(password_file), operator(), is_temporary=temporary, revokes_tokens=revoke_tokens
    )
    tokens = f"Revoked {done.revoked}." if done.revoked else "Tokens are not affected."
    sentence = f"Set the password of {done.user.username} and ended their sessions. {tokens}{_until_when(done.user)}"
    show_result(user_row(done.user), sentence, as_json)


@user.command("end-sessions")
@click.argument("username")
@as_json
def end_sessions(username: str, as_json: bool) -> None:
    """Sign a user out everywhere on the pages. Tokens are not affected."""
    ended = services().sessions.end_all(username, operator())
    show_result({"sessions": ended}, f"Ended {count_of(ended, 'session')} of {username.lower()}.", as_json)


@user.command("set-role")
@click.argument("username")
@click.argument("role", type=role_type)
@as_json
def set_role(username: str, role: str, as_json: bool) -> None:
    """Change a user's role, effective on the next request."""
    user = services().accounts.change(username, {"role": Role(role)}, operator())
    show_result(user_row(user), f"Changed the role of {user.username} to {user.role}.", as_json)


@user.command("disable")
@click.argument("username")
@as_json
def disable(username: str, as_json: bool) -> None:
    """Disable a user and their tokens at once; `enable` undoes it."""
    user = services().accounts.change(username, {"is_active": False}, operator())
    done = f"Disabled {user.username}. Their tokens do not work until they are enabled."
    show_result(user_row(user), done + left_behind(user), as_json)


@user.command("enable")
@click.argument("username")
@as_json
def enable(username: str, as_json: bool) -> None:
    """Enable a disabled user; their active tokens work again.

    Also a user of single sign-on who has not signed in for too long (sign_in_valid_days): it counts as a sign-in.
    """
    user = services().accounts.change(username, {"is_active": True}, operator())
    show_result(user_row(user), f"Enabled {user.username}.", as_json)


@user.command("unlock")
@click.argument("username")
@as_json
def unlock(username: str, as_json: bool) -> None:
    """Let a user sign in from new places again after many wrong passwords.

    Without it, the user can sign in only on devices and from networks where they did before, until 24 hours have passed
    since the first of these attempts.
    """
    user = services().accounts.get(username)
    was_locked = services().accounts.throttle.unlock(user.counted_by, operator())
    done = "Unlocked: {} can sign in from new places again." if was_locked else NOT_LOCKED
    show_result(user_row(user), done.format(user.username), as_json)


@user.command("allow-tokens")
@click.argument("username")
@as_json
def allow_tokens(username: str, as_json: bool) -> None:
    """Let a user create refresh tokens and API tokens, whatever the instance settings."""
    _decide(username, ApiTokens.ALLOW, as_json)


@user.command("deny-tokens")
@click.argument("username")
@as_json
def deny_tokens(username: str, as_json: bool) -> None:
    """Stop a user from creating tokens, and stop their API tokens.

    API tokens are those without a refresh token; they work again after `allow-tokens`. Refresh tokens and their access
    tokens work until they are revoked.
    """
    _decide(username, ApiTokens.DENY, as_json)


def _decide(username: str, decision: ApiTokens, is_json: bool) -> None:
    user = services().accounts.change(username, {"api_tokens": decision}, operator())
    show_result(user_row(user), f"Creating tokens, for {user.username}: {user.api_tokens}.", is_json)


def _password(file: Path | None) -> str:
    """Never from an argument, which the process list and the shell's history show."""
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Repeat the password: ") != password:
        raise click.ClickException("The passwords do not match.")
    return password


def _until_when(user: User) -> str:
    """That the password is temporary; empty where it is not."""
    if user.password_expires_at is None:
        return ""
    end = user.password_expires_at.strftime("%Y-%m-%d %H:%M UTC")
    return f" The password is temporary: {user.username} has to choose another one on the pages before {end}."


def user_row(user: User) -> Row:
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
        "sign_in_by": user.sign_in_by,
        "password_expires_at": user.password_expires_at,
        "kind": user.kind.value,
        "responsible": user.responsible,
        "deputy": user.deputy,
        "deleted_at": user.deleted_at,
    }
