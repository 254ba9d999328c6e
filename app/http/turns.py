"""Turns of requests: as many are worked on at once as there are threads for work, besides those that wait for clients.

A thread that receives a body, or sends a large answer, waits for its client. The server has more threads than turns, so
such a thread has no turn: slow clients keep no request from being worked on.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from app.http.browsers import is_of_programs, wants_page
from app.http.places import Places
from app.http.slashes import with_one_slash

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TURNS = "daypass.turns"
"""The :class:`Turns` that a request passed, in its environment; absent under other servers."""

BUSY_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    b"<title>Busy \xc2\xb7 Daypass</title><h1>Daypass is busy</h1>"
    b"<p>Too many requests are waiting. Nothing was changed. Wait a moment and reload this page.</p></html>\n"
)
BUSY = b'{"detail":"Too many requests are waiting. Try again shortly.","code":"503000","reason":"unavailable"}\n'


class Turns:
    """A WSGI layer: at most `at_once` requests in `application`, besides at most `waiting` that wait for their clients.

    The server needs a thread for each of both. Answers are sent without a turn: small ones need no thread, and large
    ones have at most half of the places (``large_answers``), so that the others stay for bodies.

    `is_memory_short`: while it says so, a request that would wait for its turn is refused. What waits in the server,
    for clients that may have left long ago, then comes to an end soon. `before_waiting`: called by a thread before it
    waits for its client; what it returns is called afterwards.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        at_once: int,
        waiting: int,
        is_memory_short: Callable[[], bool] = lambda: False,
        before_waiting: Callable[[], Callable[[], None] | None] = lambda: None,
    ) -> None:
        self._application = application
        self._is_memory_short = is_memory_short
        self._before_waiting = before_waiting
        self._clients = Places(waiting, "request bodies are being received")
        self._readers = Places(waiting // 2, "large answers are being sent")
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()
        """Of each that waits, the first one first: what the turn is handed to by releasing it."""
        self._lock = threading.Lock()
        self._reading_on = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ[TURNS] = self
        if not self._free and self._is_memory_short():
            return _refuse(environ, start_response)
        self._take()
        try:
            return self._application(environ, start_response)
        finally:
            self._give()

    def receiving(self) -> "_Receiving":
        """Receive a body without a turn; refuses with Unavailable when too many wait for clients."""
        return _Receiving(self._clients, self._give_to_wait, self._take)

    def wait_for_client(self) -> Callable[[], None]:
        """A place for sending an answer; it is given back by calling what this returns. Refuses in the same way."""
        with ExitStack() as places:
            places.callback(self._readers.take())
            places.callback(self._clients.take())
            return places.pop_all().close

    @contextmanager
    def reading_on(self) -> Iterator[None]:
        """Read the next piece of an answer that is being sent: in a turn again, one answer at a time.

        As many use the database as there are turns, and however many are sent, others wait for one piece at most.
        """
        with self._reading_on:
            self._take()
            try:
                yield
            finally:
                self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _give_to_wait(self) -> Callable[[], None] | None:
        after = self._before_waiting()
        self._give()
        return after


class _Receiving:
    """Within it, a request has a place of those that wait for clients, and no turn.

    No generator, because each introspection enters it: that would take as long again as its locks.
    """

    __slots__ = ("_after", "_give", "_leave", "_places", "_take")

    def __init__(self, places: Places, give: Callable[[], Callable[[], None] | None], take: Callable[[], None]) -> None:
        self._places, self._give, self._take = places, give, take

    def __enter__(self) -> None:
        self._leave = self._places.take()
        self._after = self._give()

    def __exit__(self, *_: object) -> None:
        try:
            self._take()
            if self._after is not None:
                self._after()
        finally:
            self._leave()


def _refuse(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Before any dialect, as a proxy would, because it must cost next to nothing."""
    is_page = not is_of_programs(with_one_slash(environ["PATH_INFO"])) and wants_page(environ)
    body, kind = (BUSY_PAGE, "text/html; charset=utf-8") if is_page else (BUSY, "application/json")
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Retry-After", "1")]
    headers += [("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")] * is_page
    start_response("503 Service Unavailable", [*headers, ("Cache-Control", "no-store")])
    return [body]
