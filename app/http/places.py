"""Places for what a client can make slow: few at once, and an honest queue for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import Unavailable

LOOKS = 5
LOOK_SECONDS = 0.02
"""How often the places must be seen without movement before they are full.

Counted in looks: a thread without a processor waits long, and then those that hold the places had none either.
"""

MOST_LOOKS = 50
"""Also of a queue that moves."""


class Places:
    """At most `at_once` at once."""

    def __init__(self, at_once: int) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._left = 0
        """How many places were given back so far: that a queue moves."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place; wait while others give theirs back. Refuses with Unavailable when nobody does."""
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._left += 1  # approximate under races, which is enough to see a movement
            self._free.release()

    def _wait(self) -> None:
        looks, left = 0, self._left
        for _ in range(MOST_LOOKS):
            if self._free.acquire(timeout=LOOK_SECONDS):
                return
            looks = looks + 1 if left == self._left else 0
            left = self._left
            if looks == LOOKS:
                break
        raise Unavailable("too many request bodies are being received at once")
