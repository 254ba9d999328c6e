"""How many access tokens were accepted and refused, by the hour, for the overview of the pages.

Each process counts in memory and adds what is new now and then, together with the last uses. A process that is
killed loses the last few seconds. Not here: deciding (``verifying``).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.clock import Clock
from app.storage import check_counts
from app.storage.database import Database

REMEMBERED = timedelta(days=14)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class HourOfChecks:
    """The checks of the hour that begins at `hour`."""

    hour: datetime
    accepted: int = 0
    refused: int = 0


class CheckCounts:
    """Counts checks. One for a process. `begin`: called at the first; from then on somebody calls :meth:`flush`."""

    begin: Callable[[], None]

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counting = threading.Lock()
        self._accepted = self._refused = 0
        self._has_begun = False

    def accept(self) -> None:
        """A token was accepted."""
        with self._counting:
            self._accepted += 1
        if not self._has_begun:
            self._begin()

    def refuse(self) -> None:
        """A token was refused."""
        with self._counting:
            self._refused += 1
        if not self._has_begun:
            self._begin()

    def _begin(self) -> None:
        self._has_begun = True
        self.begin()

    def flush(self) -> None:
        """Add what was counted since the last time. Refuses with Unavailable; then it is added the next time."""
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
        """The last so many hours in order, the present one last; those without a check too."""
        present = self._clock().replace(minute=0, second=0, microsecond=0)
        first = present - (hours - 1) * HOUR
        with self._database.reading() as session:
            known = {row.hour: HourOfChecks(row.hour, row.accepted, row.refused)
                     for row in check_counts.since(session, first)}  # fmt: skip
        return [known.get(hour, HourOfChecks(hour)) for hour in (first + each * HOUR for each in range(hours))]
