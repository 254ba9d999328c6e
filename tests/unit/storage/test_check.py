"""Reading what the check needs: the row as it is at this moment, from connections that come and go."""

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
from sqlalchemy import delete, insert, text, update

from app.domain.errors import Unavailable
from app.storage import database as storage
from app.storage.check import _OF_SEVERAL, _STATEMENT, CheckedRow, TokenLookup
from app.storage.database import Database, sqlite
from app.storage.plain_lookup import SQLITE_CONNECTIONS
from app.storage.tables import AccessTokenRow, InstanceSettingRow, RefreshTokenRow, UserRow
from tests.crowds import all_at_once
from tests.databases import SqliteFiles, connected, destroy
from tests.unit.storage.planting import (
    HOUR,
    KEPT_ON_POSTGRESQL,
    KEPT_ON_SQLITE,
    NOW,
    ON_POSTGRESQL,
    plant_access_token,
    plant_refresh_token,
    plant_user,
    public_id,
)

pytestmark = pytest.mark.both_databases

CROWD = 16


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


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_a_token_is_found_with_all_its_columns(database: Database, lookup: TokenLookup, microsecond: int) -> None:
    made, ends = NOW.replace(microsecond=microsecond), (NOW + HOUR).replace(microsecond=microsecond)
    profile = {"email": "anna@example.com", "first_name": "Anna", "last_name": "A", "title": "Dr", "role": "STEWARD"}
    own = {"key_id": "k2", "mac": bytes(range(32)), "description": "mine", "created_at": made, "expires_at": ends}
    own |= {"last_used_at": made, "revoked_at": ends}
    with database.transaction() as session:
        owner = plant_user(session, **profile)
        parent = plant_refresh_token(session, owner, name="nightly-etl", expires_at=ends + HOUR)
        token = plant_access_token(session, owner, parent, **own)
    of_parent = {"refresh_token_name": "nightly-etl", "refresh_token_status": "active"}
    found = lookup.find(token.public_id)
    assert found == CheckedRow(
        **own, **profile, **of_parent, token_id=token.id, status="active", refresh_token_expires_at=ends + HOUR,
        user_id=owner.id, username=owner.username, user_is_active=True, user_api_tokens=None, api_tokens_enabled=None,
        refresh_token_public_id=parent.public_id,
    )  # fmt: skip
    assert isinstance(found.mac, bytes)
    instants = [each for each in found if isinstance(each, datetime)]
    assert len(instants) == 5 and all(each.utcoffset() == timedelta(0) for each in instants)


def test_a_token_without_refresh_token_and_end_is_found_in_any_state(database: Database, lookup: TokenLookup) -> None:
    """The services refuse it, with the right reason."""
    for status in ("active", "revoked"):
        with database.transaction() as session:
            token = plant_access_token(session, plant_user(session), status=status, expires_at=None)
        found = lookup.find(token.public_id)
        assert found is not None and found.status == status
        assert found.expires_at is found.refresh_token_name is found.refresh_token_status is None
        assert found.refresh_token_expires_at is found.revoked_at is None


def test_switch_and_decision_are_read_for_single_tier_tokens_only(database: Database, lookup: TokenLookup) -> None:
    with database.transaction() as session:
        owner = plant_user(session, api_tokens="deny")
        single = plant_access_token(session, owner).public_id
        minted = plant_access_token(session, owner, plant_refresh_token(session, owner)).public_id
    assert _switches(lookup.find(single)) == ("deny", None)
    change = insert(InstanceSettingRow).values(key="api_tokens_enabled", value="off", changed_at=NOW, changed_by="")
    execute(database, change)
    assert (_switches(lookup.find(single)), _switches(lookup.find(minted))) == (("deny", "off"), (None, None))
    execute(database, delete(InstanceSettingRow))


def _switches(found: CheckedRow | None) -> tuple[str | None, str | None]:
    assert found is not None
    return found.user_api_tokens, found.api_tokens_enabled


def test_unknown_public_ids_and_refresh_tokens_find_none(database: Database, lookup: TokenLookup, handle: str) -> None:
    with database.transaction() as session:
        refresh = plant_refresh_token(session, plant_user(session)).public_id
    for unknown in (refresh, "zzzzzzzzzzzz", "", "%", "' OR 1=1 --", "\N{SNOWMAN}", "z" * 5000):
        assert lookup.find(unknown) is None
        assert lookup.find(handle) is not None


def test_a_change_is_seen_by_every_threads_next_look(elsewhere: Database, lookup: TokenLookup, handle: str) -> None:
    """Revocation is at once. Fails when the look is taken in a transaction that is left open, or kept."""
    seen: list[CheckedRow | None] = []
    committed, warm = threading.Event(), threading.Barrier(5)

    def look_before_and_after() -> None:
        assert lookup.find(handle).status == "active"
        warm.wait(60)
        committed.wait(60)
        seen.append(lookup.find(handle))

    def revoke() -> None:
        warm.wait(60)
        for table in (AccessTokenRow, RefreshTokenRow):
            execute(elsewhere, update(table).values(status="revoked"))
        execute(elsewhere, update(UserRow).values(is_active=False))
        committed.set()

    all_at_once([*[look_before_and_after] * 4, revoke])
    changed = [(each.status, each.refresh_token_status, each.user_is_active) for each in seen]
    assert changed == [("revoked", "revoked", False)] * 4


@pytest.mark.parametrize("known", [True, False])
def test_no_look_leaves_a_transaction_open(elsewhere: Database, lookup: TokenLookup, handle: str, known: bool) -> None:
    """Fails when the connection is not in autocommit, or (SQLite) a statement is not run to its end."""
    execute(elsewhere, update(AccessTokenRow).values(generation=1))
    assert (lookup.find(handle if known else "zzzzzzzzzzzz") is not None) is known
    execute(elsewhere, update(AccessTokenRow).values(generation=2))
    if elsewhere.is_sqlite:
        with elsewhere.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)  # it cuts the log
    else:
        (kept,) = lookup._cursors._idle
        state = f"SELECT state FROM pg_stat_activity WHERE pid = {kept.connection.info.backend_pid}"
        assert execute(elsewhere, text(state)) == "idle"


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
    plan = "\n".join(steps)
    assert "SCAN" not in plan and "Seq Scan" not in plan, plan
    index = "sqlite_autoindex_access_tokens_1" if database.is_sqlite else "access_tokens_public_id_key"
    assert f"INDEX {index} (public_id=?)" in plan or f"Index Scan using {index}" in plan, plan


@KEPT_ON_POSTGRESQL
def test_several_rows_are_found_by_their_indexes_under_a_plan_that_is_kept(lookup: TokenLookup, handle: str) -> None:
    """Fails when the plan is made for each array anew, or reads tables whole because they are small here."""
    assert lookup.find(handle) is not None
    (cursor,) = lookup._cursors._idle
    statement = str(_OF_SEVERAL.compile(dialect=lookup._cursors._engine.dialect)).replace("%(public_ids)s", "$1")
    cursor.connection.execute(f"PREPARE several (varchar[]) AS {statement}")
    plan = "\n".join(row[0] for row in cursor.connection.execute(f"EXPLAIN EXECUTE several ('{{{handle},b}}')"))
    assert "Seq Scan" not in plan and "access_tokens_public_id_key" in plan, plan
    assert "ANY ($1)" in plan or "ANY (($1)" in plan, plan


def test_threads_that_look_together_find_each_its_own(database: Database, lookup: TokenLookup) -> None:
    with database.transaction() as session:
        owner = plant_user(session)
        own = [plant_access_token(session, owner, plant_refresh_token(session, owner)) for _ in range(CROWD - 1)]
        expected = {token.public_id: token.id for token in own} | {"zzzzzzzzzzzz": None}

    def look(known: str) -> set[int | None]:
        rows = [lookup.find(known) for _ in range(30)]
        return {row and row.token_id for row in rows}

    assert all_at_once([partial(look, known) for known in expected]) == [{each} for each in expected.values()]


def test_many_threads_look_at_once_and_as_few_connections_stay_open_as_were_busy(
    database: Database, lookup: TokenLookup, handle: str
) -> None:
    def open_files() -> list[str]:
        """What this process has open of the database, its logs included."""
        targets = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [target for target in targets if target.startswith(f"{database.engine.url.database}")]

    for _ in range(2):
        lookup.find(handle)
    assert len(lookup._cursors._idle) == 1
    found = all_at_once([lambda: [lookup.find(handle) for _ in range(50)]] * 8)
    assert {each.token_id for looks in found for each in looks} == {lookup.find(handle).token_id}
    assert 1 <= len(lookup._cursors._idle) <= (SQLITE_CONNECTIONS if database.is_sqlite else 8)
    lookup.close()
    assert len(lookup._cursors._idle) == 0
    database.engine.dispose()
    gc.collect()
    assert open_files() == []
    assert lookup.find(handle) is not None  # opens a new one
    assert bool(open_files()) is database.is_sqlite


def all_connections(lookup: TokenLookup) -> list[Any]:
    """All that SQLite may have, taken as by threads that stand still."""
    return [lookup._cursors.take() for _ in range(SQLITE_CONNECTIONS)]


@KEPT_ON_SQLITE
def test_a_look_waits_for_one_of_sqlites_few_connections(lookup: TokenLookup, handle: str) -> None:
    """Whether it is given back, or lost in an error: then there may be another."""
    for end in (lookup._cursors.give_back, lookup._cursors.discard):
        taken, looking = all_connections(lookup), threading.Event()

        def end_one_later(end: Any = end, taken: list[Any] = taken, looking: threading.Event = looking) -> None:
            looking.wait(60)
            while not lookup._cursors._waiting:
                time.sleep(0.001)
            end(taken.pop())

        def look(looking: threading.Event = looking) -> CheckedRow | None:
            looking.set()
            return lookup.find(handle)

        _, found = all_at_once([end_one_later, look])
        assert found is not None
        for cursor in taken:
            lookup._cursors.give_back(cursor)
        assert len(lookup._cursors._idle) == SQLITE_CONNECTIONS


@KEPT_ON_SQLITE
@pytest.mark.usefixtures("impatient")
def test_a_look_is_refused_when_all_connections_stand_still(lookup: TokenLookup, handle: str) -> None:
    taken = all_connections(lookup)
    with pytest.raises(Unavailable):
        lookup.find(handle)
    for cursor in taken:
        lookup._cursors.give_back(cursor)
    assert lookup.find(handle) is not None


@KEPT_ON_POSTGRESQL
def test_killed_connections_are_replaced_unnoticed(elsewhere: Database, lookup: TokenLookup, handle: str) -> None:
    """As after a restart of the server: all that were kept are dead, and one fresh look tells."""
    taken = [lookup._cursors.take() for _ in range(3)]
    pids = [cursor.connection.info.backend_pid for cursor in taken]
    for cursor in taken:
        lookup._cursors.give_back(cursor)
    for pid in pids:
        assert execute(elsewhere, text(f"SELECT pg_terminate_backend({pid}, 5000)"))
    found = all_at_once([partial(lookup.find, handle)] * CROWD)  # some of them wait for one that fails
    assert {each.token_id for each in found} == {lookup.find(handle).token_id}
    assert not {fresh.connection.info.backend_pid for fresh in lookup._cursors._idle} & set(pids)


@pytest.mark.usefixtures("impatient")
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
            refused_as_unavailable(lookup)
        lookup.close()


def test_a_database_that_comes_back_is_used_and_its_absence_logged(tmp_path: Path, log_lines: list[str]) -> None:
    folder = tmp_path / "not-mounted-yet"
    with connected(f"sqlite:///{folder}/daypass.db") as database:
        lookup = TokenLookup(database)
        refused_as_unavailable(lookup)
        assert any("database_unavailable" in line for line in log_lines)
        folder.mkdir()
        refused_as_unavailable(lookup)
        assert not any(folder.iterdir()), "it would be taken for a new installation"
        (folder / "daypass.db").touch()
        with database.transaction() as session:
            for table in (UserRow, RefreshTokenRow, AccessTokenRow, InstanceSettingRow):
                table.__table__.create(session.connection())
        assert lookup.find(public_id()) is None
        lookup.close()


class Looks:
    """Counts looks at the file for a new connection; each takes as long as the patience with a lock."""

    def __init__(self) -> None:
        self.most_at_once = self.all = self._now = 0
        self._look, self._lock = storage._choose_journal, threading.Lock()

    def __call__(self, cursor: object) -> None:
        with self._lock:
            self.all += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self._look(cursor)
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fresh", [True, False], ids=["at its first look ever", "later"])
def test_a_crowd_that_meets_a_locked_file_is_refused_together_and_in_time(
    sqlite_files: SqliteFiles, tmp_path: Path, fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when SQLAlchemy makes the first connection for one after the other: each waits for all before it."""
    looks = Looks()
    monkeypatch.setattr(storage, "_choose_journal", looks)
    with sqlite_files.fresh(tmp_path) as url, connected(url) as database:
        lookup = TokenLookup(database)
        if not fresh:
            assert lookup.find(public_id()) is None
            lookup.close()
        with closing(sqlite.connect(tmp_path / "daypass.db", isolation_level=None)) as locking:
            locking.execute("PRAGMA locking_mode=EXCLUSIVE")
            locking.execute("BEGIN EXCLUSIVE")
            locking.execute("CREATE TABLE anything (id INTEGER)")
            looks.most_at_once = looks.all = 0
            all_at_once([partial(refused_as_unavailable, lookup)] * CROWD)
            assert looks.most_at_once > 1 or looks.all < CROWD, "each looked, and waited for all before it"
            locking.execute("ROLLBACK")
        assert lookup.find(public_id()) is None
        lookup.close()


@pytest.mark.usefixtures("impatient")
@ON_POSTGRESQL
def test_a_lock_on_the_table_is_not_waited_for_without_end(database_url: str) -> None:
    """As during a migration that rewrites a table."""
    with connected(database_url) as database, connected(database_url) as elsewhere:
        lookup = TokenLookup(database)
        assert lookup.find(public_id()) is None
        with elsewhere.transaction() as session:
            session.execute(text("LOCK TABLE access_tokens IN ACCESS EXCLUSIVE MODE"))
            refused_as_unavailable(lookup)
        assert lookup.find(public_id()) is None
        lookup.close()


def refused_as_unavailable(lookup: TokenLookup) -> None:
    """The check says so, instead of waiting on."""
    with pytest.raises(Unavailable) as refused:
        lookup.find(public_id())
    assert refused.value.retry_after >= 1
