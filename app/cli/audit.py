"""``daypass audit …``: the audit log: lists, exports, and whether it is as it was sealed."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from typing import TextIO

import click

from app.cli.launching import RefusingGroup, services
from app.cli.output import as_json, as_plain, show_result, show_table
from app.domain.audit import Result
from app.domain.audit_export import as_line, parse_line
from app.domain.audit_seals import Entry, Mismatch, StoredEvent
from app.domain.clock import parse_instant
from app.domain.ocsf import as_ocsf
from app.domain.text import count_of
from app.services.audit_trail import Verified

COLUMNS = ("at", "actor", "credential", "action", "result", "object_id", "address", "detail")


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
@click.option(
    "--result", type=click.Choice([each.value for each in Result]), help="What was done, or what was refused."
)
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@click.option("--cursor", help="Continue after the page that returned this cursor.")
@as_json
def list_events(as_json: bool, result: str | None, **filters: str | int | None) -> None:
    """List events, newest first."""
    kind = None if result is None else Result(result)
    page = services().audit_list.events(**filters, result=kind)  # type: ignore[arg-type]
    rows = [vars(event) for event in page.items]
    if not as_json:
        rows = [row | {"detail": json.dumps(row["detail"], sort_keys=True)} for row in rows]
    show_table(rows, COLUMNS, as_json, "No events match.")
    if page.cursor:
        click.echo(f"More events: --cursor {page.cursor}", err=True)


@audit.command("export")
@click.option("--since", callback=_instant, metavar="INSTANT", help="Only from the sealed range on that this is in.")
@click.option("--format", "form", type=click.Choice(["jsonl", "ocsf"]), default="jsonl", show_default=True)
def export(since: datetime | None, form: str) -> None:
    """Print events with all their members, oldest first, each as a line of JSON; as jsonl, also the seals.

    `daypass audit verify --from` and `daypass restore --revoked-since` read jsonl; ocsf is for systems that collect
    security events.
    """
    own = version("daypass")
    try:
        for entry in services().audit.trail.entries(since):
            if form == "jsonl":
                click.echo(as_line(entry))
            elif isinstance(entry, StoredEvent):
                click.echo(json.dumps(as_ocsf(entry.event, own)))
    except Mismatch as mismatch:
        raise click.ClickException(str(mismatch)) from None


@audit.command("verify")
@click.option(
    "--from", "file", type=click.File(encoding="utf-8-sig"), help="This exported log, instead of the present."
)
@click.option("--seal", "seals", multiple=True, metavar="SEAL", help="A seal that must be in it, as it was logged.")
@as_json
def verify(file: TextIO | None, seals: Iterable[str], as_json: bool) -> None:
    """Verify that sealed events are as they were; exit code 1 names the first range that does not match."""
    trail = services().audit.trail
    try:
        done = trail.verify(seals) if file is None else trail.verify_export(_entries(file), seals)
    except Mismatch as mismatch:
        raise click.ClickException(str(mismatch)) from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name if file else ''} is no text in UTF-8.") from None
    show_result(as_plain(vars(done)), lambda: "\n".join(_sentences(done)), as_json)


def _entries(file: TextIO) -> Iterator[Entry]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield parse_line(line)
            except (ValueError, RecursionError):  # the error's text could hold a part of the line
                raise Mismatch(f"Line {number} is not one that `daypass audit export` writes.") from None


def _sentences(done: Verified) -> Iterator[str]:
    yield f"{count_of(done.events, 'event')} in {count_of(done.ranges, 'sealed range')} as they were sealed."
    yield from done.beginnings
    if done.late:
        yield (
            f"Sealed long after the event: first {done.late}. No scheduler ran then, or Daypass was upgraded, or the "
            "seals were removed and made again: compare with the lines audit_sealed of the log (--seal)."
        )
    if done.unsealed:
        yield f"{count_of(done.unsealed, 'event')} after the last seal."
