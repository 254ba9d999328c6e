"""Statements that find rows by public id, compiled once and run on a plain DBAPI connection in autocommit.

No session, no application context, and no open transaction that would hide a revocation.
Not here: the statements (``check``, ``client_check``, ``client_and_token``).
"""

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import ClauseElement, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import Unavailable
from app.storage.database import PATIENCE_SECONDS, Database
from app.storage.shared_reads import SharedReads

LOG = structlog.get_logger(__name__)

CACHE_KIB = 1024
"""SQLite's page cache of each connection: the upper index levels of a million tokens.

Measured among a million tokens: with 2,048 KiB as many checks, with 512 KiB a tenth to a fifth fewer; with one
connection shared by all threads a fifth to a quarter fewer.
"""

SQLITE_CONNECTIONS = 3
"""Of a process, at most: its threads take turns in Python, and each connection keeps a page cache."""

WAITS = 10

# For several public ids, PostgreSQL would make a plan anew each time, which takes longer than to read the rows; and a
# plan that is kept must not read whole tables, because it may have been made when they were small.
_PLANS = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"

Asked = TypeVar("Asked", bound=Hashable)
Row = TypeVar("Row")
Question = TypeVar("Question")
Found = TypeVar("Found")


class PlainLookup(ABC, Generic[Asked, Row]):
    """Finds rows. One per process; thread-safe.

    `names`: of the statement's columns in order. `of_several`: the statement for several at once, because threads ask
    together where a question costs a way to a server. `beside`: another, whose connections it uses too.
    """

    def __init__(
        self,
        database: Database,
        statement: ClauseElement,
        names: Sequence[str],
        of_several: ClauseElement,
        beside: "PlainLookup[Any, Any] | None" = None,
    ) -> None:
        self._sql = str(statement.compile(dialect=database.engine.dialect))
        self._instants = [place for place, name in enumerate(names) if name.endswith("_at")]
        # Plain connections raise the driver's errors, opening one raises SQLAlchemy's.
        self._errors = (database.engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        most = SQLITE_CONNECTIONS if database.is_sqlite else math.inf
        self._cursors: _CursorStack = beside._cursors if beside else _CursorStack(database.engine, most)
        self._read = self._read_sqlite if database.is_sqlite else self._read_postgresql
        self._query = self._query_alone
        if not database.is_sqlite:
            self._sql_of_several = str(of_several.compile(dialect=database.engine.dialect))
            self._query = SharedReads(self._query_alone, self._query_several).find
        self._no_answer = database.no_answer
        # A second connection finds SQLite's file as locked as the first. Those to PostgreSQL have half of the patience.
        self._latest_retry = PATIENCE_SECONDS * (0.5 if database.is_sqlite else 0.9)

    def find(self, asked: Asked) -> Row | None:
        """What there is now; refuses with :class:`Unavailable` when the database is away."""
        started = time.monotonic()
        try:
            return self._query(asked)
        except self._errors as error:
            LOG.warning("check_connection_lost", error=type(error).__name__)
            if not isinstance(error, self._no_answer):
                self._cursors.drop_idle()  # a restart of the server breaks all
            if time.monotonic() - started > self._latest_retry:
                raise Unavailable("the database does not answer") from error
        try:
            return self._query_alone(asked)
        except self._errors as error:
            LOG.error("database_unavailable", error=f"{type(error).__name__}: {error}".strip().split("\n")[0])
            raise Unavailable("the database cannot be reached") from error

    def close(self) -> None:
        """Close the idle connections."""
        self._cursors.drop_idle()

    def _query_alone(self, asked: Asked) -> Row | None:
        return self._with_cursor(self._read, asked)

    def _query_several(self, asked: Sequence[Asked]) -> Mapping[Asked, Row]:
        return self._with_cursor(self._read_several, asked)

    def _with_cursor(self, read: Callable[[Any, Question], Found], question: Question) -> Found:
        cursor = self._cursors.take()
        try:
            found = read(cursor, question)
        except BaseException:
            self._cursors.discard(cursor)  # its state is unknown: never reuse it
            raise
        self._cursors.give_back(cursor)
        return found

    @abstractmethod
    def _read_sqlite(self, cursor: Any, asked: Asked) -> Row | None:
        """Runs ``_sql`` to its end: an unread row would keep a read transaction open."""

    @abstractmethod
    def _read_postgresql(self, cursor: Any, asked: Asked) -> Row | None:
        """As a prepared statement."""

    @abstractmethod
    def _read_several(self, cursor: Any, asked: Sequence[Asked]) -> Mapping[Asked, Row]:
        """Runs ``_sql_of_several``, on PostgreSQL only."""

    def _with_instants(self, row: Sequence[Any]) -> list[Any]:
        """The values of a row of SQLite, whose instants are text without an offset, as UtcDateTime wrote it."""
        values = list(row)
        for place in self._instants:
            if values[place] is not None:
                values[place] = datetime.fromisoformat(values[place] + "+00:00")
        return values


class _CursorStack:
    """Cursors, each on its own connection, `most` at once; last in, first out, so that few are open.

    Not in thread-local storage: the server's threads are not Python's, and the interpreter crashes if it exits while
    such a thread closes a connection (seen with granian 2.8 and SQLite).
    """

    def __init__(self, engine: Engine, most: float) -> None:
        self._engine = engine
        self._most = most
        self._opened = 0
        self._idle: deque[Any] = deque()
        self._change = threading.Condition()
        self._waiting = 0
        self._opening_the_first = threading.Lock()
        self._has_opened = False

    def take(self) -> Any:
        """An idle one, or one on a new connection. Raises Unavailable, and the driver's and SQLAlchemy's errors."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._take_late()

    def _take_late(self) -> Any:
        # Waits are counted: a process that had no processor has waited long, and none of its threads did anything.
        waits = 0
        while waits < WAITS:
            with self._change:
                if self._opened < self._most:
                    self._opened += 1
                    break
                self._waiting += 1  # before looking: who gives one back afterwards tells
                waits += not self._change.wait_for(self._has_one, PATIENCE_SECONDS / 2 / WAITS)
                self._waiting -= 1
            with suppress(IndexError):  # another thread was faster
                return self._idle.pop()
        else:
            raise Unavailable("the database does not answer")
        try:
            return self._open() if self._has_opened else self._open_the_first()
        except BaseException:
            self._one_less()
            raise

    def _has_one(self) -> bool:
        return bool(self._idle) or self._opened < self._most

    def _open_the_first(self) -> Any:
        # SQLAlchemy serialises threads until the engine's first connection is open, without a time limit.
        if not any(self._opening_the_first.acquire(timeout=PATIENCE_SECONDS / 2 / WAITS) for _ in range(WAITS)):
            raise Unavailable("the database does not answer")
        try:
            return self._open()
        finally:
            self._opening_the_first.release()

    def _open(self) -> Any:
        cursor = _plain_connection(self._engine).cursor()
        self._has_opened = True
        return cursor

    def give_back(self, cursor: Any) -> None:
        self._idle.append(cursor)
        if self._waiting:
            with self._change:
                self._change.notify()

    def discard(self, cursor: Any) -> None:
        """Close its connection instead."""
        try:
            cursor.connection.close()
        finally:
            self._one_less()

    def drop_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self.discard(self._idle.pop())

    def _one_less(self) -> None:
        with self._change:
            self._opened -= 1
            self._change.notify()


def _plain_connection(engine: Engine) -> Any:
    """A driver's connection, opened by the engine and detached from its pool."""
    pooled = engine.raw_connection()
    connection: Any = pooled.dbapi_connection
    pooled.detach()
    if engine.dialect.name == "sqlite":
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    else:  # SQLite's are in autocommit already
        connection.autocommit = True
        connection.execute(_PLANS)
        connection.shorten_patience()
    return connection
