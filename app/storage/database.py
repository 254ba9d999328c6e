"""The engine, how it is set up for SQLite and PostgreSQL, and the two ways to use it.

``transaction()`` for whatever writes, ``reading()`` for the rest. Not here: tables and queries, and the
check's own plain connections (``check``).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from flask_sqlalchemy import SQLAlchemy
from psycopg.abc import PQGen
from sqlalchemy import Connection, DateTime, Dialect, Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from app.domain.errors import Unavailable

try:  # The wheel brings a SQLite without the WAL bug of 3.7.0 to 3.51.2; it exists for Linux only.
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

LOG = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2
"""How long a request waits for the database before the caller is told 503."""

SOUND_WAL = (3, 51, 3)
"""The first SQLite whose WAL is safe with several writing processes: https://sqlite.org/wal.html (section 11)."""

POSTGRESQL_OPTIONS = (
    f"-c lock_timeout={PATIENCE_SECONDS * 1000} -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
)

_WRITES = "daypass_writes"


class Base(DeclarativeBase):
    """What the tables derive from."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in, aware datetimes in UTC out, to the microsecond. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime says no instant; use aware UTC")
        value = value.astimezone(UTC)
        # SQLite keeps text without an offset; all of it is UTC, and sorts as it should.
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert isinstance(value, datetime)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


db = SQLAlchemy(metadata=Base.metadata)
"""Flask's handle: it makes the engine and serves the migrations. Services use :class:`Database` instead."""


def engine_options(url: str) -> dict[str, Any]:
    """The arguments of ``create_engine`` for this address."""
    # Parameters hold digests and names: they must not reach a log through an exception's text.
    options: dict[str, Any] = {"hide_parameters": True, "pool_timeout": PATIENCE_SECONDS}
    if url.startswith("sqlite"):
        connect = {"timeout": PATIENCE_SECONDS, "check_same_thread": False}
        return options | {"module": sqlite, "connect_args": connect}
    return options | {"pool_pre_ping": True, "connect_args": postgresql_arguments()}


def postgresql_arguments() -> dict[str, Any]:
    """The arguments of every PostgreSQL connection: nothing waits for ever."""
    return {
        "connect_timeout": PATIENCE_SECONDS,
        "tcp_user_timeout": PATIENCE_SECONDS * 1000,
        "options": POSTGRESQL_OPTIONS,
    }


class PatientConnection(psycopg.Connection[Any]):
    """A PostgreSQL connection that gives up on a server which hangs: such a server ends no wait by itself."""

    patience: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        started = time.monotonic()
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - started >= self.patience:
                self.close()  # its answer may still come, and would be taken for the next question's
            raise


class Database:
    """One engine and its transactions.

    `patience`: seconds that one statement may take on PostgreSQL, None for any time. Requests have little;
    commands and jobs set None.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.patience: float | None = PATIENCE_SECONDS * 0.9
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time. Queueing here is fair; its own waiting is not, and starves the unlucky.
        self._writer = threading.Lock()
        if self.is_sqlite:
            if not wal_is_sound():
                LOG.warning("sqlite_wal_unsound", version=sqlite.sqlite_version, consequence="slower rollback journal")
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            event.listen(engine, "do_connect", self._connect_patiently)

    def _connect_patiently(self, _dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
        connection = PatientConnection.connect(*args, **options)
        connection.patience = self.patience
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or undone when an exception leaves it.

        Refuses with :class:`Unavailable` when the database is away or stays busy.
        """
        with refusing_when_away():
            if not self.is_sqlite:
                with Session(self.engine, expire_on_commit=False) as session, session.begin():
                    yield session
                return
            if not self._writer.acquire(timeout=PATIENCE_SECONDS):
                raise Unavailable("the database is busy")
            try:
                writing = self.engine.execution_options(**{_WRITES: True})
                with Session(writing, expire_on_commit=False) as session, session.begin():
                    yield session
            finally:
                self._writer.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads, on one snapshot where the database offers it; refuses as above."""
        with refusing_when_away():
            with Session(self.engine) as session:
                yield session


@contextmanager
def refusing_when_away() -> Iterator[None]:
    """Turn the errors of a database that is away or busy into the refusal Unavailable."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        LOG.error("database_unavailable", error=f"{type(cause).__name__}: {cause}".strip().split("\n")[0])
        raise Unavailable("the database cannot be reached") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    prepare_sqlite_connection(connection)


def prepare_sqlite_connection(connection: Any) -> None:
    """The settings every SQLite connection of Daypass has, the check's plain ones included."""
    connection.isolation_level = None  # the driver must not open transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA journal_mode={'WAL' if wal_is_sound() else 'DELETE'}")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA mmap_size=0")
    cursor.close()


def wal_is_sound() -> bool:
    return tuple(sqlite.sqlite_version_info) >= SOUND_WAL


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and then writes can't lose a race.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def insert_unless_present(session: Session, table: type[Base], **values: object) -> None:
    """Insert a row, or do nothing when its key is there already; safe against another process doing the same."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite_dialect.insert(table) if on_sqlite else postgresql.insert(table)
    session.execute(insert.values(**values).on_conflict_do_nothing())
