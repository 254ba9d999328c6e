"""PostgreSQL's connections: how long they wait for a server that is busy, and for one that hangs.

Here belongs what needs the driver. It takes 10 MB of each process, so ``database`` imports this only where the
database is PostgreSQL. Not here: transactions (``database``), and queries.
"""

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.abc import PQGen


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server which hangs: such a server ends no wait by itself.

    `patience`: seconds for one statement, None for any time. `gave_up`: called when it was not enough.
    """

    patience: float | None = None
    gave_up: Callable[[], None]

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        started = time.monotonic()
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - started >= self.patience:
                self.close()  # its answer may still come, and would be taken for the next question's
                self.gave_up()
            raise


class Connector:
    """Opens connections for one engine."""

    def __init__(self) -> None:
        self._hung_until = 0.0

    def connect(self, patience: float | None, args: list[Any], options: dict[str, Any]) -> PatientConnection:
        """A connection with this patience; `args` and `options` are the driver's own."""
        # Whoever has waited for a server that hangs must not wait for a second connection to it as well.
        if time.monotonic() < self._hung_until:
            raise psycopg.OperationalError("the server did not answer a moment ago")
        if patience is not None:
            # The server itself ends what takes too long, a little sooner: only one that hangs lets us wait in vain.
            limit = f"-c statement_timeout={int(patience * 900)}"
            options = options | {"options": f"{options.get('options', '')} {limit}"}
        connection = PatientConnection.connect(*args, **options)
        connection.patience = patience
        connection.gave_up = self._note_that_it_hangs
        return connection

    def _note_that_it_hangs(self) -> None:
        self._hung_until = time.monotonic() + 1
