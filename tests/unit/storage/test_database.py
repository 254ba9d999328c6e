"""Transactions and connections: what every query relies on, and what a database that is away looks like."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.domain.errors import NotFound, Unavailable
from app.storage import database as storage
from app.storage import write_lock
from app.storage.check import TokenLookup
from app.storage.database import PATIENCE_SECONDS, SOUND_WAL, Database, insert_unless_present, sqlite, wal_is_sound
from app.storage.plain_lookup import _plain_connection
from app.storage.postgresql import SHARE_OF_AN_ATTEMPT, VERDICT_SECONDS
from app.storage.schema import startup_problem
from app.storage.tables import InstanceSettingRow
from tests.crowds import all_at_once
from tests.databases import connected
from tests.unit.storage.conftest import IMPATIENT_SECONDS
from tests.unit.storage.planting import NOW, ON_POSTGRESQL, ON_SQLITE

pytestmark = pytest.mark.both_databases


def setting(key: str, value: str = "0", at: datetime = NOW) -> InstanceSettingRow:
    """The plainest of all rows."""
    return InstanceSettingRow(key=key, value=value, changed_at=at, changed_by="anna")


def stored(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.key: row.value for row in session.scalars(select(InstanceSettingRow))}


def refused_as_unavailable(act: Callable[[], Any]) -> None:
    """The database is called away. Who has no patience of its own waits for ever here, or is answered late."""
    with pytest.raises(Unavailable) as refused:
        act()
    assert refused.value.retry_after >= 1


def read(database: Database, statement: str = "SELECT 1") -> Any:
    with database.reading() as session:
        return session.scalar(text(statement))


def write(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE instance_settings SET value = 'written'"))


def test_a_request_waits_two_seconds_for_the_database() -> None:
    """The patience that other tests here shorten."""
    assert PATIENCE_SECONDS == 2
    assert "lock_timeout=1500 " in storage.POSTGRESQL_OPTIONS
    sqlite, postgresql = (
        storage.engine_options(address, 1)["connect_args"] for address in ("sqlite:///x.db", "postgresql+psycopg://x/y")
    )
    assert (sqlite["timeout"], postgresql["connect_timeout"], postgresql["tcp_user_timeout"]) == (1, 2, 2000)
    attempt = 0.85 * PATIENCE_SECONDS * SHARE_OF_AN_ATTEMPT
    assert attempt + max(attempt, VERDICT_SECONDS) < PATIENCE_SECONDS


@ON_SQLITE
def test_sqlite_is_sound_and_every_connection_durable_with_foreign_keys(database: Database) -> None:
    """Fails when the check's connections are opened past the engine's `connect` event."""
    loaded = read(database, "SELECT sqlite_version()")
    assert tuple(map(int, loaded.split("."))) == tuple(sqlite.sqlite_version_info) >= SOUND_WAL >= (3, 51, 3)
    assert wal_is_sound()
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "mmap_size": 0, "temp_store": 2}
    expected["busy_timeout"] = 1000
    plain = _plain_connection(database.engine)
    assert not plain.in_transaction
    with database.engine.connect() as pooled:
        for connection in (plain, pooled.connection.dbapi_connection):
            assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected} == expected
    plain.close()


def test_what_a_transaction_wrote_is_there_when_it_has_ended_and_what_a_reading_wrote_never(
    database: Database, elsewhere: Database
) -> None:
    for number in range(3):
        with database.transaction() as session:
            session.merge(setting("a", str(number)))
            session.flush()
            assert stored(elsewhere) == ({"a": str(number - 1)} if number else {})
        assert stored(elsewhere) == {"a": str(number)}
    with database.reading() as session:
        session.add(setting("b"))
        session.flush()
    assert stored(database) == {"a": "2"}


@pytest.mark.parametrize("error", [NotFound("user"), KeyboardInterrupt()])
def test_what_a_transaction_wrote_is_undone_when_an_exception_leaves_it(
    database: Database, elsewhere: Database, error: BaseException
) -> None:
    with pytest.raises(type(error)) as left:
        with database.transaction() as session:
            session.add(setting("a"))
            session.flush()
            raise error
    assert left.value is error
    assert stored(elsewhere) == {}
    write(database)  # nothing is left locked


def test_a_constraint_that_refuses_is_raised_as_it_is(database: Database) -> None:
    """Not as a database that is away: the services turn it into the right refusal. Without the parameters."""
    statement = text("INSERT INTO instance_settings VALUES ('a', :value, NULL, '')")
    with pytest.raises(IntegrityError) as refused:
        with database.transaction() as session:
            session.add(setting("a"))
            session.flush()
            session.execute(statement, {"value": "hidden-word"})
    assert stored(database) == {}
    assert "hidden-word" not in str(refused.value).split("DETAIL")[0], "parameters are digests and names"


@ON_SQLITE
def test_transactions_that_read_first_and_then_write_lose_nothing(database: Database, elsewhere: Database) -> None:
    """Fails when a transaction begins with a plain BEGIN: the second to write is refused. A reading has one state."""
    with database.reading() as session:
        assert session.scalars(select(InstanceSettingRow)).all() == []
        with elsewhere.transaction() as other:
            other.add(setting("counter"))
        assert session.scalars(select(InstanceSettingRow)).all() == []

    def count_up(where: Database) -> None:
        for _ in range(10):
            with where.transaction() as session:
                row = session.get_one(InstanceSettingRow, "counter")
                row.value = str(int(row.value) + 1)

    all_at_once([partial(count_up, where) for where in (database, elsewhere) * 4])
    assert stored(database) == {"counter": "80"}
    assert read(database, "PRAGMA integrity_check") == "ok"


def test_of_many_who_insert_the_same_row_one_does_and_none_is_refused(database: Database, elsewhere: Database) -> None:
    def insert(where: Database, value: int) -> tuple[bool, str]:
        with where.transaction() as session:
            values = {"value": str(value), "changed_at": NOW, "changed_by": "anna"}
            return insert_unless_present(session, InstanceSettingRow, key="a", **values), str(value)

    databases = [database, elsewhere] * 4
    inserted = all_at_once([partial(insert, where, number) for number, where in enumerate(databases)])
    assert [value for has_inserted, value in inserted if has_inserted] == [stored(database)["a"]]


@pytest.mark.usefixtures("impatient")
def test_a_database_that_stays_busy_is_refused_in_time(database: Database, elsewhere: Database) -> None:
    """Writers that wait for another process and (SQLite) behind each other in this one."""
    with elsewhere.transaction() as session:
        session.add(setting("a"))
    with elsewhere.transaction() as session:
        session.execute(text("UPDATE instance_settings SET value = 'held'"))
        crowd = 3 if database.is_sqlite else 5  # each that queued there still has 0.2 s for the lock
        all_at_once([lambda: refused_as_unavailable(lambda: write(database))] * crowd)
        if not database.is_sqlite:
            database.engine.dispose()  # the next one needs a new connection
            assert read(database) == 1
    if database.is_sqlite:  # where writers wait in another way: nobody else may notice
        assert read(database, "PRAGMA busy_timeout") == IMPATIENT_SECONDS * 500
    write(database)
    assert stored(database) == {"a": "written"}


@ON_SQLITE
def test_a_writer_is_as_patient_after_a_queue_that_moves_as_without_one(
    database: Database, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own patience has passed in the queue. Fails when it has only a moment left for the lock."""
    passed = [0.0]
    moved = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0], sleep=time.sleep)
    for module in (storage, write_lock):
        monkeypatch.setattr(module, "time", moved)
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 60)
    monkeypatch.setattr(write_lock, "LATE_TRIES", 1)
    with ThreadPoolExecutor(1) as thread:
        with elsewhere.transaction() as session:
            session.add(setting("a"))
            session.flush()
            with database._writer:
                waiting = thread.submit(write, database)
                time.sleep(0.1)
                passed[0] = 61
                database._wrote_at = time.monotonic() + passed[0]  # as the writer before it in the queue
            time.sleep(0.1)
        waiting.result()
    assert stored(database) == {"a": "written"}


@ON_POSTGRESQL
def test_a_statement_that_takes_too_long_is_ended_by_the_server(database: Database, elsewhere: Database) -> None:
    """And the connection goes on. Fails when the server's limit is not less than our patience, which jobs lack."""
    database.patience, elsewhere.patience = 0.2, None
    pid = read(database, "SELECT pg_backend_pid()")
    refused_as_unavailable(lambda: read(database, "SELECT pg_sleep(3)"))
    assert read(database, "SELECT pg_backend_pid()") == pid
    assert read(elsewhere, "SELECT pg_sleep(0.3)::text || 'done'") == "done"


@ON_POSTGRESQL
def test_a_connection_without_an_answer_is_refused_alone_in_time_and_the_next_one_is_answered(
    database: Database,
) -> None:
    """Fails when `PatientConnection` leaves the connection open: a late answer would be the next question's."""

    def ask_a_stopped_process() -> None:
        with database.transaction() as session:
            with stopped(session.scalar(text("SELECT pg_backend_pid()"))):
                session.execute(text("SELECT 1"))

    database.patience = 0.3
    plain = _plain_connection(database.engine)
    refused_as_unavailable(ask_a_stopped_process)
    assert read(database) == 1
    with stopped(plain.info.backend_pid), pytest.raises(psycopg.OperationalError):
        plain.execute("SELECT 'late'")
    assert plain.closed
    assert read(database) == 1


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    assert psutil.Process(pid).name() == "postgres", "the server runs on another machine"
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@ON_POSTGRESQL
def test_a_connection_that_dies_is_replaced_unnoticed_but_for_the_transaction_it_had(
    database: Database, elsewhere: Database
) -> None:
    def terminate(pid: int) -> None:
        read(elsewhere, f"SELECT pg_terminate_backend({pid}, 5000)")

    def lose_it() -> None:
        with database.transaction() as session:
            session.add(setting("a"))
            session.flush()
            terminate(session.scalar(text("SELECT pg_backend_pid()")))

    refused_as_unavailable(lose_it)
    assert stored(elsewhere) == {}
    pooled = read(database, "SELECT pg_backend_pid()")
    terminate(pooled)
    write(database)
    assert read(database, "SELECT pg_backend_pid()") != pooled


@ON_POSTGRESQL
def test_a_server_that_takes_no_writes_is_no_database_of_ours(database: Database, elsewhere: Database) -> None:
    """As a standby, which does not know the latest revocations. Fails without `target_session_attrs`."""
    name, own_word = database.engine.url.database, {"target_session_attrs": "any"}
    chosen = database.engine.url.update_query_dict(own_word).render_as_string(hide_password=False)
    with elsewhere.transaction() as session:
        session.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    database.engine.dispose()
    refused_as_unavailable(lambda: read(database))
    refused_as_unavailable(lambda: TokenLookup(database).find("a" * 12))
    with connected(chosen) as as_chosen:
        assert read(as_chosen) == 1
    assert "read-only" in str(startup_problem(database.engine))


def test_a_database_that_is_not_there_or_says_nothing_is_refused_in_time(tmp_path: Path) -> None:
    """At once, or after two seconds, the driver's least, where a server accepts and does not answer."""
    with socket.socket() as closed, socket.socket() as silent:
        for listener in (closed, silent):
            listener.bind(("127.0.0.1", 0))
        silent.listen()
        no_server, hung = (f"postgresql://anna@127.0.0.1:{each.getsockname()[1]}/x" for each in (closed, silent))
        for url in (no_server, f"sqlite:///{tmp_path}/no-folder/daypass.db"):
            with connected(url) as absent:
                for act in (read, write):
                    refused_as_unavailable(partial(act, absent))
        with connected(hung) as database:
            refused_as_unavailable(lambda: read(database))


@ON_SQLITE
def test_a_writer_of_another_kind_is_waited_for_also_by_a_new_file(database: Database, tmp_path: Path) -> None:
    """Such as a backup. SQLite does not wait for the switch to WAL by itself: fails when it is not asked again."""
    with holding_the_write_lock(tmp_path / "daypass.db", 0.2) as is_released:
        write(database)
        assert is_released()
    new = tmp_path / "new.db"
    with holding_the_write_lock(new, 0.2), connected(f"sqlite:///{new}") as created:
        assert read(created, "PRAGMA journal_mode") == "wal"


@contextmanager
def holding_the_write_lock(file: Path, seconds: float) -> Iterator[Callable[[], bool]]:
    """Hold it for so long, from before the block until some time within it; yields whether it is released."""
    other = sqlite.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release_begun = threading.Event()
    release = threading.Timer(seconds, lambda: (release_begun.set(), other.execute("COMMIT")))
    release.start()
    yield release_begun.is_set
    release.join()
    other.close()
