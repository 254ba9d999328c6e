"""Exports of long lists: files that are sent while they are read. Not here: cells of CSV (``csv_export``)."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from flask import Response

from app.http.large_answers import PIECE_BYTES
from app.web.csv_export import cell
from app.web.rendering import HEADERS

CSV, JSON_LINES = "text/csv; charset=utf-8", "application/jsonl; charset=utf-8"


def sent_as_file(name: str, kind: str, lines: Iterable[str]) -> Response:
    """A file for the browser to save. `lines`: read while they are sent."""
    answer = Response(_pieces(lines), content_type=kind)
    answer.headers.update(HEADERS)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Some lines at a time: each piece costs a write, and what waits for a client is kept."""
    waiting = bytearray()
    for line in lines:
        waiting += line.encode()
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180)."""
    yield _line(columns)
    for each in rows:
        yield _line([cell(value) for value in each])


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(cells)
    return file.getvalue()
