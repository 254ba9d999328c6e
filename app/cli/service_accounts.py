"""What the commands about users do for service accounts."""

from collections.abc import Callable
from typing import Any

import click

from app.cli.launching import operator, services
from app.domain.identity import Role, User
from app.services.service_accounts import People


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
