"""``daypass user edit``, ``rename``, ``delete`` and ``reset-second-factor``: what is stored about a person."""

import click

from app.cli.launching import operator, services
from app.cli.output import as_json, show_result
from app.cli.service_accounts import answering, answering_options
from app.cli.users import user_row


@click.command("edit")
@click.argument("username")
@click.option("--email")
@click.option("--first-name")
@click.option("--last-name")
@click.option("--title")
@answering_options
@as_json
def edit(username: str, as_json: bool, **values: str | None) -> None:
    """Change a user's e-mail, names or title, and who answers for a service account; an empty one removes it."""
    given = {name: value for name, value in values.items() if value is not None}
    if not given:
        raise click.UsageError("Give what to change.")
    user = services().accounts.change(username, given, operator())
    about = f" {answering(user)}" if user.is_service else ""
    show_result(user_row(user), f"Changed {user.username}.{about}", as_json)


@click.command("rename")
@click.argument("username")
@click.argument("new")
@as_json
def rename(username: str, new: str, as_json: bool) -> None:
    """Change a user name; id, tokens, sessions and password stay.

    The old name no longer signs in, and nobody else can have it.
    """
    user = services().accounts.change(username, {"username": new}, operator())
    show_result(user_row(user), f"{username.lower()} is called {user.username} now; the user id stays.", as_json)


@click.command("delete")
@click.argument("username")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@as_json
def delete(username: str, yes: bool, as_json: bool) -> None:
    """Delete a user, for good: revoke their tokens, and remove their personal data.

    The user id stays, and the audit log keeps what is in it. To stop somebody for a while, `disable`.
    """
    user = services().accounts.get(username)
    if not yes:
        tokens = services().overview.revocable_of(user.id)
        click.confirm(f"Delete {user.username}, and revoke {tokens}? This can't be undone.", abort=True, err=True)
    deleted = services().deleting_users.delete(user.id, operator())
    done = f"Deleted {user.username}, now called {deleted.user.username}. Revoked {deleted.revoked}."
    show_result(user_row(deleted.user), done, as_json)


@click.command("reset-second-factor")
@click.argument("username")
@as_json
def reset_second_factor(username: str, as_json: bool) -> None:
    """Remove the second factor of a user who has lost it; their sessions end, and their pages tell them.

    The password alone signs them in from then on.
    """
    user = services().enrolling.reset(username, operator())
    done = f"Reset the second factor of {user.username}, who signs in with the password alone now."
    show_result(user_row(user), done, as_json)


COMMANDS = (edit, rename, delete, reset_second_factor)
