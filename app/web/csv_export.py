"""Lists as CSV (RFC 4180), for spreadsheets. Not here: which rows (``app.services``)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from flask import Response

from app.domain.clock import utc_text
from app.web.exporting import file_answer, in_pieces

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How text begins that spreadsheets would run (OWASP, CSV Injection); it gets an apostrophe in front."""


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """A file `name` with these columns of the rows; what a row does not have is empty."""
    cells = ([cell(row.get(column)) for column in columns] for row in rows)
    pieces = chain([_lines([columns])], map(_lines, in_pieces(cells)))
    return file_answer(name, "text/csv; charset=utf-8", pieces)


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
