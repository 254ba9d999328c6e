"""The last use of each access token: time, client address and user agent.

Checks record it in memory; one thread per process writes it every few seconds and at exit. A process that is killed
loses the last few seconds. Not here: the use of refresh tokens (``minting``).
"""

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import islice

import structlog

from app.domain.clock_mark import Agreement
from app.domain.errors import Unavailable
from app.domain.identity import Principal
from app.domain.text import agent_to_keep
from app.storage import clock_marks, last_use
from app.storage.database import Database
from app.storage.last_use import Use

LOG = structlog.get_logger(__name__)

SPACING = timedelta(seconds=60)
"""A use less than this after the stored one is not written: at most one write per token and minute."""

WRITE_EVERY_SECONDS = 5
BATCH = 500
WRITE_AT_ONCE = 1_000
"""So many waiting uses are written at once."""

MOST_WAITING = 10_000
"""Further uses are dropped."""


class LastUse:
    """Records and writes uses. One per process. `also`: other writers to call at each flush."""

    def __init__(self, database: Database, *also: Callable[[], None]) -> None:
        self._database = database
        self._also = also
        self._waiting: dict[int, Use] = {}
        self._lock = threading.Lock()  # guards _waiting
        self._writing = threading.Lock()  # one flush at a time
        self._wake = threading.Event()
        self._is_open = True
        self._thread: threading.Thread | None = None

    def is_due(self, principal: Principal) -> bool:
        """Whether to record this use. Called at each check, so that :meth:`note` may be slower."""
        before = principal.token_last_used_at
        is_new = before is None or abs(principal.checked_at - before) >= SPACING
        return is_new and principal.token_id not in self._waiting

    def note(self, principal: Principal, address: str | None, agent: str | None) -> None:
        """Record a use of the token. `agent`: the client's ``User-Agent``."""
        use = Use(principal.checked_at, address, agent_to_keep(agent))
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return
            self._waiting[principal.token_id] = use
            number = len(self._waiting)
        self.start()
        if number == WRITE_AT_ONCE:
            self._wake.set()

    def flush(self) -> None:
        """Write the waiting uses; those that cannot be written keep waiting.

        At the end, an earlier flush is not still writing either.
        """
        with self._writing:
            for write in self._also:
                with suppress(Unavailable):  # logged where it was raised
                    write()
            with self._lock:
                taken, self._waiting = self._waiting, {}
            items = iter(sorted(taken.items()))
            while batch := dict(islice(items, BATCH)):
                try:
                    with self._database.transaction() as session:
                        mark = clock_marks.find(session)
                        latest = max(use.at for use in batch.values())
                        is_certain = mark is not None and mark.agreement(latest) is Agreement.AGREES
                        last_use.record_uses(session, batch, SPACING, is_certain=is_certain)
                except Unavailable:  # logged where it was raised
                    with self._lock:
                        self._waiting = batch | dict(items) | self._waiting
                    return

    def close(self) -> None:
        """Write the waiting uses, and stop the thread."""
        atexit.unregister(self.close)
        self._is_open = False
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def start(self) -> None:
        """Start the thread, at the first check: commands do not need it."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and self._is_open:
                atexit.register(self.close)
                self._thread = threading.Thread(target=self._run, name="last-use", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._is_open:
            self._wake.wait(WRITE_EVERY_SECONDS)
            self._wake.clear()
            try:
                self.flush()
            except Exception as error:  # the thread must go on
                LOG.error("last_use_not_written", exc_info=error)
