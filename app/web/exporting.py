"""Files of JSON lines that are sent while they are read. Not here: spreadsheets (``csv_export``)."""

from collections.abc import Iterable, Iterator

from flask import Response

from app.http.large_answers import PIECE_BYTES
from app.web.rendering import HEADERS


def json_lines_answer(name: str, lines: Iterable[str]) -> Response:
    """A file `name` for the browser to save. `lines`: without their ends."""
    answer = Response(_pieces(lines), content_type="application/jsonl; charset=utf-8")
    answer.headers.update(HEADERS)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Some lines at a time: each piece costs a write, and what waits for a client is kept."""
    waiting = bytearray()
    for line in lines:
        waiting += f"{line}\n".encode()
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
