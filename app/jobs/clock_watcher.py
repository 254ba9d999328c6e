"""Notices that the clock was set, so that jobs go on at once: their next runs are instants of the old time."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from app.domain.clock import Clock

LOG = structlog.get_logger(__name__)

LOOKS_EVERY_SECONDS = 1.0

SMALLEST_JUMP = timedelta(seconds=5)
"""Less is a correction that delays no job noticeably."""


class ClockWatcher:
    """Compares the clock with the monotonic one, in a thread. `jumped`: called after each jump."""

    def __init__(self, clock: Clock, jumped: Callable[[], None]) -> None:
        self._clock = clock
        self._jumped = jumped
        self._stop = threading.Event()
        self._began_at = self._beginning()
        self._thread = threading.Thread(target=self._run, name="clock-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Afterwards `jumped` is not called any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Call `jumped` if the clock was set since the last look. A failure is logged; the next look tries again."""
        try:
            began_at = self._beginning()
            if abs(began_at - self._began_at) >= SMALLEST_JUMP:
                self._jumped()
            self._began_at = began_at
        except Exception:
            LOG.exception("clock_watcher_failed")

    def _beginning(self) -> datetime:
        """When the monotonic clock began, by the other one: constant while nobody sets that."""
        return self._clock() - timedelta(seconds=time.monotonic())

    def _run(self) -> None:
        while not self._stop.wait(LOOKS_EVERY_SECONDS):
            self.look()
