"""``daypass token rotate`` and ``daypass token end-old-secret``; the new secret is written to standard output, once."""

import click

from app.cli.launching import operator, services
from app.cli.output import as_json, show_result
from app.cli.tokens import CREATED
from app.domain.clock import utc_text
from app.services.held_tokens import ByOwner


@click.command("rotate")
@click.argument("public_id")
@as_json
def rotate(public_id: str, as_json: bool) -> None:
    """Give a refresh token a new secret; the old one works for an overlap. The new secret is the output, once."""
    listed = services().listing.find(public_id)
    issued = services().rotating.rotate(ByOwner(public_id, listed.token.user_id), operator())
    about = {"user": listed.owner} | {name: getattr(issued.token, name) for name in (*CREATED, "old_secret_until")}
    show_result(about | {"secret": issued.secret}, issued.secret, as_json)
    if not as_json:
        until = issued.token.old_secret_until
        old = f"works until {utc_text(until, 'seconds')}" if until else "stopped working"
        ends = utc_text(issued.token.expires_at, "seconds")
        click.echo(f"Rotated {public_id} of {listed.owner}: the old secret {old}. Expires {ends}.", err=True)


@click.command("end-old-secret")
@click.argument("public_id")
@as_json
def end_old_secret(public_id: str, as_json: bool) -> None:
    """End the old secret of a rotated refresh token, before its overlap is over."""
    had = services().rotating.secrets(public_id).old_until is not None
    services().rotating.end_old_secret(public_id, operator())
    sentence = f"Ended the old secret of {public_id}." if had else f"No old secret of {public_id} works."
    show_result({"public_id": public_id, "ended": had}, sentence, as_json)


COMMANDS = (rotate, end_old_secret)
