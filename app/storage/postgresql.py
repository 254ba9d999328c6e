"""Connections to PostgreSQL with time limits, and what all of them together show about a server that hangs.

``database`` imports this for PostgreSQL only: the driver takes 10 MB of each process.
"""

import math
import select
import threading
import time
from typing import Any

import psycopg
import structlog
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

LOG = structlog.get_logger(__name__)

SHARE_OF_AN_ATTEMPT = 0.5
"""Of the patience, where another connection is tried after this one."""

LOOK_SECONDS = 0.05
"""Patience is counted in looks at a connection of that length: a thread that had no processor looked seldom, and the
time that has passed shows nothing about the server."""

VERDICT_SECONDS = 0.8
"""How long no connection of the process must have had an answer, a fresh one included, before the server hangs."""

PROBE_PAUSE_SECONDS = 0.05

_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


class NoAnswer(psycopg.OperationalError):
    """A connection had no answer in time, or none is expected."""


class Answering:
    """Whether the server answers, as all connections of this process see it. Thread-safe.

    One connection without an answer says little about the server. It raises a doubt, which any later answer on any
    connection ends; where there is none, a thread opens a fresh one.
    """

    def __init__(self) -> None:
        self.heard_at = 0.0
        """When a connection last had an answer, in monotonic seconds."""
        self._doubted_at: float | None = None
        self._doubting = threading.Lock()

    @property
    def hangs(self) -> bool:
        doubted_at = self._doubted_at
        if doubted_at is None or self.heard_at >= doubted_at:
            return False
        return time.monotonic() - doubted_at > VERDICT_SECONDS

    def wait_for_verdict(self) -> bool:
        """Whether the server answers; during a doubt, wait for what it shows."""
        while self._is_doubted:
            if self.hangs:
                return False
            time.sleep(0.01)
        return True

    def doubt(self, args: Any, options: dict[str, Any]) -> None:
        """A connection had no answer. `args`, `options`: to connect with."""
        with self._doubting:
            is_probing = self._doubted_at is not None
            if not self._is_doubted:
                self._doubted_at = time.monotonic()
            if not is_probing:
                try:
                    threading.Thread(target=self._probe, args=(args, options), name="probe", daemon=True).start()
                except RuntimeError:  # the system allows no more: nobody would end the doubt
                    self._doubted_at = None

    @property
    def _is_doubted(self) -> bool:
        doubted_at = self._doubted_at
        return doubted_at is not None and self.heard_at < doubted_at

    def _probe(self, args: Any, options: dict[str, Any]) -> None:
        """Connect until the server answers, be it with a refusal, or until another connection has had an answer."""
        while True:
            time.sleep(PROBE_PAUSE_SECONDS)
            with self._doubting:
                if not self._is_doubted:
                    self._doubted_at = None
                    return
            try:
                psycopg.connect(*args, **options).close()
            except psycopg.errors.ConnectionTimeout:
                LOG.warning("database_hangs")
                continue
            except psycopg.Error:  # such as a server that starts: the next connections show more
                pass
            self.heard_at = time.monotonic()


class PatientConnection(psycopg.Connection[Any]):
    """A connection that closes when it has no answer in time, and asks nothing while the server hangs.

    `patience`: the maximum seconds of a statement; None is unlimited. `whole_patience`: the value to restore.
    """

    patience: float | None = None
    whole_patience: float | None = None
    answering: Answering
    connected_with: tuple[Any, dict[str, Any]]

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        answering = self.answering
        if self.patience is not None and answering.hangs and self.pgconn.transaction_status == TransactionStatus.IDLE:
            raise NoAnswer("the server did not answer a moment ago")
        try:  # the driver's own wait costs least, and nearly all need no other
            result = super().wait(gen, interval, LOOK_SECONDS if timeout is None and self.patience else timeout)
        except psycopg.OperationalError:
            if timeout is not None or not self.patience or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            result = self._look_on(gen, math.ceil(self.patience / LOOK_SECONDS) - 1)
        answering.heard_at = time.monotonic()
        return result

    def shorten_patience(self) -> None:
        """For the first question after a pause: if it has no answer, another connection is tried."""
        if self.whole_patience is not None:
            self.patience = self.whole_patience * SHARE_OF_AN_ATTEMPT

    def restore_patience(self) -> None:
        self.patience = self.whole_patience

    def _look_on(self, gen: PQGen[Any], looks: int) -> Any:
        """The result, if it comes within so many looks; else close, and raise NoAnswer."""
        poll = select.poll()
        try:
            state = gen.send(Ready.NONE)
            while looks > 0:
                poll.register(self.pgconn.socket, _EVENTS[state])
                ready: int = Ready.NONE
                for _, event in poll.poll(1000 * LOOK_SECONDS):
                    ready |= Ready.W if event & select.POLLOUT else Ready.NONE
                    ready |= Ready.R if event & ~select.POLLOUT else Ready.NONE
                looks -= not ready
                state = gen.send(ready)
        except StopIteration as end:
            return end.value
        self.close()  # a late result would be read as that of the next statement
        self.answering.doubt(*self.connected_with)
        raise NoAnswer("the server did not answer in time")


class Connector:
    """Opens connections for one engine."""

    def __init__(self) -> None:
        self._answering = Answering()

    def connect(self, patience: float | None, args: list[Any], options: dict[str, Any]) -> PatientConnection:
        """A connection with this patience; `args` and `options` are the driver's."""
        # A request that has waited for a server that hangs must not wait for a second connection.
        if patience is not None and not self._answering.wait_for_verdict():
            raise NoAnswer("the server did not answer a moment ago")
        connected_with = args, options
        if patience is not None:
            # A server that works cancels the statement a little earlier; the client's limit is for one that hangs.
            limit = f"-c statement_timeout={int(patience * 900)}"
            options = options | {"options": f"{options.get('options', '')} {limit}"}
        began = time.monotonic()
        try:
            connection = PatientConnection.connect(*args, **options)
        except psycopg.errors.ConnectionTimeout as error:
            tried_several = "\n" in str(error)  # addresses, each for that long
            if tried_several or time.monotonic() - began < float(options["connect_timeout"]) + LOOK_SECONDS:
                self._answering.doubt(*connected_with)
                raise
            connection = PatientConnection.connect(*args, **options)  # this thread had no processor meanwhile
        self._answering.heard_at = time.monotonic()
        connection.answering, connection.connected_with = self._answering, connected_with
        connection.patience = connection.whole_patience = patience
        return connection


def on_checkin(connection: PatientConnection | None, _record: object) -> None:
    """Of a pool, which asks whether a connection still works when it is next taken out."""
    if connection is not None:  # it was invalidated
        connection.shorten_patience()


def on_checkout(connection: PatientConnection, _record: object, _proxy: object) -> None:
    connection.restore_patience()
