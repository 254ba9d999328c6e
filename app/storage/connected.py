"""Who else is connected to a database on PostgreSQL. Not here: the processes that use a SQLite file (``file_use``)."""

import time

from sqlalchemy import Engine, text

from app.domain.errors import Conflict

PATIENCE_SECONDS = 2
"""How long to wait for connections that are just being closed."""

APPLICATION_NAME = "daypass"
"""Of the connections, unless the URL or PGAPPNAME names another: libpq's fallback_application_name."""

_OTHERS = text(
    "SELECT count(*), min(coalesce(host(client_addr), 'this host')) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid != pg_backend_pid() "
    "AND application_name = current_setting('application_name') AND application_name != ''"
)


def refuse_while_connected(engine: Engine) -> None:
    """Refuse with Conflict while other processes of Daypass are connected to this database.

    A role without ``pg_read_all_stats`` sees the connections of its own role only.
    """
    engine.dispose()  # those of this process
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with engine.connect() as connection:
            number, address = connection.execute(_OTHERS).one()
        if not number:
            return
        if time.monotonic() > deadline:
            raise Conflict(
                f"Daypass is connected to this database from {address}: stop it everywhere, then run this again."
            )
        time.sleep(0.1)
