"""Files for a browser to save; long ones are read while they are sent. Not here: spreadsheets (``csv_export``)."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

import structlog
from flask import Response

from app.web.rendering import HEADERS

LOG = structlog.get_logger(__name__)

T = TypeVar("T")

PIECE = 500
"""Lines that are sent together."""

AT_ONCE = 2
"""Pieces of a file that is read before it is sent; what fails until then is answered with an error."""

NOT_COMPLETE = "This export is not complete: Daypass could not read on. Export again."
"""The last line of a file whose reading failed: the server would end it as if it was whole."""


def json_lines_answer(name: str, lines: Iterable[str]) -> Response:
    """A file `name`. `lines`: without their ends."""
    pieces = ("".join(f"{line}\n" for line in piece) for piece in in_pieces(lines))
    return file_answer(name, "application/jsonl; charset=utf-8", pieces)


def file_answer(name: str, content_type: str, pieces: Iterator[str]) -> Response:
    """A file `name` of these pieces, each of whole lines."""
    first = list(islice(pieces, AT_ONCE + 1))
    whole = "".join(first) if len(first) <= AT_ONCE else chain(first, _rest(name, pieces))
    answer = Response(whole, content_type=content_type)
    answer.headers.update(HEADERS)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def in_pieces(items: Iterable[T]) -> Iterator[list[T]]:
    """The items, so many at a time as are sent together."""
    rest = iter(items)
    while piece := list(islice(rest, PIECE)):
        yield piece


def _rest(name: str, pieces: Iterator[str]) -> Iterator[str]:
    try:
        yield from pieces
    except Exception as error:
        LOG.error("export_failed", file=name, exc_info=error)
        yield f"{NOT_COMPLETE}\r\n"
