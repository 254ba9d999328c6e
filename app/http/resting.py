"""Threads that rest: of those that have answered, as few go on as the requests need.

Python runs one thread at a time. Each further one that takes requests waits for its lock, which a thread that has it
gives up at each look into the database: with sixteen at work, one check in a hundred takes 20 to 40 ms, with two 4 ms
(docs/performance.md). The server has many threads all the same, for requests that take long.
Not here: how many requests are worked on at once (``turns``).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RESTING = "daypass.resting"
"""The :class:`Resting` of the worker, in the environment of a request; absent where threads do not rest."""

REST_SECONDS = 0.5
"""After which a thread goes on that nobody has woken. A short request takes less than a millisecond."""

WATCH_SECONDS = 0.02
"""The same for one of those that rest: where a short request takes long after all, others are answered meanwhile."""


class Resting:
    """Lets a thread that has answered rest while another is at a short request, and so is free in a moment.

    Every request is short until it says otherwise, and while it receives its body it is neither short nor long: mostly
    the body is there already. So there is always a thread that goes on: the last one at a short request has no other to
    leave the rest to, one that becomes long wakes another, and so does the last one if it has to receive a body. One of
    those that rest watches: it goes on soon, so that a request that only looked short keeps no other waiting.
    """

    def __init__(self, rest_seconds: float = REST_SECONDS, watch_seconds: float = WATCH_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._watch_seconds = watch_seconds
        # Single operations on all three are atomic, so no thread waits for another here.
        self._at_short: dict[int, object] = {}
        self._resting: deque[threading.Lock] = deque()
        self._watch: deque[None] = deque([None])
        """Holds one entry while nobody watches: the thread that takes it does."""

    def around(self, answer: Callable[[Any, dict[str, Any]], Any]) -> Callable[[Any, dict[str, Any]], Any]:
        """The server's function that answers a request, with a rest at its end: the client has its answer by then."""

        def answer_and_rest(protocol: Any, environ: dict[str, Any]) -> Any:
            me = threading.get_ident()
            self._at_short[me] = None
            environ[RESTING] = self
            try:
                status = answer(protocol, environ)
            finally:
                self._at_short.pop(me, None)
            if self._at_short:
                self._rest()
            return status

        return answer_and_rest

    def begin_long(self) -> None:
        """From now on, this thread's request takes as long as it takes: another thread goes on in its place."""
        self._at_short.pop(threading.get_ident(), None)
        self._wake()

    def begin_body(self) -> Callable[[], None] | None:
        """This thread's request receives its body, however long that takes: another goes on, if need be by waking it.

        To be called at the end of the body is what this returns; None of a request that is long anyway.
        """
        if self._at_short.pop(threading.get_ident(), self) is self:
            return None
        if not self._at_short:
            self._wake()
        return self._end_body

    def _end_body(self) -> None:
        self._at_short[threading.get_ident()] = None

    def _wake(self) -> None:
        with suppress(IndexError):
            self._resting.pop().release()

    def _rest(self) -> None:
        try:
            self._watch.pop()
        except IndexError:
            self._rest_for(self._rest_seconds)
        else:
            self._rest_for(self._watch_seconds)
            self._watch.append(None)

    def _rest_for(self, seconds: float) -> None:
        awake = threading.Lock()
        awake.acquire()
        self._resting.append(awake)
        # Looked at again: one that became long before this one was there has woken nobody.
        if not self._at_short or not awake.acquire(timeout=seconds):
            with suppress(ValueError):  # woken just now
                self._resting.remove(awake)


class LongRequests:
    """A WSGI layer in front of all that is not answered in a moment."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        resting: Resting | None = environ.get(RESTING)
        if resting is not None:
            resting.begin_long()
        return self._application(environ, start_response)
