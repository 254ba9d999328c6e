"""``daypass audit …``: the audit log."""

import json
from datetime import datetime

import click

from app.cli.launching import RefusingGroup, services
from app.cli.output import as_json, as_plain, show_table
from app.domain.clock import parse_instant

COLUMNS = ("at", "actor", "credential", "action", "object_id", "address", "detail")


@click.group("audit", cls=RefusingGroup)
def audit() -> None:
    """The audit log."""


def _instant(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@audit.command("list")
@click.option("--actor", help="Changes by this user, cli:NAME or job:NAME.")
@click.option("--action", help="This action, such as refresh_token.revoked.")
@click.option("--object", "object_id", help="Changes to this public id, user or setting.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@click.option("--cursor", help="Continue after the page that returned this cursor.")
@as_json
def list_events(as_json: bool, **filters: str | int | None) -> None:
    """List events, newest first."""
    page = services().listing.audit_events(**filters)  # type: ignore[arg-type]
    rows = [vars(event) for event in page.items]
    if not as_json:
        rows = [row | {"detail": json.dumps(row["detail"], sort_keys=True)} for row in rows]
    show_table(rows, COLUMNS, as_json, "No events match.")
    if page.cursor:
        click.echo(f"More events: --cursor {page.cursor}", err=True)


@audit.command("export")
@click.option("--since", callback=_instant, metavar="INSTANT", help="Only events from then on.")
def export(since: datetime | None) -> None:
    """Print events with all their members, oldest first, each as a line of JSON.

    `daypass restore --revoked-since` reads what this prints.
    """
    for event in services().listing.every_audit_event(since):
        click.echo(json.dumps(as_plain(vars(event))))
