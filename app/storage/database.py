"""The engine for SQLite and PostgreSQL: ``transaction()`` for writes, ``reading()`` for the rest."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event, literal, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from app.domain.errors import Unavailable
from app.storage import write_lock
from app.storage.connected import APPLICATION_NAME
from app.storage.sqlite_files import open_existing
from app.storage.upserts import upsert

try:  # This wheel (Linux on x86-64 only) has a SQLite without the WAL bug of 3.7.0 to 3.51.2.
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

LOG = structlog.get_logger(__name__)
DRIVER: Any = sqlite  # for connections that no engine opens

PATIENCE_SECONDS = 2
"""How long a request waits for the database before it is answered with 503."""

QUEUE_PATIENCE_SECONDS = 10
"""How long a request waits for others of its process: a queue that moves is no fault of the database."""

QUEUES = 64

SOUND_WAL = (3, 51, 3)
"""The first SQLite whose WAL is safe with several writing processes: https://sqlite.org/wal.html (section 11)."""

OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING: https://sqlite.org/lang_returning.html."""

# Less than a connection's patience: a locked row is no sign of a server that hangs.
POSTGRESQL_OPTIONS = (
    f"-c lock_timeout={PATIENCE_SECONDS * 750} -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
)

DAMAGED = ("file is not a database", "malformed")  # SQLITE_NOTADB, SQLITE_CORRUPT
DAMAGE = "the database's file is damaged, or not a database: restore a backup"

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""The errors of the database, not of the statement."""

AWAY_ON_POSTGRESQL = (
    "42P01",  # undefined_table, during a restore; operational in SQLite
    "25006",  # read_only_sql_transaction: demoted to a replica
    "25P03",  # idle_in_transaction_session_timeout
)
"""The same by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

UNSYNCHRONIZED = {"synchronize_session": False}
"""Execution options of a session: no loaded object needs a refresh after an UPDATE or DELETE."""

_WRITES = "daypass_writes"
"""Execution option of writing transactions: returns the monotonic time until which to wait for SQLite's lock."""


class Base(DeclarativeBase):
    """The base of the tables."""


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """The arguments of ``create_engine`` for this URL, with one connection per thread."""
    # Parameters hold digests and names, which must not reach a log through an exception.
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_timeout": PATIENCE_SECONDS,
        "pool_size": threads,
        "max_overflow": 1,  # for the check's connections while they are opened
    }
    if url.startswith("sqlite"):
        connect = {"timeout": PATIENCE_SECONDS / 2, "check_same_thread": False}
        return options | {"module": sqlite, "connect_args": connect}
    given = make_url(url).query
    arguments = {
        "connect_timeout": PATIENCE_SECONDS,
        "tcp_user_timeout": PATIENCE_SECONDS * 1000,
        "fallback_application_name": APPLICATION_NAME,
        "options": f"{given.get('options', '')} {POSTGRESQL_OPTIONS}".strip(),
    }
    if "target_session_attrs" not in given:
        # After a failover an address may lead to a standby, which does not know the latest revocations.
        arguments["target_session_attrs"] = "read-write"
    return options | {"pool_pre_ping": True, "connect_args": arguments}


class Database:
    """An engine and its transactions.

    `patience`: the maximum seconds of a statement on PostgreSQL; None is unlimited, for migrations.
    `before_writing`: called once, before the first transaction; what it raises refuses that and all further ones.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.patience: float | None = PATIENCE_SECONDS * 0.85
        self.before_writing: Callable[[], None] | None = None
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.no_answer: type[Exception] | tuple[()] = ()
        # SQLite has one writer at a time. Its own waiting is unfair and starves some; queueing here is fair.
        self._writer = threading.Lock()
        self._queues = [threading.Lock() for _ in range(QUEUES)]
        self._waits = threading.local()
        self._wrote_at = 0.0
        self._writing = engine.execution_options(**{_WRITES: lambda: self._waits.until}) if self.is_sqlite else engine
        if self.is_sqlite:
            event.listen(engine, "do_connect", open_existing)
            event.listen(engine, "connect", prepare_sqlite_connection)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            from app.storage import postgresql as driver  # large, and not needed for SQLite

            connect = driver.Connector().connect
            event.listen(engine, "do_connect", lambda _dialect, _record, *args: connect(self.patience, *args))
            event.listen(engine, "checkin", driver.on_checkin)
            event.listen(engine, "checkout", driver.on_checkout)
            self.no_answer = driver.NoAnswer

    @contextmanager
    def transaction(self, subject: str = "") -> Iterator[Session]:
        """A session that is committed at the end, or rolled back on an exception.

        `subject`: what it locks; transactions of this process with the same subject queue here, without a connection.
        Refuses with :class:`Unavailable` when the database is away or stays busy.
        """
        if self.before_writing is not None:
            self.before_writing()
            self.before_writing = None
        deadline = time.monotonic() + PATIENCE_SECONDS
        with refusing_when_away(), self._turn(subject):
            # After a queue that moves, as patient as if there had been none. Where nobody of this process has had the
            # lock for that long, not again.
            wrote_at = min(self._wrote_at, time.monotonic())  # a test may have frozen the time at another moment
            self._waits.until = max(deadline, wrote_at + PATIENCE_SECONDS) - write_lock.LATE_SECONDS
            session = Session(self._writing, expire_on_commit=False, execution_options=UNSYNCHRONIZED)
            with session, session.begin():
                yield session
            self._wrote_at = time.monotonic()

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
    """Turn the errors of a database that is away or busy into Unavailable."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        is_damage = isinstance(cause, sqlite.DatabaseError) and any(words in str(cause) for words in DAMAGED)
        if not (is_damage or isinstance(error, AWAY) or getattr(cause, "sqlstate", None) in AWAY_ON_POSTGRESQL):
            raise
        LOG.error("database_unavailable", error=f"{type(cause).__name__}: {cause}".strip().split("\n")[0])
        raise Unavailable(DAMAGE if is_damage else "the database cannot be reached") from error


def prepare_sqlite_connection(connection: Any, _record: object = None) -> None:
    """The settings of every SQLite connection, those of the check included."""
    connection.isolation_level = None  # the driver must not begin transactions
    cursor = connection.cursor()
    _choose_journal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA mmap_size=0")
    cursor.execute("PRAGMA temp_store=MEMORY")  # else large sorts fail where no folder for temporary files is writable
    cursor.close()


def _choose_journal(cursor: Any) -> None:
    """Retries: when two processes open a new file, the switch to WAL fails without SQLite's busy wait."""
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


def sqlite_warning() -> str | None:
    """What follows from the version of SQLite, in one line; None for one without the bug."""
    if wal_is_sound():
        return None
    return (
        f"SQLite {sqlite.sqlite_version} can damage a write-ahead log that several processes write, so Daypass uses a "
        f"rollback journal: writes are slower, and wait for reads. {'.'.join(map(str, SOUND_WAL))} or newer has no "
        "such limit, nor has PostgreSQL."
    )


def sqlite_problem() -> str | None:
    """Why this SQLite can't be used, in one line; None where it can."""
    if tuple(sqlite.sqlite_version_info) >= OLDEST_SQLITE:
        return None
    oldest = ".".join(map(str, OLDEST_SQLITE))
    return f"SQLite {sqlite.sqlite_version} is too old: use a Python with SQLite {oldest} or newer, or PostgreSQL"


def _begin_sqlite(connection: Connection) -> None:
    gives_up_at = connection.get_execution_options().get(_WRITES)
    if gives_up_at is None:
        write_lock.set_busy_timeout(connection, PATIENCE_SECONDS * 500)
        connection.exec_driver_sql("BEGIN")
        return
    write_lock.take(connection, gives_up_at)
    if not wal_is_sound():  # with a rollback journal, COMMIT waits for readers
        write_lock.set_busy_timeout(connection, PATIENCE_SECONDS * 500)


def insert_unless_present(session: Session, table: type[Base], **values: object) -> bool:
    """Insert a row; False, without effect, where its key exists. Safe against others doing the same."""
    insert = upsert(table, session.get_bind().dialect.name == "sqlite")
    inserted = insert.values(**values).on_conflict_do_nothing().returning(literal(1))
    return session.scalar(inserted) is not None
