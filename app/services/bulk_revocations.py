"""Revocations of many tokens after their transaction: how far each is, and marking what it has ended already.

The access tokens of a revoked refresh token are refused at once, because each check reads both. That their own rows say
so follows in parts of one transaction each: by a thread of the process that revoked, and after a crash by the job
``mark_revoked``. Not here: the revocation (``revoking_by_filter``).
"""

import atexit
import re
import threading
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.domain.clock import Clock
from app.domain.errors import NotFound, Unavailable
from app.storage import access_tokens, bulk_revocations
from app.storage.database import Database
from app.storage.operating_tables import BulkRevocationRow
from app.storage.refresh_tokens import Revocation

LOG = structlog.get_logger(__name__)

NUMBER = re.compile("[1-9][0-9]{0,17}")
AGAIN_AFTER_SECONDS = 1


@dataclass(frozen=True)
class BulkRevocation:
    """How many tokens of each tier one act revoked.

    `unmarked`: how many of the access tokens, all of which are refused, are not marked as revoked yet.
    """

    id: int
    refresh_tokens: int
    access_tokens: int
    unmarked: int
    revoked_at: datetime
    revoked_by: str
    reason: str
    finished_at: datetime | None

    @property
    def total(self) -> int:
        return self.refresh_tokens + self.access_tokens

    @property
    def marked(self) -> int:
        """Of the total."""
        return self.total - self.unmarked


class BulkRevocations:
    """Shows and finishes them. One per process; thread-safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()  # guards _thread and _has_more
        self._thread: threading.Thread | None = None
        self._has_more = False
        self._closing = threading.Event()

    def find(self, row_id: int) -> BulkRevocation:
        """Refuses with NotFound."""
        with self._database.reading() as session:
            row = bulk_revocations.find(session, row_id)
            if row is None:
                raise NotFound("revocation")
            return as_bulk_revocation(row)

    def unfinished(self) -> list[int]:
        """The ids of those with access tokens to mark, oldest first."""
        with self._database.reading() as session:
            return bulk_revocations.unfinished(session)

    def mark_part(self, row_id: int) -> int | None:
        """Mark the next part; how many access tokens. None where nothing is left.

        Several processes may: each part is marked once.
        """
        with self._database.transaction() as session:
            row = bulk_revocations.hold_unfinished(session, row_id)
            if row is None:
                return None
            # As of the instant of the act: which tokens had expired then does not depend on how long this takes.
            revocation = Revocation(row.revoked_at, row.revoked_by, row.revoke_reason)
            parents = bulk_revocations.take_part(session, row_id)
            marked = len(access_tokens.revoke_under(session, parents, revocation))
            bulk_revocations.note_marked(session, row, marked, self._clock())
            return marked

    def finish(self, row_id: int) -> int:
        """Mark all parts of one; how many access tokens."""
        marked = 0
        while not self._closing.is_set() and (number := self.mark_part(row_id)) is not None:
            marked += number
        return marked

    def finish_all(self) -> int:
        """Mark all parts of all; how many access tokens."""
        return sum(self.finish(each) for each in self.unfinished())

    def finish_in_background(self, revoked: BulkRevocation) -> None:
        """Mark what is left of one in a thread of this process, which ends when nothing is left of any.

        Refuses nothing: where no thread can be had, the job marks it.
        """
        if revoked.finished_at is not None:
            return
        with self._lock:
            self._has_more = True
            if self._thread is None and not self._closing.is_set():
                thread = threading.Thread(target=self._run, name="mark-revoked", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no more threads; the act is acknowledged all the same
                    LOG.error("revoked_not_marked", exc_info=error)
                    return
                atexit.register(self.close)
                self._thread = thread

    def close(self) -> None:
        """Stop the thread after its part; the job goes on with the rest."""
        atexit.unregister(self.close)
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while self._take_turn():
            try:
                self.finish_all()
            except Unavailable:  # logged where it was raised
                self._has_more = True
                self._closing.wait(AGAIN_AFTER_SECONDS)
            except Exception as error:  # the job tries again
                LOG.error("revoked_not_marked", exc_info=error)

    def _take_turn(self) -> bool:
        """Whether there is more to do; else the thread ends, and the next revocation starts another."""
        with self._lock:
            if not self._has_more or self._closing.is_set():
                self._thread = None
                return False
            self._has_more = False
            return True


def parse_number(text: str) -> int:
    """The id of a revocation in a path; refuses with NotFound text that is none. Each has one spelling."""
    if not NUMBER.fullmatch(text):
        raise NotFound("revocation")
    return int(text)


def as_bulk_revocation(row: BulkRevocationRow) -> BulkRevocation:
    return BulkRevocation(
        row.id,
        row.refresh_tokens,
        row.access_tokens,
        row.unmarked,
        row.revoked_at,
        row.revoked_by,
        row.revoke_reason,
        row.finished_at,
    )
