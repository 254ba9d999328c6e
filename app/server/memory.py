"""Whether this process has taken so much memory that what waits must not become more.

A client that sends a request and leaves has no connection any more, but its request still waits in granian's queue,
which has no end. Not here: the limits of connections (``connections``), and who refuses then (``app.http.turns``).
"""

import os
import time
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 200 * 1024 * 1024
"""More than a worker takes under any load that waits for its answers; ``tests.hostile.edge_load`` measures it."""

LOOK_SECONDS = 0.05

STATM = Path("/proc/self/statm")
"""Sizes in pages, resident memory second (proc(5)); elsewhere than on Linux nothing is known."""


class Memory:
    """Of this process; it looks at most every :data:`LOOK_SECONDS`."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_pages = most_bytes // os.sysconf("SC_PAGE_SIZE")
        self._again_at = 0.0
        self._is_short = False

    def is_short(self) -> bool:
        """Whether it has more than `most_bytes`."""
        now = time.monotonic()
        if now >= self._again_at:
            self._again_at = now + LOOK_SECONDS
            with suppress(OSError):
                self._is_short = int(STATM.read_bytes().split()[1]) > self._most_pages
        return self._is_short
