"""What the commands about users do for service accounts."""

from collections.abc import Callable, Iterator
from typing import Any

import click

from app.cli.launching import operator, services
from app.cli.output import Row, as_json, show_table
from app.domain.identity import Role, User
from app.domain.text import count_of
from app.domain.tokens import RefreshToken
from app.services.moving import MOST_AT_ONCE
from app.services.service_accounts import People

HELD = ("kind", "name", "public_id", "deputy")
"""Of what a person has to hand over."""


def answering_options(command: Callable[..., None]) -> Callable[..., None]:
    """Who answers for a service account."""
    deputy = "Of a service account: who answers for it beside that person; empty for nobody."
    command = click.option("--deputy", help=deputy)(command)
    return click.option("--responsible", help="Of a service account: the person who answers for it.")(command)


def add_account(username: str, role: Role, responsible: str | None, deputy: str | None, **profile: Any) -> User:
    """Add a service account. Raises a usage error without a responsible person."""
    if not responsible:
        raise click.UsageError("A service account needs --responsible: the person who answers for it.")
    return services().service_accounts.add(username, role, People(responsible, deputy), operator(), **profile)


def answering(user: User) -> str:
    """Who answers for a service account, as a sentence."""
    deputy = f", the deputy is {user.deputy}" if user.deputy else ""
    return f"Responsible is {user.responsible or 'nobody'}{deputy}."


@click.command("hand-over")
@click.argument("username")
@click.option(
    "--service-accounts-to", "accounts_to", help="The person who gets USERNAME's place, as responsible or deputy."
)
@click.option(
    "--to-deputies",
    is_flag=True,
    help="The deputy of each becomes responsible for it; where USERNAME is deputy, nobody is.",
)
@click.option("--tokens-to", help="The user or service account that gets the active tokens.")
@as_json
def hand_over(username: str, accounts_to: str | None, to_deputies: bool, tokens_to: str | None, as_json: bool) -> None:
    """Move what a person answers for, and their tokens, to others; without options, list it.

    Nothing stops working. Do it before `disable`.
    """
    person = services().accounts.get(username)
    if accounts_to or to_deputies:
        _hand_over_accounts(person, accounts_to)
    if tokens_to:
        _hand_over_tokens(person, tokens_to)
    show_table(_belongings(person), HELD, as_json, f"{person.username} has nothing to hand over.")


def left_behind(person: User) -> str:
    """What a disabled person is still responsible for, as a sentence; empty where that is nothing."""
    accounts = _accounts(person)
    if not accounts:
        return ""
    names = ", ".join(each.username for each in accounts)
    return (
        f" Nobody is responsible now for {count_of(len(accounts), 'service account')}: {names}. "
        f"Run `daypass user hand-over {person.username}`."
    )


def _belongings(person: User) -> Iterator[Row]:
    """The service accounts that a person answers for, and the person's active tokens."""
    for account in _answered_for(person):
        yield {"kind": "service account", "name": account.username, "public_id": None, "deputy": account.deputy}
    for token in services().token_lists.active_of(person.id, MOST_AT_ONCE):
        kind, name = (
            ("refresh token", token.name) if isinstance(token, RefreshToken) else ("API token", token.description)
        )
        yield {"kind": kind, "name": name, "public_id": token.public_id, "deputy": None}


def _hand_over_accounts(person: User, successor: str | None) -> None:
    """Give `successor` the person's place, or without one make the deputy of each responsible. All or none."""
    without = [each.username for each in _accounts(person) if not (successor or each.deputy)]
    if without:
        raise click.ClickException(f"There is no deputy of {', '.join(without)}: give --service-accounts-to.")
    accounts = _answered_for(person)
    deputies = {each.id: each.deputy if each.responsible_id == person.id else None for each in accounts}
    names = {account_id: successor or deputy or "" for account_id, deputy in deputies.items()}
    services().service_accounts.hand_over(person.id, names, operator())


def _hand_over_tokens(person: User, owner: str) -> None:
    """Move a person's active tokens to another owner, some at a time."""
    if services().accounts.get(owner).id == person.id:
        raise click.UsageError(f"{person.username} has these tokens: give --tokens-to another owner.")
    while tokens := services().token_lists.active_of(person.id, MOST_AT_ONCE):
        services().moving.move_each([each.public_id for each in tokens], owner, operator(), "handed over")


def _accounts(person: User) -> list[User]:
    """Those that the person is responsible for."""
    return [each.user for each in services().service_accounts.left_by(person.id)]


def _answered_for(person: User) -> list[User]:
    """The same, and those whose deputy the person is."""
    return [each.user for each in services().service_accounts.of(person.id)]


COMMANDS = (hand_over,)
