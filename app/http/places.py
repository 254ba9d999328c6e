"""Places for what a client can make slow."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.errors import Unavailable


class Places:
    """At most `at_once` at once. `what`: in the refusal of those beyond."""

    def __init__(self, at_once: int, what: str = "request bodies are being received") -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._what = what

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
        if not self._free.acquire(timeout=patience):
            raise Unavailable(f"too many {self._what} at once")
        return self._free.release
