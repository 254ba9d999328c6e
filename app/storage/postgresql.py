"""Connections to PostgreSQL with time limits for a server that is busy or hangs.

``database`` imports this for PostgreSQL only: the driver takes 10 MB of each process.
"""

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.abc import PQGen


class PatientConnection(psycopg.Connection[Any]):
    """A connection that closes when the server hangs.

    `patience`: the maximum seconds of a statement; None is unlimited. `gave_up`: called after a timeout.
    """

    patience: float | None = None
    gave_up: Callable[[], None]

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        started = time.monotonic()
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - started >= self.patience:
                self.close()  # a late result would be read as that of the next statement
                self.gave_up()
            raise


class Connector:
    """Opens connections for one engine."""

    def __init__(self) -> None:
        self._hung_until = 0.0

    def connect(self, patience: float | None, args: list[Any], options: dict[str, Any]) -> PatientConnection:
        """A connection with this patience; `args` and `options` are the driver's."""
        # A request that has waited for a server that hangs must not wait for a second connection.
        if time.monotonic() < self._hung_until:
            raise psycopg.OperationalError("the server did not answer a moment ago")
        if patience is not None:
            # A server that works cancels the statement a little earlier; the client's limit is for one that hangs.
            limit = f"-c statement_timeout={int(patience * 900)}"
            options = options | {"options": f"{options.get('options', '')} {limit}"}
        connection = PatientConnection.connect(*args, **options)
        connection.patience = patience
        connection.gave_up = self._note_that_it_hangs
        return connection

    def _note_that_it_hangs(self) -> None:
        self._hung_until = time.monotonic() + 1
