"""Lists as CSV (RFC 4180), for spreadsheets. Not here: which rows (``app.services``)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response

from app.domain.clock import utc_text
from app.web.rendering import HEADERS

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that spreadsheets would run (OWASP, CSV Injection); it gets an apostrophe in front."""


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """A file `name` with these columns of the rows; what a row does not have is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers.update(HEADERS)
    return answer


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return utc_text(value, "seconds")
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
