"""Two processes that write to one SQLite file: each gets its turn."""

import multiprocessing
import time
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import pytest
from sqlalchemy import text

from app.storage import database as storage
from app.storage.database import Database
from tests.databases import connected
from tests.patience import PATIENCE_SECONDS

TURNS = 20
MOST_OF_THE_OTHER = 150
"""How many turns the other process may have during one of ours. Seen: up to 20; where SQLite waits, 350."""


def test_a_process_that_writes_without_pause_does_not_starve_another(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of four turns come soon, counted in turns of the other process: both are slow on a busy machine.

    Fails when SQLite does the waiting itself (``BEGIN IMMEDIATE`` under its busy timeout).
    """
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    waited = []
    processes = multiprocessing.get_context("spawn")  # threads of one process would queue up in it
    has_begun, written = processes.Event(), processes.Value("L")
    busy = processes.Process(target=_write_without_pause, args=(database_url, has_begun, written), daemon=True)
    busy.start()
    try:
        assert has_begun.wait(60)
        for _ in range(TURNS):
            before = written.value
            _write(database)
            waited.append(written.value - before)
            time.sleep(0.005)
        assert busy.is_alive()
        assert sorted(waited)[TURNS * 3 // 4] < MOST_OF_THE_OTHER, waited
    finally:
        busy.kill()
        busy.join()


def _write_without_pause(url: str, has_begun: Event, written: "Synchronized[int]") -> None:
    with connected(url) as database:
        while True:
            _write(database, 0.003)
            written.value += 1
            has_begun.set()


def _write(database: Database, seconds: float = 0) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM login_throttle"))  # the lock is taken with the first statement
        time.sleep(seconds)
