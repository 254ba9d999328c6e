"""Places for what a client can make slow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue

from app.domain.errors import Unavailable


class Places:
    """At most `at_once` at once. `what`: in the refusal of those beyond."""

    def __init__(self, at_once: int, what: str = "request bodies are being received") -> None:
        # A queue in C: each introspection takes a place, and a semaphore of Python's costs thirty times as much.
        self._free: SimpleQueue[None] = SimpleQueue()
        self._leave = partial(self._free.put, None)
        self._what = what
        for _ in range(at_once):
            self._leave()

    @contextmanager
    def taken(self, patience: float = 0) -> Iterator[None]:
        """Take a place; refuses with Unavailable when none is given back within `patience` seconds."""
        leave = self.take(patience)
        try:
            yield
        finally:
            leave()

    def take(self, patience: float = 0) -> Callable[[], None]:
        """The same; the place is given back by calling what this returns, once."""
        try:
            self._free.get(patience > 0, patience)
        except Empty:
            raise Unavailable(f"too many {self._what} at once") from None
        return self._leave
