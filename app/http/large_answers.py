"""Large answers are sent a piece at a time, in a place for what waits for clients.

The server keeps a small answer until its client has taken it; with thousands of connections that must not be megabytes
each. While a client does not take a large one, a thread waits, as for a slow body; it has no turn then, and no
transaction of a list that is read while it is sent.
"""

from collections.abc import Iterator

from flask import Flask, Response, request

from app.domain.errors import Unavailable
from app.http.turns import TURNS, Turns

LARGE_BYTES = 32 * 1024
"""From here on an answer is large."""

PIECE_BYTES = 16 * 1024
"""The server keeps four of them for each connection, and the rest is here."""


def install_large_answers(app: Flask) -> None:
    """Add the handler; it must run before those that add headers, so be registered after them."""

    def place(response: Response) -> Response:
        turns: Turns | None = request.environ.get(TURNS)
        if turns is None or (not is_stream(response) and (response.content_length or 0) < LARGE_BYTES):
            return response
        try:
            leave = turns.wait_for_client()
        except Unavailable as refusal:
            return app.make_response(app.handle_user_exception(refusal))
        response.call_on_close(leave)
        if not is_stream(response):
            response.response = _pieces(response.get_data())
        else:
            response.response = _read_on(turns, response.iter_encoded())
        return response

    app.after_request(place)


def is_stream(answer: Response) -> bool:
    """Whether it is read while it is sent. Not every other one is a sequence: an answer that was raised is none."""
    return not answer.is_sequence and answer.content_length is None


def _pieces(whole: bytes) -> Iterator[bytes]:
    for at in range(0, len(whole), PIECE_BYTES):
        yield whole[at : at + PIECE_BYTES]


def _read_on(turns: Turns, rest: Iterator[bytes]) -> Iterator[bytes]:
    """What is read while it is sent."""
    while True:
        with turns.reading_on():
            piece = next(rest, None)
        if piece is None:
            return
        yield from _pieces(piece)
