"""Two processes that write to one SQLite file: each gets its turn."""

import multiprocessing
import time
from multiprocessing.synchronize import Event

from sqlalchemy import text

from app.storage.database import Database
from tests.unit.storage.conftest import connected

TURNS = 20


def test_a_process_that_writes_without_pause_does_not_starve_another(database: Database, database_url: str) -> None:
    """Every turn comes before the patience of a request is over.

    Fails when SQLite does the waiting itself (``BEGIN IMMEDIATE`` under its busy timeout): within twenty turns the
    database was Unavailable.
    """
    processes = multiprocessing.get_context("spawn")  # threads of one process would queue up in it
    has_begun = processes.Event()
    busy = processes.Process(target=_write_without_pause, args=(database_url, has_begun), daemon=True)
    busy.start()
    try:
        assert has_begun.wait(30)
        for _ in range(TURNS):
            _write(database)
            time.sleep(0.005)
        assert busy.is_alive()
    finally:
        busy.kill()
        busy.join()


def _write_without_pause(url: str, has_begun: Event) -> None:
    with connected(url) as database:
        while True:
            _write(database, 0.003)
            has_begun.set()


def _write(database: Database, seconds: float = 0) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM login_throttle"))  # the lock is taken with the first statement
        time.sleep(seconds)
