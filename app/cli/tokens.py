"""``daypass token …``: seeing and ending anybody's tokens. By public id; secrets only from standard input."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import Row, as_json, show_one, show_result, show_table
from app.domain.clock import system_clock
from app.domain.errors import NotFound, TokenUnknown
from app.domain.tokens import SEEMS_SHARED, AccessToken, RefreshToken, TokenKind, TokenStatus
from app.services.listing import ListedToken, TokenFilter
from app.services.revoking import Revoked

COLUMNS = ("kind", "public_id", "owner", "name", "status", "created_at", "expires_at", "last_used_at", "seems_shared")

STATUSES = [status.value for status in TokenStatus if status is not TokenStatus.OVERLAPPING]
"""An overlapping token is active to whoever lists it."""

days = click.IntRange(0, 36500)


@click.group("token", cls=RefusingGroup)
def token() -> None:
    """Tokens of both tiers."""


@token.command("list")
@click.option("--user", "username", help="Only this user's.")
@click.option("--kind", type=click.Choice([kind.value for kind in TokenKind]), help="Only this tier.")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--expiring-within", type=days, metavar="DAYS", help="Only those that end within DAYS.")
@click.option("--unused-for", type=days, metavar="DAYS", help="Only those that nobody used for DAYS.")
@as_json
def list_tokens(as_json: bool, kind: str | None, **narrowing: str | int | None) -> None:
    """List tokens, newest first."""
    kinds = [TokenKind(kind)] if kind else list(TokenKind)
    wanted = _filter(**narrowing)  # type: ignore[arg-type]
    show_table(
        (_row(each) for one in kinds for each in services().listing.every_token(one, wanted)),
        COLUMNS,
        as_json,
    )


@token.command("show")
@click.argument("public_id")
@as_json
def show(public_id: str, as_json: bool) -> None:
    """Show one token."""
    row = _row(services().listing.find(public_id))
    show_one(row, as_json)
    if row["seems_shared"]:
        click.echo(SEEMS_SHARED, err=True)


@token.command("revoke")
@click.argument("public_ids", nargs=-1)
@click.option("--user", "username", help="Every token of this user.")
@click.option("--from-stdin", is_flag=True, help="Token secrets from standard input, one a line.")
@click.option("--reason", default="revoked by an administrator", show_default=True)
@as_json
def revoke(public_ids: tuple[str, ...], username: str | None, from_stdin: bool, reason: str, as_json: bool) -> None:
    """Revoke tokens at once and for good: by public id, all of a user, or by the secrets themselves."""
    if [bool(public_ids), bool(username), from_stdin].count(True) != 1:
        raise click.UsageError("Name public ids, or --user, or --from-stdin.")
    if username:
        ended = services().revoking.revoke_user(username, reason, operator())
        row = {"user": username, "refresh_tokens": ended.refresh_tokens, "access_tokens": ended.access_tokens}
        told = f"Revoked {ended.refresh_tokens} refresh tokens and {ended.access_tokens} access tokens of {username}."
        show_result(row, told, as_json)
        return
    rows = list(_revoke_pasted(reason)) if from_stdin else list(_revoke_each(public_ids, reason))
    show_table(rows, ("token", "result", "refresh_tokens", "access_tokens"), as_json)
    if any(row["result"] == "unknown" for row in rows):
        raise click.ClickException("Not all of these are tokens of this instance; the others were revoked.")


def _revoke_each(public_ids: tuple[str, ...], reason: str) -> Iterator[Row]:
    revoking = services().revoking
    for number, public_id in enumerate(public_ids, start=1):
        try:
            yield _outcome(public_id, revoking.revoke(public_id, reason, operator()))
        except NotFound:
            yield _unknown(f"argument {number}")


def _revoke_pasted(reason: str) -> Iterator[Row]:
    revoking = services().revoking
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            public_id, ended = revoking.revoke_secret(line.strip(), reason, operator())
            yield _outcome(public_id, ended)
        except TokenUnknown:
            yield _unknown(f"line {number}")


def _unknown(place: str) -> Row:
    """What was given is not repeated: it may be somebody's secret after all."""
    return {"token": place, "result": "unknown", "refresh_tokens": 0, "access_tokens": 0}


def _outcome(public_id: str, ended: Revoked) -> Row:
    some = ended.refresh_tokens + ended.access_tokens > 0
    return {
        "token": public_id,
        "result": "revoked" if some else "had ended already",
        "refresh_tokens": ended.refresh_tokens,
        "access_tokens": ended.access_tokens,
    }


def _filter(
    username: str | None, status: str | None, expiring_within: int | None, unused_for: int | None
) -> TokenFilter:
    now = system_clock()
    return TokenFilter(
        user_id=services().accounts.get(username).id if username else None,
        status=TokenStatus(status) if status else None,
        expiring_before=None if expiring_within is None else now + timedelta(days=expiring_within),
        unused_since=None if unused_for is None else now - timedelta(days=unused_for),
    )


def _row(listed: ListedToken) -> Row:
    token = listed.token
    return {
        "kind": listed.kind.value,
        "id": token.id,
        "public_id": token.public_id,
        "owner": listed.owner,
        "user_id": token.user_id,
        "name": listed.name,
        "status": token.status.value,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "last_used_ip": token.last_used_ip,
        "last_used_agent": token.last_used_agent if isinstance(token, AccessToken) else None,
        "seems_shared": isinstance(token, RefreshToken) and token.seems_shared,
        "revoked_at": token.revoked_at,
        "revoked_by": token.revoked_by,
        "revoke_reason": token.revoke_reason,
    }
