"""Expiring and purging: writing down what is already true, and forgetting what is old.

Nothing depends on either having run. Both work in batches of one transaction each, so that they never keep
others waiting. Not here: when they run (``app.jobs``).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.identity import Caller
from app.domain.sessions import LONGEST
from app.services.check_counts import REMEMBERED as CHECKS_REMEMBERED
from app.services.idempotency import REMEMBERED as KEYS_REMEMBERED
from app.services.instance_settings import read_policy
from app.services.throttling import REMEMBERED
from app.storage import access_tokens, check_counts, idempotency, refresh_tokens, sessions, throttle
from app.storage.audit import record
from app.storage.database import Database

BATCH = 1000
LONGEST_REST_SECONDS = 0.2

Batch = Callable[[Session, datetime, int], int]


class Expiring:
    """The two sweeps. `batch`: the most rows of one transaction."""

    def __init__(self, database: Database, clock: Clock, batch: int = BATCH) -> None:
        self._database = database
        self._clock = clock
        self._batch = batch

    def expire_due(self) -> int:
        """Mark as expired whatever is past its time; how many rows.

        Leaves no audit rows: nothing changes, a token was expired before it was marked so.
        """
        return sum(self._repeat(batch, timedelta(0)) for batch in (access_tokens.expire_due, refresh_tokens.expire_due))

    def purge(self, caller: Caller) -> int:
        """Delete what ended longer ago than the instance setting ``retention_days``; how many rows.

        So are counters, keys and sessions deleted that are remembered for a time only.
        """
        with self._database.reading() as session:
            retention = read_policy(session).retention
        rows = 0
        # Access tokens first: a refresh token stays while one of its access tokens does.
        for what, batch in (
            ("access_tokens", access_tokens.purge),
            ("retired_secrets", refresh_tokens.purge_retired_secrets),
            ("refresh_tokens", refresh_tokens.purge),
        ):
            rows += self._repeat(batch, retention, (caller, what))
        rows += self._repeat(idempotency.purge, KEYS_REMEMBERED)
        rows += self._repeat(sessions.purge, LONGEST)
        rows += self._repeat(check_counts.purge, CHECKS_REMEMBERED)
        return rows + self._repeat(_purge_throttle, timedelta(0))

    def _repeat(self, batch: Batch, age: timedelta, audited: tuple[Caller, str] | None = None) -> int:
        rows = 0
        while True:
            started = time.monotonic()
            with self._database.transaction() as session:
                now = self._clock()
                done = batch(session, now - age, self._batch)
                if done and audited:
                    caller, what = audited
                    record(session, now, caller, "tokens.purged", ("table", what), rows=done)
            rows += done
            if done < self._batch:
                return rows
            # Half of the time belongs to whoever is being served; nothing depends on being quick here.
            time.sleep(min(time.monotonic() - started, LONGEST_REST_SECONDS))


def _purge_throttle(session: Session, now: datetime, most: int) -> int:
    return throttle.purge(session, now, now - REMEMBERED, most)
