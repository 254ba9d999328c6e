"""The engine, how it is set up for SQLite and PostgreSQL, and the two ways to use it.

``transaction()`` for whatever writes, ``reading()`` for the rest. Not here: tables and queries, and the
check's own plain connections (``check``).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event, literal, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from app.domain.errors import Unavailable

try:  # The wheel brings a SQLite without the WAL bug of 3.7.0 to 3.51.2; it exists for Linux only.
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

LOG = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2
"""How long a request waits for the database before the caller is told 503."""

QUEUE_PATIENCE_SECONDS = 10
"""How long a request waits for others of its own process that go on: a crowd is no fault of the database."""

QUEUES = 64

SOUND_WAL = (3, 51, 3)
"""The first SQLite whose WAL is safe with several writing processes: https://sqlite.org/wal.html (section 11)."""

# Less than a connection's own patience: a row that somebody else holds is no sign of a server that hangs.
POSTGRESQL_OPTIONS = (
    f"-c lock_timeout={PATIENCE_SECONDS * 750} -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
)

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What says that the database, not the statement, is at fault."""

AWAY_ON_POSTGRESQL = (
    "42P01",  # undefined_table, as it is while a database is being restored; SQLite calls that operational
    "25006",  # read_only_sql_transaction: it was demoted to a replica
    "25P03",  # idle_in_transaction_session_timeout
)
"""The same by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

UNSYNCHRONIZED = {"synchronize_session": False}
"""Execution options of a session: no loaded object shows the rows of an UPDATE or DELETE, so none is refreshed."""

_WRITES = "daypass_writes"
"""Execution option: the transaction writes; gives the monotonic time at which to give up waiting for SQLite's lock."""

_BUSY_TIMEOUT = "daypass_busy_timeout"
"""Milliseconds that a connection to SQLite waits for a lock by itself, kept with the connection."""


class Base(DeclarativeBase):
    """What the tables derive from."""


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """The arguments of ``create_engine`` for this address, and as many connections as there are threads."""
    # Parameters hold digests and names: they must not reach a log through an exception's text.
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_timeout": PATIENCE_SECONDS,
        "pool_size": threads,
        "max_overflow": 1,  # for the check's own connections, while they are being opened
    }
    if url.startswith("sqlite"):
        connect = {"timeout": PATIENCE_SECONDS / 2, "check_same_thread": False}
        return options | {"module": sqlite, "connect_args": connect}
    arguments = {
        "connect_timeout": PATIENCE_SECONDS,
        "tcp_user_timeout": PATIENCE_SECONDS * 1000,
        "options": POSTGRESQL_OPTIONS,
    }
    if "target_session_attrs" not in make_url(url).query:
        # After a failover an address may lead to the server that was the primary, or not yet is: a standby does not
        # know the latest revocations.
        arguments["target_session_attrs"] = "read-write"
    return options | {"pool_pre_ping": True, "connect_args": arguments}


class Database:
    """One engine and its transactions.

    `patience`: seconds that one statement may take on PostgreSQL, None for any time. Requests have little;
    commands and jobs set more, migrations None.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.patience: float | None = PATIENCE_SECONDS * 0.9
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time. Queueing here is fair; its own waiting is not, and starves the unlucky.
        self._writer = threading.Lock()
        self._queues = [threading.Lock() for _ in range(QUEUES)]
        self._waits = threading.local()
        self._writing = engine.execution_options(**{_WRITES: lambda: self._waits.until}) if self.is_sqlite else engine
        if self.is_sqlite:
            if not wal_is_sound():
                LOG.warning("sqlite_wal_unsound", version=sqlite.sqlite_version, consequence="slower rollback journal")
            event.listen(engine, "connect", prepare_sqlite_connection)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            from app.storage.postgresql import Connector  # not needed with SQLite, and large

            connect = Connector().connect
            event.listen(engine, "do_connect", lambda _dialect, _record, *given: connect(self.patience, *given))

    @contextmanager
    def transaction(self, subject: str = "") -> Iterator[Session]:
        """A session whose work is committed at the end, or undone when an exception leaves it.

        `subject`: what others may lock at the same moment; they wait here for each other, without a connection, and
        in the database only for other processes. Refuses with :class:`Unavailable` when it is away or stays busy.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        with refusing_when_away(), self._turn(subject):
            # After a long queue there is still a moment for the lock, but not the whole patience again.
            self._waits.until = max(deadline, time.monotonic() + 0.2)
            session = Session(self._writing, expire_on_commit=False, execution_options=UNSYNCHRONIZED)
            with session, session.begin():
                yield session

    @contextmanager
    def _turn(self, subject: str) -> Iterator[None]:
        if not (self.is_sqlite or subject):
            yield
            return
        queue = self._writer if self.is_sqlite else self._queues[hash(subject) % len(self._queues)]
        if not queue.acquire(timeout=QUEUE_PATIENCE_SECONDS):
            raise Unavailable("the database is busy")
        try:
            yield
        finally:
            queue.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; refuses as above."""
        with refusing_when_away():
            with Session(self.engine) as session:
                yield session


@contextmanager
def refusing_when_away() -> Iterator[None]:
    """Turn the errors of a database that is away or busy into the refusal Unavailable."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(error, AWAY) and getattr(cause, "sqlstate", None) not in AWAY_ON_POSTGRESQL:
            raise
        LOG.error("database_unavailable", error=f"{type(cause).__name__}: {cause}".strip().split("\n")[0])
        raise Unavailable("the database cannot be reached") from error


def prepare_sqlite_connection(connection: Any, _record: object = None) -> None:
    """The settings every SQLite connection of Daypass has, the check's plain ones included."""
    connection.isolation_level = None  # the driver must not open transactions by itself
    cursor = connection.cursor()
    _choose_journal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA mmap_size=0")
    cursor.close()


def _choose_journal(cursor: Any) -> None:
    """Two processes that open a new file at once refuse each other the switch to WAL, without SQLite's own waiting."""
    deadline = time.monotonic() + PATIENCE_SECONDS / 2
    while True:
        try:
            cursor.execute(f"PRAGMA journal_mode={'WAL' if wal_is_sound() else 'DELETE'}")
            return
        except sqlite.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def wal_is_sound() -> bool:
    return tuple(sqlite.sqlite_version_info) >= SOUND_WAL


def _begin_sqlite(connection: Connection) -> None:
    gives_up_at = connection.get_execution_options().get(_WRITES)
    if gives_up_at is None:
        _set_busy_timeout(connection, PATIENCE_SECONDS * 500)
        connection.exec_driver_sql("BEGIN")
        return
    # IMMEDIATE takes the write lock at once: a transaction that reads first and then writes can't lose a race.
    # SQLite's own waiting sleeps longer and longer, while a busy process next door takes the lock again and again:
    # with two workers, one mint in a hundred was starved. Asking often is nearly fair.
    _set_busy_timeout(connection, 0)
    while not _took_write_lock(connection, last=time.monotonic() > gives_up_at()):
        time.sleep(0.001)
    if not wal_is_sound():  # with a rollback journal, COMMIT waits for readers
        _set_busy_timeout(connection, PATIENCE_SECONDS * 500)


def _set_busy_timeout(connection: Connection, milliseconds: int) -> None:
    if connection.info.get(_BUSY_TIMEOUT) != milliseconds:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
        connection.info[_BUSY_TIMEOUT] = milliseconds


def _took_write_lock(connection: Connection, last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError:
        if last:
            raise
        return False
    return True


def insert_unless_present(session: Session, table: type[Base], **values: object) -> bool:
    """Insert a row, or do nothing and answer False when its key is there; safe against others doing the same."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite_dialect.insert(table) if on_sqlite else postgresql.insert(table)
    inserted = insert.values(**values).on_conflict_do_nothing().returning(literal(1))
    return session.scalar(inserted) is not None
