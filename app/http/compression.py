"""Compression with gzip: of pages as they are made, and of what is the same for everybody once.

By its length a compressed page tells what it repeats: who makes a browser open it again and again with guesses in the
address, and sees how long the answers are, reads what else is in it (BREACH). Only another site can do that, so a page
is compressed where the browser says that none asked for it. Answers to forms, which may hold a secret, never are. Nor
are the answers of the APIs: a minted token is in some, and their time is that of checks; a proxy may.
"""

import zlib
from collections.abc import Iterable, Iterator
from functools import cache

from flask import Flask, Response, request

from app.http.context import parts
from app.http.large_answers import is_stream
from app.http.proxies import is_https

LEAST_BYTES = 1024
"""Less fits in one packet anyway."""

QUICK, BEST = 5, 9
"""zlib's levels: of a page, whose client waits, and of what is kept. Beyond 5, a page gains 4 % for twice the time."""

GZIP_BITS = 31
"""zlib's name for the format of gzip; without a name and a time in it, the same bytes are compressed to the same."""

OF_PAGES = ("text/html", "text/csv", "application/jsonl")

FROM_US = ("same-origin", "none")
"""``Sec-Fetch-Site``: a link or form of Daypass's own, and what the user typed or keeps as a bookmark."""


def install_compression(app: Flask) -> None:
    """Add the handler; it must run before that of large answers, so be registered after it."""
    app.after_request(_compress_page)


def from_memory(content: bytes, mimetype: str) -> Response:
    """An answer that is the same for everybody and is kept, in the form that the client accepts."""
    answer = Response(content, mimetype=mimetype)
    answer.headers["Vary"] = "Accept-Encoding"
    if len(content) >= LEAST_BYTES and _is_accepted():
        _set(answer, _kept(content))
    return answer


def _compress_page(answer: Response) -> Response:
    if answer.mimetype not in OF_PAGES or "Content-Encoding" in answer.headers:
        return answer
    is_small = not is_stream(answer) and (answer.content_length or 0) < LEAST_BYTES
    if request.method not in ("GET", "HEAD") or is_small:
        return answer
    answer.vary.update(("Accept-Encoding", "Sec-Fetch-Site"))
    if _is_accepted() and _is_asked_for_by_us():
        if not is_stream(answer):
            _set(answer, compressed(answer.get_data(), QUICK))
        else:
            answer.response = _compressed_pieces(answer.iter_encoded())
            answer.headers["Content-Encoding"] = "gzip"
    return answer


def _compressed_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Of a long export, which is sent as it is read."""
    packing = zlib.compressobj(QUICK, wbits=GZIP_BITS)
    for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()


def _is_accepted() -> bool:
    accepted = request.accept_encodings
    return accepted["gzip"] > 0 and accepted["gzip"] >= accepted["identity"]


def _is_asked_for_by_us() -> bool:
    """Over HTTPS every browser says it. Over HTTP who sees lengths sees the page too."""
    site = request.headers.get("Sec-Fetch-Site")
    return site in FROM_US if site is not None else not is_https(request.environ, parts().proxies)


def _set(answer: Response, content: bytes) -> None:
    answer.set_data(content)
    answer.headers["Content-Encoding"] = "gzip"


@cache
def _kept(content: bytes) -> bytes:
    """Of some files and documents; nothing that a client sends."""
    return compressed(content, BEST)


def compressed(content: bytes, level: int) -> bytes:
    """The content in gzip's format."""
    packing = zlib.compressobj(level, zlib.DEFLATED, GZIP_BITS)
    return packing.compress(content) + packing.flush()
