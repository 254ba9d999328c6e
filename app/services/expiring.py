"""Marking expired tokens, and purging old rows, in batches of one transaction each.

No decision depends on either. Not here: when they run (``app.jobs``).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.clock_mark import Agreement
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.domain.sessions import LONGEST
from app.services.check_counts import KEPT_FOR as CHECKS_KEPT_FOR
from app.services.clock_agreement import HELD, ClockAgreement
from app.services.idempotency import KEPT_FOR as KEYS_KEPT_FOR
from app.services.instance_settings import read_policy
from app.services.throttling import KEPT_FOR
from app.storage import (
    access_tokens,
    bulk_revocations,
    check_counts,
    ended_refresh_tokens,
    from_the_future,
    idempotency,
    retired_secrets,
    sessions,
    single_uses,
    throttle,
)
from app.storage.audit import record
from app.storage.database import Database

BATCH = 1000

SINGLE_USES_KEPT_FOR = timedelta(days=1)
"""Longer than anything is accepted that counts once (``single_sign_on``, ``logout_tokens``)."""

LONGEST_REST_SECONDS = 0.2

REST_ON_SQLITE, REST_ON_POSTGRESQL = 1.0, 0.25
"""After each batch, as a part of what it took: on SQLite nobody else can write meanwhile."""

Batch = Callable[[Session, datetime, int], int]


class Expiring:
    """The two sweeps. `batch`: the maximum number of rows of one transaction."""

    def __init__(self, database: Database, clock: Clock, agreement: ClockAgreement, batch: int = BATCH) -> None:
        self._database = database
        self._clock = clock
        self._agreement = agreement
        self._batch = batch
        self._rest = REST_ON_SQLITE if database.is_sqlite else REST_ON_POSTGRESQL

    def expire_due(self) -> int:
        """Mark expired tokens as such; how many rows. No audit rows: the tokens have expired already.

        Refuses with Conflict where this host's clock does not agree (``clock_agreement``).
        """
        marking = (access_tokens.expire_due, ended_refresh_tokens.expire_due)
        return sum(self._repeat(batch, timedelta(0)) for batch in marking)

    def purge(self, caller: Caller) -> int:
        """Delete tokens that ended ``retention_days`` ago, and old counters, keys and sessions; how many rows.

        Refuses as :meth:`expire_due`.
        """
        with self._database.reading() as session:
            retention = read_policy(session).retention
        rows = 0
        # Access tokens first: a refresh token stays while it has access tokens.
        for what, batch in (
            ("access_tokens", access_tokens.purge),
            ("retired_secrets", retired_secrets.purge),
            ("refresh_tokens", ended_refresh_tokens.purge),
        ):
            rows += self._repeat(batch, retention, (caller, what))
        self._bring_back()
        rows += self._repeat(bulk_revocations.purge, retention)
        rows += self._repeat(idempotency.purge, KEYS_KEPT_FOR)
        rows += self._repeat(sessions.purge, LONGEST)
        rows += self._repeat(single_uses.purge, SINGLE_USES_KEPT_FOR)
        rows += self._repeat(check_counts.purge, CHECKS_KEPT_FOR)
        return rows + self._repeat(_purge_throttle, timedelta(0))

    def _repeat(self, batch: Batch, age: timedelta, audited: tuple[Caller, str] | None = None) -> int:
        rows = 0
        while True:
            started = time.monotonic()
            done, held = 0, None
            with self._database.transaction() as session:
                now = self._clock()
                # In the transaction of each batch: a clock can jump at any moment.
                agreement, warning = self._agreement.observe(session, now)
                if agreement is Agreement.AHEAD:
                    held = warning
                else:
                    done = batch(session, now - age, self._batch)
                if done and audited:
                    caller, what = audited
                    record(session, now, caller, "tokens.purged", ("table", what), rows=done)
            if held is not None:
                raise Conflict(f"{HELD}{held}")
            rows += done
            if done < self._batch:
                return rows
            # Leave some of the time to requests; nothing depends on the speed of a sweep.
            time.sleep(min((time.monotonic() - started) * self._rest, LONGEST_REST_SECONDS))

    def _bring_back(self) -> None:
        """End what a clock that was ahead has begun: it would last until that time comes."""
        with self._database.transaction() as session:
            now = self._clock()
            if self._agreement.observe(session, now)[0] is Agreement.AGREES:
                from_the_future.bring_back(session, now)


def _purge_throttle(session: Session, now: datetime, most: int) -> int:
    return throttle.purge(session, now, now - KEPT_FOR, most)
