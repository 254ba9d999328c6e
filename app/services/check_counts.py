"""Counts of accepted and refused access tokens by hour, for the pages.

Each process counts in memory and writes every few seconds, with the last uses; one that is killed loses that much.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.clock import Clock
from app.storage import check_counts
from app.storage.database import Database

KEPT_FOR = timedelta(days=14)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class HourOfChecks:
    """The counts of the hour that begins at `hour`."""

    hour: datetime
    accepted: int = 0
    refused: int = 0


class CheckCounts:
    """Counts checks. One per process. `begin`: called at the first check; starts the calls of :meth:`flush`."""

    begin: Callable[[], None]

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counting = threading.Lock()
        self._accepted = self._refused = 0
        self._has_begun = False

    def accept(self) -> None:
        """Count an accepted token."""
        with self._counting:
            self._accepted += 1
        if not self._has_begun:
            self._begin()

    def refuse(self) -> None:
        """Count a refused token."""
        with self._counting:
            self._refused += 1
        if not self._has_begun:
            self._begin()

    def _begin(self) -> None:
        self._has_begun = True
        self.begin()

    def flush(self) -> None:
        """Write the counts since the last flush. Refuses with Unavailable, and keeps them for the next one."""
        with self._counting:
            accepted, refused, self._accepted, self._refused = self._accepted, self._refused, 0, 0
        if not accepted and not refused:
            return
        try:
            with self._database.transaction() as session:
                hour = self._clock().replace(minute=0, second=0, microsecond=0)
                check_counts.add(session, hour, accepted, refused)
        except BaseException:
            with self._counting:
                self._accepted += accepted
                self._refused += refused
            raise

    def latest(self, hours: int) -> list[HourOfChecks]:
        """The last `hours` hours in order, the current one last, including those without checks."""
        present = self._clock().replace(minute=0, second=0, microsecond=0)
        first = present - (hours - 1) * HOUR
        with self._database.reading() as session:
            known = {row.hour: HourOfChecks(row.hour, row.accepted, row.refused)
                     for row in check_counts.since(session, first)}  # fmt: skip
        return [known.get(hour, HourOfChecks(hour)) for hour in (first + each * HOUR for each in range(hours))]
