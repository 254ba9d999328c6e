"""``daypass token …``: creating refresh tokens, listing and revoking tokens, by public id.

Secrets are read from standard input only; a new one is written to standard output, once.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import Row, as_json, show_one, show_result, show_table
from app.domain.clock import parse_instant, utc_text
from app.domain.errors import BadRequest, NotFound, TokenMalformed, TokenUnknown
from app.domain.text import normal_text
from app.domain.token_filter import CRITERIA, LONGEST_SPAN, Choice, Criterion, Days, Flag, Instant, Text, TokenFilter
from app.domain.tokens import CREATED_IN_FUTURE, SEEMS_SHARED
from app.services.listing import ListedToken
from app.services.revoking import Revoked

COLUMNS = (
    "kind", "public_id", "owner", "name", "status", "created_at", "expires_at", "last_used_at", "seems_shared",
    "created_in_future",
)  # fmt: skip
MEMBERS = (
    "kind", "id", "public_id", "owner", "user_id", "name", "description", "status", "created_at", "expires_at",
    "last_used_at", "last_used_ip", "last_used_agent", "rotated_at", "old_secret_until", "seems_shared",
    "created_in_future", "created_with", "secret_seen_at", "revoked_at", "revoked_by", "revoke_reason",
)  # fmt: skip
"""Of a token in JSON; null where its tier has none."""

CREATED = ("user_id", "public_id", "name", "created_at", "expires_at")
REVOKED = ("refresh_tokens", "access_tokens", "descendants")
"""How many were revoked, in all and because they were made with a token."""


def _parsing(parse: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """The callback of an option. `parse`: raises ValueError or BadRequest with a message for people."""

    def callback(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        except BadRequest as refusal:
            raise click.BadParameter(refusal.message) from None

    return callback


def _text(value: str, longest: int) -> str | None:
    return normal_text("text", value, longest, "It") or None


def _value(criterion: Criterion) -> dict[str, Any]:
    match criterion.values:
        case Text(longest):
            return {"callback": _parsing(partial(_text, longest=longest))}
        case Choice(words):
            return {"type": click.Choice([each.value for each in words]), "callback": _parsing(type(words[0]))}
        case Instant():
            return {"callback": _parsing(parse_instant), "metavar": "INSTANT"}
        case Days():
            return {"type": click.IntRange(0, LONGEST_SPAN), "metavar": "DAYS"}
        case Flag():
            return {"is_flag": True, "flag_value": True, "default": None}


def criteria_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each criterion of a token filter."""
    for name, criterion in reversed(CRITERIA.items()):
        option = criterion.option or f"--{name.removesuffix('_days').replace('_', '-')}"
        command = click.option(option, name, help=criterion.help, **_value(criterion))(command)
    return command


@click.group("token", cls=RefusingGroup)
def token() -> None:
    """Tokens of both tiers."""


@token.command("create")
@click.option("--user", "username", required=True, help="Its owner: a user or a service account.")
@click.option("--name", required=True, help="What uses it, such as nightly-etl.")
@click.option("--description", help="What it is for, at most 255 characters.")
@click.option("--days", type=int, help="How long it works; at most, and by default, refresh_token_lifespan.")
@as_json
def create(username: str, name: str, description: str | None, days: int | None, as_json: bool) -> None:
    """Create a refresh token. Its secret is the output, once; about it is on standard error."""
    owner = services().accounts.get(username)
    if not owner.is_active:
        raise click.ClickException(f"The user is disabled: run `daypass user enable {owner.username}` first.")
    issued = services().issuing.issue(owner.id, name, operator(), lifetime_days=days, description=description)
    about = {"user": owner.username} | {name: getattr(issued.token, name) for name in CREATED}
    show_result(about | {"secret": issued.secret}, issued.secret, as_json)
    if not as_json:
        until = utc_text(issued.token.expires_at, "seconds")
        click.echo(
            f"Created {issued.token.public_id} for {owner.username}, user id {owner.id}. Expires {until}.", err=True
        )


@token.command("list")
@criteria_options
@as_json
def list_tokens(as_json: bool, **criteria: Any) -> None:
    """List tokens: refresh tokens first, each tier newest first."""
    if criteria["owner"]:  # a misspelt name is a mistake, not an empty list
        services().accounts.get(criteria["owner"])
    rows = (_row(each) for each in services().listing.every_token(TokenFilter(**criteria)))
    show_table(rows, COLUMNS, as_json, "No tokens match.")


@token.command("show")
@click.argument("public_id")
@as_json
def show(public_id: str, as_json: bool) -> None:
    """Show one token."""
    row = _row(services().listing.find(public_id))
    show_one(row, as_json)
    if row["seems_shared"]:
        click.echo(SEEMS_SHARED, err=True)
    if row["created_in_future"] and not as_json:
        click.echo(CREATED_IN_FUTURE, err=True)


@token.command("rename")
@click.argument("public_id")
@click.argument("name")
@as_json
def rename(public_id: str, name: str, as_json: bool) -> None:
    """Give a refresh token another name. Its secret stays."""
    listed = services().renaming.change(public_id, {"name": name}, operator())
    show_result(_row(listed), f"Renamed {public_id} to {listed.name}.", as_json)


@token.command("describe")
@click.argument("public_id")
@click.argument("description")
@as_json
def describe(public_id: str, description: str, as_json: bool) -> None:
    """Describe a token in at most 255 characters; "" for no description."""
    listed = services().renaming.change(public_id, {"description": description}, operator())
    show_result(_row(listed), f"Described {public_id}.", as_json)


@token.command("move")
@click.argument("public_ids", nargs=-1, required=True)
@click.option("--to", "username", required=True, help="The new owner: a user or a service account.")
@click.option("--reason", default="", help="For the audit log.")
@as_json
def move(public_ids: tuple[str, ...], username: str, reason: str, as_json: bool) -> None:
    """Move tokens to another owner without a new secret, all or none.

    A refresh token moves with all its access tokens. From the next check on they have the new owner's rights and user
    id.
    """
    moved = services().moving.move_each(public_ids, username, operator(), reason)
    show_table(map(_row, moved), ("kind", "public_id", "owner", "user_id", "name", "status"), as_json)


@token.command("revoke")
@click.argument("public_ids", nargs=-1)
@click.option("--user", "username", help="All tokens of this user.")
@click.option("--from-stdin", is_flag=True, help="Token secrets from standard input, one a line.")
@click.option("--reason", default="revoked by an administrator", show_default=True)
@click.option(
    "--with-descendants/--without-descendants",
    default=True,
    show_default=True,
    help="Also what was created with them, with that, and so on.",
)
@as_json
def revoke(
    public_ids: tuple[str, ...],
    username: str | None,
    from_stdin: bool,
    reason: str,
    with_descendants: bool,
    as_json: bool,
) -> None:
    """Revoke tokens: by public id, all of a user, or by their secrets."""
    if [bool(public_ids), bool(username), from_stdin].count(True) != 1:
        raise click.UsageError("Give public ids, --user or --from-stdin.")
    if username:
        ended = services().revoking.revoke_user(username, reason, operator())
        numbers = {name: number for name, number in vars(ended).items() if name != "descendants"}
        show_result({"user": username} | numbers, f"Revoked {ended} of {username}.", as_json)
        return
    revoking = _revoke_pasted if from_stdin else partial(_revoke_each, public_ids)
    rows = list(revoking(reason, with_descendants))
    show_table(rows, ("token", "result", *REVOKED), as_json)
    if any(row["result"] == "unknown" for row in rows):
        raise click.ClickException("Some of these are not tokens of this instance. The others were revoked.")


def _revoke_each(public_ids: tuple[str, ...], reason: str, with_descendants: bool) -> Iterator[Row]:
    revoking = services().revoking
    for number, public_id in enumerate(public_ids, start=1):
        try:
            ended = revoking.revoke(public_id, reason, operator(), with_descendants=with_descendants)
            yield _outcome(public_id, ended)
        except NotFound:
            yield _unknown(f"argument {number}")


def _revoke_pasted(reason: str, with_descendants: bool) -> Iterator[Row]:
    revoking = services().revoking
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            public_id, ended = revoking.revoke_secret(
                line.strip(), reason, operator(), with_descendants=with_descendants
            )
            yield _outcome(public_id, ended)
        except (TokenMalformed, TokenUnknown):
            yield _unknown(f"line {number}")


def _unknown(place: str) -> Row:
    """Without the text itself, which may be a secret."""
    return {"token": place, "result": "unknown"} | dict.fromkeys(REVOKED, 0)


def _outcome(public_id: str, ended: Revoked) -> Row:
    result = "had ended already" if ended == Revoked(0, 0) else "revoked"
    return {"token": public_id, "result": result} | vars(ended)


def _row(listed: ListedToken) -> Row:
    members = {"seems_shared": False} | vars(listed.token) | vars(listed)
    return {name: members.get(name) for name in MEMBERS}
