"""Reading what the check needs: the row as it is at this moment, from connections that come and go.

Here belongs ``app.storage.check``. Not here: the verdict on a row (``tests/unit/services``).
"""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from app.domain.errors import Unavailable
from app.storage.check import _STATEMENT, CheckedRow, TokenLookup
from app.storage.database import PATIENCE_SECONDS, Database, sqlite
from app.storage.tables import AccessTokenRow, InstanceSettingRow, RefreshTokenRow, UserRow
from tests.crowds import all_at_once
from tests.databases import SqliteFiles, destroy
from tests.unit.storage.conftest import connected
from tests.unit.storage.planting import (
    HOUR,
    KEPT_ON_POSTGRESQL,
    KEPT_ON_SQLITE,
    MICROSECOND,
    NOW,
    plant_access_token,
    plant_refresh_token,
    plant_user,
    public_id,
)

pytestmark = pytest.mark.both_databases


@pytest.fixture
def database(kept_database: Database) -> Database:
    """One for all tests here: each looks for tokens of its own."""
    return kept_database


@pytest.fixture
def lookup(database: Database) -> Iterator[TokenLookup]:
    lookup = TokenLookup(database)
    yield lookup
    lookup.close()


@pytest.fixture
def handle(database: Database) -> str:
    """The public id of a good access token under a refresh token."""
    with database.transaction() as session:
        owner = plant_user(session)
        return plant_access_token(session, owner, plant_refresh_token(session, owner)).public_id


def execute(database: Database, statement: Any) -> Any:
    """Run it as somebody else would, and commit; what it returns."""
    with database.transaction() as session:
        result = session.execute(statement)
        return result.scalar() if result.returns_rows else None


# What is found


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_a_token_is_found_with_everything_that_is_said_of_it(
    database: Database, lookup: TokenLookup, microsecond: int
) -> None:
    made, ends = NOW.replace(microsecond=microsecond), (NOW + HOUR).replace(microsecond=microsecond)
    with database.transaction() as session:
        profile = {
            "email": "anna@example.com",
            "first_name": "Anna",
            "last_name": "A",
            "title": "Dr",
            "role": "STEWARD",
        }
        owner = plant_user(session, **profile)
        parent = plant_refresh_token(session, owner, name="nightly-etl", expires_at=ends + HOUR)
        usual = {"key_id": "k2", "mac": bytes(range(32)), "description": "mine"} | {
            "last_used_at": made,
            "revoked_at": ends,
        }
        token = plant_access_token(session, owner, parent, created_at=made, expires_at=ends, **usual)
    found = lookup.find(token.public_id)
    assert found == CheckedRow(
        token_id=token.id, key_id="k2", mac=bytes(range(32)), status="active", created_at=made, expires_at=ends,
        last_used_at=made, revoked_at=ends, description="mine", refresh_token_name="nightly-etl",
        refresh_token_status="active",
        refresh_token_expires_at=ends + HOUR, user_id=owner.id, username=owner.username, email="anna@example.com",
        first_name="Anna", last_name="A", title="Dr", role="STEWARD", user_is_active=True,
        user_api_tokens=None, api_tokens_enabled=None,
    )  # fmt: skip
    assert isinstance(found.mac, bytes)
    instants = [each for each in found if isinstance(each, datetime)]
    assert len(instants) == 5 and all(each.utcoffset() == timedelta(0) for each in instants)


def test_a_token_without_refresh_token_and_without_end_is_found(database: Database, lookup: TokenLookup) -> None:
    with database.transaction() as session:
        token = plant_access_token(session, plant_user(session), expires_at=None)
    found = lookup.find(token.public_id)
    assert found is not None
    assert found.expires_at is found.refresh_token_name is found.refresh_token_status is None
    assert found.refresh_token_expires_at is found.revoked_at is None


@pytest.mark.parametrize("decision", ["inherit", "allow", "deny"])
@pytest.mark.parametrize("switch", [None, "on", "off"])
def test_the_switch_and_the_decision_are_read_for_single_tier_tokens_only(
    database: Database, lookup: TokenLookup, decision: str, switch: str | None
) -> None:
    with database.transaction() as session:
        owner = plant_user(session, api_tokens=decision)
        single = plant_access_token(session, owner)
        minted = plant_access_token(session, owner, plant_refresh_token(session, owner))
        if switch is not None:
            changed = {"value": switch, "changed_at": NOW, "changed_by": "cli:tests"}
            session.add(InstanceSettingRow(key="api_tokens_enabled", **changed))
    try:
        for token, expected in ((single, (decision, switch)), (minted, (None, None))):
            found = lookup.find(token.public_id)
            assert found is not None and (found.user_api_tokens, found.api_tokens_enabled) == expected
    finally:
        with database.transaction() as session:
            session.execute(text("DELETE FROM instance_settings"))


@pytest.mark.parametrize("status", ["active", "overlapping", "superseded", "expired", "revoked"])
def test_a_token_is_found_in_any_state(database: Database, lookup: TokenLookup, status: str) -> None:
    """It is the services that refuse it, with the right reason."""
    with database.transaction() as session:
        token = plant_access_token(session, plant_user(session), status=status)
    found = lookup.find(token.public_id)
    assert found is not None and found.status == status


@pytest.mark.parametrize("public_id", ["zzzzzzzzzzzz", "", "%", "' OR 1=1 --", "\N{SNOWMAN}", "z" * 5000])
def test_an_unknown_public_id_finds_nothing(lookup: TokenLookup, handle: str, public_id: str) -> None:
    assert lookup.find(public_id) is None
    assert lookup.find(handle) is not None


def test_a_refresh_token_is_not_found(database: Database, lookup: TokenLookup) -> None:
    with database.transaction() as session:
        parent = plant_refresh_token(session, plant_user(session))
    assert lookup.find(parent.public_id) is None


# As it is at this moment

CHANGES = {
    "the token": (update(AccessTokenRow).values(status="revoked"), "status", "revoked"),
    "its refresh token": (update(RefreshTokenRow).values(status="revoked"), "refresh_token_status", "revoked"),
    "its owner": (update(UserRow).values(is_active=False), "user_is_active", False),
    "its end": (update(AccessTokenRow).values(expires_at=NOW + MICROSECOND), "expires_at", NOW + MICROSECOND),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_by_the_next_look_of_every_thread(
    elsewhere: Database, lookup: TokenLookup, handle: str, change: str
) -> None:
    """Revocation is at once. Fails when the look is taken in a transaction that is left open, or kept."""
    statement, column, value = CHANGES[change]
    seen: list[CheckedRow | None] = []
    committed = threading.Event()
    warm = threading.Barrier(5)

    def look_before_and_after() -> None:
        assert getattr(lookup.find(handle), column) != value
        assert lookup.find("zzzzzzzzzzzz") is None
        warm.wait(10)
        committed.wait(10)
        seen.append(lookup.find(handle))

    threads = [threading.Thread(target=look_before_and_after) for _ in range(4)]
    for thread in threads:
        thread.start()
    warm.wait(10)
    execute(elsewhere, statement)
    committed.set()
    for thread in threads:
        thread.join()
    assert [getattr(each, column) for each in seen] == [value] * 4


def test_each_of_many_changes_is_seen_at_once(elsewhere: Database, lookup: TokenLookup, handle: str) -> None:
    for number in range(100):
        ends = NOW + number * MICROSECOND
        execute(elsewhere, update(AccessTokenRow).values(expires_at=ends))
        found = lookup.find(handle)
        assert found is not None and found.expires_at == ends


@KEPT_ON_SQLITE
@pytest.mark.parametrize("known", [True, False])
def test_no_look_keeps_a_read_transaction_open(
    elsewhere: Database, lookup: TokenLookup, handle: str, known: bool
) -> None:
    """The log of writes can be cut to nothing, which an open transaction of anybody's would not allow.

    Fails when the connection is not in autocommit, or a statement is not run to its end.
    """
    execute(elsewhere, update(AccessTokenRow).values(generation=1))
    assert (lookup.find(handle if known else "zzzzzzzzzzzz") is not None) is known
    execute(elsewhere, update(AccessTokenRow).values(generation=2))
    with elsewhere.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


@KEPT_ON_POSTGRESQL
@pytest.mark.parametrize("known", [True, False])
def test_no_connection_stays_in_a_transaction(
    elsewhere: Database, lookup: TokenLookup, handle: str, known: bool
) -> None:
    """Fails when the connection is not in autocommit."""
    assert (lookup.find(handle if known else "zzzzzzzzzzzz") is not None) is known
    (kept,) = lookup._cursors._idle
    state = f"SELECT state FROM pg_stat_activity WHERE pid = {kept.connection.info.backend_pid}"
    assert execute(elsewhere, text(state)) == "idle"


# How it is found


def test_the_row_is_found_by_the_index_on_public_ids(database: Database, handle: str) -> None:
    """Fails when the comparison is wrapped in a function, or the column loses its unique index."""
    parameters = {"public_id": handle}
    statement = str(_STATEMENT.compile(dialect=database.engine.dialect))
    with database.engine.connect() as connection:
        if database.is_sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (handle,)).all()
            steps = [step.detail for step in plan]
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")  # tables this small are read whole otherwise
            steps = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    told = "\n".join(steps)
    assert "SCAN" not in told and "Seq Scan" not in told, told
    index = "sqlite_autoindex_access_tokens_1" if database.is_sqlite else "access_tokens_public_id_key"
    assert f"INDEX {index} (public_id=?)" in told or f"Index Scan using {index}" in told, told


def test_many_threads_look_at_once(lookup: TokenLookup, handle: str) -> None:
    def look_often() -> list[CheckedRow | None]:
        return [lookup.find(handle) for _ in range(50)]

    found = all_at_once([look_often] * 8)
    assert {each.token_id for looks in found for each in looks if each} == {lookup.find(handle).token_id}
    assert sum(len(looks) for looks in found) == 400


def test_as_few_connections_are_open_as_are_busy_at_once(
    database: Database, elsewhere: Database, lookup: TokenLookup, handle: str
) -> None:
    for _ in range(20):
        lookup.find(handle)
    assert len(lookup._cursors._idle) == 1
    lookup.close()
    assert len(lookup._cursors._idle) == 0
    assert lookup.find(handle) is not None  # closing is no end


@KEPT_ON_SQLITE
def test_closing_closes_the_file(database: Database, lookup: TokenLookup, handle: str) -> None:
    all_at_once([lambda: lookup.find(handle)] * 4)
    assert open_files(database)
    lookup.close()
    database.engine.dispose()
    gc.collect()
    assert open_files(database) == []


def open_files(database: Database) -> list[str]:
    """What this process has open of the database, its logs included."""
    targets = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [target for target in targets if target.startswith(str(database.engine.url.database))]


# When the database goes away


@KEPT_ON_POSTGRESQL
def test_connections_that_were_killed_are_replaced_unnoticed(
    elsewhere: Database, lookup: TokenLookup, handle: str
) -> None:
    """As after a restart of the server: all that were kept are dead, and one fresh look tells."""
    taken = [lookup._cursors.take() for _ in range(3)]
    pids = [cursor.connection.info.backend_pid for cursor in taken]
    for cursor in taken:
        lookup._cursors.give_back(cursor)
    for pid in pids:
        assert execute(elsewhere, text(f"SELECT pg_terminate_backend({pid}, 5000)"))
    assert lookup.find(handle) is not None
    (fresh,) = lookup._cursors._idle
    assert fresh.connection.info.backend_pid not in pids


@pytest.mark.parametrize("kept", [True, False], ids=["under a kept connection", "between two"])
def test_a_database_that_goes_away_is_refused_in_time(database_url: str, kept: bool) -> None:
    """Never "unknown", which would make clients mint again."""
    with connected(database_url) as database:
        lookup = TokenLookup(database)
        assert lookup.find(public_id()) is None
        if database.is_sqlite or not kept:  # a file that is open stays readable after it was deleted
            lookup.close()
            database.engine.dispose()
        destroy(database_url)
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(Unavailable) as refused:
                lookup.find(public_id())
            assert refused.value.retry_after >= 1
            assert time.monotonic() - started < PATIENCE_SECONDS + 1
        lookup.close()


def test_a_database_that_comes_back_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "not-mounted-yet"
    with connected(f"sqlite:///{folder}/daypass.db") as database:
        lookup = TokenLookup(database)
        with pytest.raises(Unavailable):
            lookup.find(public_id())
        folder.mkdir()
        with database.transaction() as session:
            for table in (UserRow, RefreshTokenRow, AccessTokenRow, InstanceSettingRow):
                table.__table__.create(session.connection())
        assert lookup.find(public_id()) is None
        lookup.close()


@pytest.mark.parametrize("fresh", [True, False], ids=["at its first look ever", "later"])
def test_a_crowd_that_meets_a_locked_file_is_refused_together_and_in_time(
    sqlite_files: SqliteFiles, tmp_path: Path, fresh: bool
) -> None:
    """Fails when SQLAlchemy makes the first connection for one after the other: the eighth is told after 8 seconds."""
    with sqlite_files.fresh(tmp_path) as url, connected(url) as database:
        lookup = TokenLookup(database)
        if not fresh:
            assert lookup.find(public_id()) is None
            lookup.close()
        with closing(sqlite.connect(tmp_path / "daypass.db", isolation_level=None)) as locking:
            locking.execute("PRAGMA locking_mode=EXCLUSIVE")
            locking.execute("BEGIN EXCLUSIVE")
            locking.execute("CREATE TABLE anything (id INTEGER)")
            told = all_at_once([partial(_seconds_until_refused, lookup)] * 8)
            assert max(told) < PATIENCE_SECONDS + 1
            locking.execute("ROLLBACK")
        assert lookup.find(public_id()) is None
        lookup.close()


def _seconds_until_refused(lookup: TokenLookup) -> float:
    started = time.monotonic()
    with pytest.raises(Unavailable):
        lookup.find(public_id())
    return time.monotonic() - started


@KEPT_ON_POSTGRESQL
def test_a_lock_on_the_table_is_not_waited_for_without_end(
    elsewhere: Database, lookup: TokenLookup, handle: str
) -> None:
    """As during a migration that rewrites a table."""
    assert lookup.find(handle) is not None
    with elsewhere.transaction() as session:
        session.execute(text("LOCK TABLE access_tokens IN ACCESS EXCLUSIVE MODE"))
        started = time.monotonic()
        with pytest.raises(Unavailable):
            lookup.find(handle)
        assert time.monotonic() - started < PATIENCE_SECONDS + 1
    assert lookup.find(handle) is not None


def test_a_database_that_is_away_is_told_in_the_log(tmp_path: Path, log_lines: list[str]) -> None:
    with connected(f"sqlite:///{tmp_path}/no-folder/daypass.db") as database, pytest.raises(Unavailable):
        TokenLookup(database).find(public_id())
    assert any("database_unavailable" in line for line in log_lines)
