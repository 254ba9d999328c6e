"""``daypass user link``, ``unlink`` and ``identities``: who at which provider signs in as a user."""

from collections.abc import Callable, Iterator
from typing import Any

import click

from app.cli.launching import operator, services
from app.cli.output import Row, as_json, show_result, show_table
from app.domain.identities import Links
from app.services.linking import NamedPerson, named_person

COLUMNS = ("issuer", "person", "by", "provider", "last_sign_in_at", "linked_by", "linked_at")


def _person_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option("--issuer", required=True, help="The provider's issuer, as in its settings."),
        click.option("--subject", default="", help="The provider's identifier of the person."),
        click.option("--email", default="", help="The verified e-mail: it links once, at the first sign-in."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("link")
@click.argument("username")
@_person_options
@as_json
def link(username: str, issuer: str, subject: str, email: str, as_json: bool) -> None:
    """Let a person at a provider sign in as a user: give --subject or --email."""
    person = named_person(issuer, subject, email)
    services().linking.link(username, person, operator())
    show_result(_row(username, person), f"Linked {username.lower()} to {_words(person)}.", as_json)


@click.command("unlink")
@click.argument("username")
@_person_options
@as_json
def unlink(username: str, issuer: str, subject: str, email: str, as_json: bool) -> None:
    """No longer let a person at a provider sign in as a user; the sessions that they began end."""
    person = named_person(issuer, subject, email)
    services().linking.unlink(username, person, operator())
    show_result(_row(username, person), f"Unlinked {username.lower()} from {_words(person)}.", as_json)


@click.command("identities")
@click.argument("username")
@as_json
def identities(username: str, as_json: bool) -> None:
    """List who signs in as a user, and who is expected to."""
    empty = f"Nobody at a provider signs in as {username.lower()}."
    show_table(_rows(services().linking.of(username)), COLUMNS, as_json, empty)


def _row(username: str, person: NamedPerson) -> Row:
    return {"username": username.lower(), **person.detail}


def _words(person: NamedPerson) -> str:
    return f"{person.subject or person.email} at {person.issuer}"


def _rows(links: Links) -> Iterator[Row]:
    for each in links.identities:
        about = {"provider": each.provider or None, "last_sign_in_at": each.last_sign_in_at}
        made = {"linked_by": each.linked_by, "linked_at": each.created_at}
        yield NamedPerson(each.issuer, each.subject).detail | about | made
    for expected in links.expected:
        made = {"linked_by": expected.linked_by, "linked_at": expected.created_at}
        yield NamedPerson(expected.issuer, email=expected.email).detail | dict.fromkeys(COLUMNS[3:5]) | made


COMMANDS = (link, unlink, identities)
