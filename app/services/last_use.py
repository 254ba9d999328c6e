"""Last use: when, from where and by what each access token was used last.

Checks only note it in memory; one background thread per process writes it down, in small batches every few seconds
and when the process ends. A process that is killed loses the last few seconds of it, and nothing else.
Not here: the use of refresh tokens, which is minting (``issuing``).
"""

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import islice

import structlog

from app.domain.errors import Unavailable
from app.domain.identity import Principal
from app.domain.secrets import without_secrets
from app.storage import last_use
from app.storage.database import Database
from app.storage.last_use import Use

LOG = structlog.get_logger(__name__)

SPACING = timedelta(seconds=60)
"""A use that follows the one written down by less is not written: at most one write a token a minute."""

WRITE_EVERY_SECONDS = 5
BATCH = 500
WRITE_AT_ONCE = 1_000
"""So many waiting wake the thread before its time."""

MOST_WAITING = 10_000
"""What comes on top is not noted. It is lost only if the token is not used again."""

LONGEST_AGENT = 255


class LastUse:
    """Notes uses, and writes them down. One for a process. `also`: what else is to be written down each time."""

    def __init__(self, database: Database, *also: Callable[[], None]) -> None:
        self._database = database
        self._also = also
        self._waiting: dict[int, Use] = {}
        self._lock = threading.Lock()  # of what waits
        self._writing = threading.Lock()  # of who writes
        self._wake = threading.Event()
        self._is_open = True
        self._thread: threading.Thread | None = None

    def is_due(self, principal: Principal) -> bool:
        """Whether this use is worth noting; asked at every check, so that noting may take a little longer."""
        before = principal.token_last_used_at
        is_new = before is None or principal.checked_at - before >= SPACING
        return is_new and principal.token_id not in self._waiting

    def note(self, principal: Principal, address: str | None, agent: str | None) -> None:
        """Remember that the token was used; `agent` is the client's ``User-Agent``."""
        use = Use(principal.checked_at, address, _printable(agent))
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return
            self._waiting[principal.token_id] = use
            number = len(self._waiting)
        self.start()
        if number == WRITE_AT_ONCE:
            self._wake.set()

    def flush(self) -> None:
        """Write down what waits. What can't be written now waits on."""
        for write in self._also:
            with suppress(Unavailable):  # logged where it was raised
                write()
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, {}
            items = iter(sorted(taken.items()))
            while batch := dict(islice(items, BATCH)):
                try:
                    with self._database.transaction() as session:
                        last_use.record_uses(session, batch, SPACING)
                except Unavailable:  # logged where it was raised
                    with self._lock:
                        self._waiting = batch | dict(items) | self._waiting
                    return

    def close(self) -> None:
        """Write down what waits, and end the thread."""
        atexit.unregister(self.close)
        self._is_open = False
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def start(self) -> None:
        """At the first check: a process that serves nobody, such as a command, has no such thread."""
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
            except Exception as error:  # a thread that ends would never write again
                LOG.error("last_use_not_written", exc_info=error)


def _printable(agent: str | None) -> str | None:
    """What a client says of itself, safe to keep and to show; some put their token everywhere."""
    if not agent:
        return None
    shown = without_secrets(agent)[:LONGEST_AGENT]  # cleaned before it is cut: a part of a secret is one too
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in shown)
