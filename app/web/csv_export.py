"""Lists as CSV (RFC 4180), for spreadsheets. Not here: which rows (``app.services``)."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from flask import Response

from app.domain.clock import utc_text
from app.web.rendering import HEADERS

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that spreadsheets would run (OWASP, CSV Injection); it gets an apostrophe in front."""


PIECE = 500
"""Rows that are sent together."""


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """A file `name` with these columns of the rows; what a row does not have is empty.

    Many rows are sent as they are read.
    """
    pieces = _pieces(columns, rows)
    few = list(islice(pieces, 3))
    answer = Response("".join(few) if len(few) < 3 else chain(few, pieces), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers.update(HEADERS)
    return answer


def _pieces(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rest = iter(rows)
    yield _lines([columns])
    while piece := list(islice(rest, PIECE)):
        yield _lines([cell(row.get(column)) for column in columns] for row in piece)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def cell(value: object) -> str:
    """The value as text that no spreadsheet runs; instants in UTC; None is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return utc_text(value, "seconds")
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
