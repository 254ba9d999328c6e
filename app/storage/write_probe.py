"""A write that is rolled back: whether the database can store what requests write.

Not here: how often it is tried (``app.services.health``).
"""

import secrets
import time
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from app.domain.findings import Finding, ok, problem
from app.storage.database import DRIVER, PATIENCE_SECONDS, Database, prepare_sqlite_connection, wal_is_sound
from app.storage.operating_tables import JobLeaseRow
from app.storage.sqlite_files import existing, sqlite_file

PROBED_BYTES = 64 * 1024
"""More than the pages that one request changes."""

LOCK_PATIENCE_SECONDS = 0.3
"""How long to try for the lock. Others have it for milliseconds; if not, the probe comes back later."""

BUSY_ON_POSTGRESQL = ("55P03", "40P01")
"""lock_not_available, deadlock_detected: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

NAME = "writes"


class Busy(Exception):
    """Others hold the lock: no sign of a database that can't be written."""


def write(database: Database) -> Finding:
    """Write a row and take it back. Raises :class:`Busy`."""
    path = sqlite_file(database.engine.url)
    try:
        if path is not None:
            _write_sqlite(existing(path))
        else:
            _write_row(database)
    except DRIVER.Error as error:
        if "locked" in str(error):
            raise Busy from error
        return _refused(str(error))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in BUSY_ON_POSTGRESQL:
            raise Busy from error
        return _refused(str(error.orig))
    return ok(NAME, "a write was tried and taken back")


def _refused(cause: str) -> Finding:
    remedy = "look at its disk, its permissions and its log; checks go on meanwhile"
    return problem(NAME, "the database refuses writes", remedy, cause.strip().partition("\n")[0])


def _write_row(database: Database) -> None:
    name = f"write probe {secrets.token_hex(8)}"  # of its own: no probe waits for another's
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_PATIENCE_SECONDS * 1000:.0f}"))
        connection.execute(insert(JobLeaseRow), {"job": name, "epoch": 0, "tick": 0})
        connection.rollback()


def _write_sqlite(uri: str) -> None:
    """On a connection of its own, with a page cache that is too small for what is written.

    Otherwise SQLite would keep the pages in memory until COMMIT, and a full disk would not be noticed. The pages go
    into the free end of the WAL, where the next transaction overwrites them. With a rollback journal the cache stays
    as it is: there the journal is written before COMMIT anyway, and a small cache would lock readers out.
    """
    connection = DRIVER.connect(uri, uri=True, timeout=PATIENCE_SECONDS / 2)
    try:
        prepare_sqlite_connection(connection)
        if wal_is_sound():
            connection.execute("PRAGMA cache_size=1")
        _begin(connection)
        try:
            row = ("write probe", PROBED_BYTES)
            connection.execute("INSERT INTO job_leases (job, holder, epoch, tick) VALUES (?, zeroblob(?), 0, 0)", row)
        finally:
            if connection.in_transaction:  # SQLite rolls back itself where the disk is full
                connection.execute("ROLLBACK")
    finally:
        connection.close()


def _begin(connection: Any) -> None:
    """Polls for the lock, as other writers do: SQLite's own waiting would come last among them."""
    connection.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except DRIVER.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.002)
