"""Places for what a client can make slow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import Unavailable


class Places:
    """At most `at_once` at once."""

    def __init__(self, at_once: int) -> None:
        self._free = threading.BoundedSemaphore(at_once)

    @contextmanager
    def taken(self, patience: float = 0) -> Iterator[None]:
        """Take a place; refuses with Unavailable when none is given back within `patience` seconds."""
        if not self._free.acquire(timeout=patience):
            raise Unavailable("too many request bodies are being received at once")
        try:
            yield
        finally:
            self._free.release()
