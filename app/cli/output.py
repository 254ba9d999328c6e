"""Printing results: a table for people, JSON for programs."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from app.domain.clock import utc_text
from app.domain.text import is_allowed

Row = Mapping[str, Any]

as_json = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")


def show_table(rows: Iterable[Row], columns: tuple[str, ...], is_json: bool, empty: str = "No matches.") -> None:
    """Rows under headings, or `empty` without rows; with JSON, a list of objects with all members."""
    listed = list(rows)
    if is_json:
        click.echo(json.dumps([as_plain(row) for row in listed], indent=2))
        return
    if not listed:
        click.echo(empty)
        return
    cells = [[_text(row[column]) for column in columns] for row in listed]
    headings = [column.replace("_", " ").upper() for column in columns]
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    for line in (headings, *cells):
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def show_one(row: Row, is_json: bool) -> None:
    """One object, a member per line; with JSON, one object."""
    if is_json:
        click.echo(json.dumps(as_plain(row), indent=2))
        return
    width = max(map(len, row))
    for name, value in row.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {_text(value)}".rstrip())


def show_result(row: Row, sentence: Callable[[], str] | str, is_json: bool) -> None:
    """The result of a change: a sentence; with JSON, the object."""
    if is_json:
        click.echo(json.dumps(as_plain(row), indent=2))
    else:
        click.echo(sentence if isinstance(sentence, str) else sentence())


def as_plain(row: Row) -> dict[str, Any]:
    """The members as JSON has them."""
    return {name: utc_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    # A name must not control the terminal.
    return "".join(character if is_allowed(character) else "?" for character in str(value))


def _width(text: str) -> int:
    """The columns that a terminal takes for it, as Unicode's annex 11 has them: none for marks, two for wide ones."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
