"""SQLite's one lock of all writers, between processes."""

import time
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

LATE_TRIES, LATE_TRY_SECONDS = 20, 0.01
"""At the end of the patience: a thread without a processor has tried seldom, whatever the time."""

LATE_SECONDS = LATE_TRIES * LATE_TRY_SECONDS

_BUSY_TIMEOUT = "daypass_busy_timeout"
"""The busy_timeout of a connection to SQLite in milliseconds, stored in its info."""


def take(connection: Connection, gives_up_at: Callable[[], float]) -> None:
    """Begin a transaction that writes; `gives_up_at`: the monotonic time after which to try a few times more.

    IMMEDIATE takes the lock at once, so that a read followed by a write cannot lose a race. SQLite's own wait backs off
    and starves one mint in a hundred with two workers; frequent polling is nearly fair. Raises OperationalError.
    """
    set_busy_timeout(connection, 0)
    late_tries = 0
    while not _took(connection, is_last=late_tries == LATE_TRIES):
        is_late = time.monotonic() > gives_up_at()
        late_tries += is_late
        time.sleep(LATE_TRY_SECONDS if is_late else 0.001)


def set_busy_timeout(connection: Connection, milliseconds: int) -> None:
    """How long SQLite itself waits for locks."""
    if connection.info.get(_BUSY_TIMEOUT) != milliseconds:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
        connection.info[_BUSY_TIMEOUT] = milliseconds


def _took(connection: Connection, is_last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError:
        if is_last:
            raise
        return False
    return True
