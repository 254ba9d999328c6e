"""Last use: what is noted in memory, and how it reaches the database without a check ever writing."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import event, insert, select

from app.domain.identity import Principal
from app.services import Services, last_use
from app.services.last_use import SPACING, LastUse
from app.storage import database as storage
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, UserRow
from tests import rows
from tests.crowds import all_at_once
from tests.databases import connected, destroy
from tests.factories import OPERATOR, Access, issue, make_user, mint
from tests.patience import PATIENCE_SECONDS
from tests.unit.services.verdicts import MICROSECOND, NOW, SECOND
from tests.unit.storage.planting import ON_POSTGRESQL


class Noting:
    """A last use of the test's own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.last_use = LastUse(database)

    def use(self, access: Access, at: datetime, agent: str = "curl/8", *, last: datetime | None = None) -> None:
        """Note it as an entry point does: if it is due, going by the last use that the check read."""
        known = used(access.token.id, at, last)
        if self.last_use.is_due(known):
            self.last_use.note(known, "192.0.2.7", agent)

    def note_all(self, ids: list[int]) -> None:
        for id in ids:
            self.last_use.note(used(id, NOW), "192.0.2.7", "curl/8")


def used(token_id: int, at: datetime, last: datetime | None = None) -> Principal:
    values: dict[str, Any] = dict.fromkeys(Principal._fields, "")
    return Principal(**values | {"token_id": token_id, "checked_at": at, "token_last_used_at": last})


def written(database: Database, access: Access) -> tuple[datetime | None, str | None, str | None]:
    row = AccessTokenRow
    query = select(row.last_used_at, row.last_used_ip, row.last_used_agent).where(row.id == access.token.id)
    with database.reading() as session:
        at, address, agent = session.execute(query).one()
        return at, address, agent


def all_written(database: Database) -> set[datetime | None]:
    with database.reading() as session:
        return set(session.scalars(select(AccessTokenRow.last_used_at)))


def plant_many(database: Database, number: int) -> list[int]:
    """So many access tokens of one user; their ids."""
    with database.transaction() as session:
        owner = UserRow(username="many", created_at=NOW)
        session.add(owner)
        session.flush()
        values = {"user_id": owner.id, "key_id": "k1", "mac": b"m" * 32, "created_at": NOW}
        many = [values | {"public_id": f"{each:012d}", "uuid": f"{each:036d}"} for each in range(number)]
        session.execute(insert(AccessTokenRow), many)
        return list(session.scalars(select(AccessTokenRow.id)))


@pytest.fixture
def noting(database: Database) -> Iterator[Noting]:
    noting = Noting(database)
    yield noting
    noting.last_use.close()


@pytest.fixture
def other(elsewhere: Database) -> Iterator[Noting]:
    """The same as another worker has it, with an engine of its own."""
    noting = Noting(elsewhere)
    yield noting
    noting.last_use.close()


@pytest.fixture(autouse=True)
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread leaves the writing to the test, and little is much."""
    for name, value in {"WRITE_EVERY_SECONDS": 600, "BATCH": 10, "WRITE_AT_ONCE": 20, "MOST_WAITING": 30}.items():
        monkeypatch.setattr(last_use, name, value)


@pytest.fixture
def quickly(slowly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 0.01)


def soon(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.005)
    return is_so()


def test_a_use_is_written_with_time_address_and_agent(noting: Noting, access: Access) -> None:
    noting.use(access, NOW)
    assert written(noting.database, access) == (None, None, None)
    noting.last_use.flush()
    assert written(noting.database, access) == (NOW, "192.0.2.7", "curl/8")


def test_a_token_is_written_at_most_once_a_minute_by_all_workers_together(
    noting: Noting, other: Noting, access: Access
) -> None:
    """Fails when the spacing is not part of the write's condition: the other worker writes as well."""
    for at, kept in ((NOW, NOW), (NOW + SPACING - MICROSECOND, NOW), (NOW + SPACING, NOW + SPACING)):
        other.use(access, at)
        other.last_use.flush()
        noting.use(access, at - SECOND)
        noting.last_use.flush()
        assert written(noting.database, access)[0] == kept


def test_a_use_is_due_a_minute_after_the_last_and_not_while_one_waits(noting: Noting) -> None:
    """The last one may lie in the future, where another host's clock is ahead."""
    lasts = (None, NOW - SPACING, NOW - SPACING + MICROSECOND, NOW + SECOND)
    assert [noting.last_use.is_due(used(7, NOW, last)) for last in lasts] == [True, True, False, False]
    noting.last_use.note(used(7, NOW), None, None)
    assert [noting.last_use.is_due(used(id, NOW)) for id in (7, 8)] == [False, True]
    noting.last_use.flush()


def test_waiting_uses_are_written_in_batches_each_in_its_own_transaction(noting: Noting) -> None:
    """So that no row is locked, and on SQLite no writer kept waiting, for long."""
    ids = plant_many(noting.database, 2 * last_use.BATCH + 1)
    commits = Mock()
    event.listen(noting.database.engine, "commit", commits)
    noting.note_all(ids)
    for _ in range(2):  # the second time there is nothing left
        noting.last_use.flush()
        assert commits.call_count == 3
    event.remove(noting.database.engine, "commit", commits)
    assert all_written(noting.database) == {NOW}


def test_many_waiting_uses_are_written_early_and_only_so_many_wait(noting: Noting) -> None:
    *ids, one_more = plant_many(noting.database, last_use.WRITE_AT_ONCE)
    noting.note_all(ids)
    assert not noting.last_use._wake.is_set()
    assert len(noting.last_use._waiting) == len(ids)
    noting.note_all([one_more])
    assert soon(lambda: not noting.last_use._waiting)
    noting.note_all(list(range(last_use.MOST_WAITING + 5)))
    assert len(noting.last_use._waiting) <= last_use.MOST_WAITING


@pytest.fixture
def threads() -> Callable[[], list[threading.Thread]]:
    """Those that run now and did not when the test began."""
    before = set(threading.enumerate())
    return lambda: [thread for thread in threading.enumerate() if thread not in before and thread.name == "last-use"]


@pytest.mark.usefixtures("quickly")
def test_the_thread_begins_with_the_first_use_and_ends_when_it_is_closed(
    threads: Callable[[], list[threading.Thread]], noting: Noting, access: Access
) -> None:
    """A command that serves nobody has none."""
    assert threads() == []
    for at in (NOW, NOW + SPACING):
        noting.use(access, at)
        (thread,) = threads()
        assert thread.daemon
        assert soon(lambda at=at: written(noting.database, access)[0] == at)
    noting.use(access, NOW + 2 * SPACING)
    for _ in range(2):  # what waits is written at once; twice is harmless
        noting.last_use.close()
        assert written(noting.database, access)[0] == NOW + 2 * SPACING
    assert threads() == []


def test_uses_noted_by_many_threads_are_all_written(noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "MOST_WAITING", 1000)
    ids = plant_many(noting.database, 240)

    def note_and_flush(part: list[int]) -> None:
        for start in range(0, len(part), 10):
            noting.note_all(part[start : start + 10])
            noting.last_use.flush()

    all_at_once([partial(note_and_flush, ids[start::8]) for start in range(8)])
    noting.last_use.flush()
    assert all_written(noting.database) == {NOW}


def test_a_use_that_could_not_be_written_waits_and_is_written_later(
    noting: Noting, other: Noting, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's one lock is held for longer than anybody waits."""
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.1)
    noting.use(access, NOW)
    with rows.locked(other.database, "access_tokens"):
        noting.last_use.flush()
        assert not noting.last_use.is_due(used(access.token.id, NOW + SECOND)), "it still waits"
    assert written(noting.database, access)[0] is None
    noting.last_use.flush()
    assert written(noting.database, access)[0] == NOW


@pytest.mark.both_databases
@pytest.mark.usefixtures("quickly")
def test_a_database_that_is_away_does_not_end_the_thread(
    database_url: str, database: Database, access: Access, log_lines: list[str]
) -> None:
    database.engine.dispose()
    with connected(database_url) as away:
        lost = Noting(away)
        destroy(database_url)
        lost.use(access, NOW)
        assert soon(lambda: any("database_unavailable" in line for line in log_lines))
        assert soon(lambda: access.token.id in lost.last_use._waiting), "it is kept"
        assert lost.last_use._thread is not None and lost.last_use._thread.is_alive()
        lost.last_use.close()


@pytest.mark.usefixtures("quickly")
def test_an_unforeseen_error_is_logged_and_ends_no_thread(noting: Noting, access: Access, log_lines: list[str]) -> None:
    """The error: a constraint that refuses the write."""
    rows.refuse_writes(noting.database, "access_tokens", "UPDATE")
    noting.use(access, NOW)
    assert soon(lambda: any("last_use_not_written" in line for line in log_lines))
    rows.allow_writes(noting.database, "access_tokens")
    noting.use(access, NOW + SPACING)
    assert soon(lambda: written(noting.database, access)[0] == NOW + SPACING)


@ON_POSTGRESQL
def test_a_row_that_is_locked_is_left_out_and_not_waited_for(noting: Noting, other: Noting, services: Services) -> None:
    """It would end in a deadlock with a revocation. Fails when locked rows are not skipped: the write fails."""
    user = make_user(services)
    held, free = (mint(services, issue(services, user)) for _ in range(2))
    noting.use(held, NOW)
    noting.use(free, NOW)
    lock = f"UPDATE access_tokens SET description = 'x' WHERE id = {held.token.id}"
    with rows.locked(other.database, "access_tokens", lock):
        noting.last_use.flush()
        assert written(noting.database, free)[0] == NOW
    assert written(noting.database, held)[0] is None


@pytest.mark.both_databases
def test_writing_and_revoking_at_once_neither_deadlock_nor_undo_each_other(
    noting: Noting, other: Noting, services: Services, log_lines: list[str]
) -> None:
    """Two workers write the uses of all of a user's tokens, again and again, while all of them are revoked.

    A race of this length seldom meets a deadlock even where one can be: that no write waits is the test above.
    """
    user = make_user(services)
    tokens = [mint(services, issue(services, user)) for _ in range(8)]
    have_written, is_over = threading.Barrier(3, timeout=60), threading.Event()

    def write(each: Noting) -> None:
        at = NOW
        while not is_over.is_set():
            at += SPACING
            for token in random.sample(tokens, len(tokens)):
                each.use(token, at)
            each.last_use.flush()
            if at == NOW + SPACING:
                have_written.wait()

    def revoke() -> None:
        have_written.wait()
        try:
            services.revoking.revoke_user(user.username, "race", OPERATOR)
        finally:
            is_over.set()

    all_at_once([partial(write, noting), partial(write, other), revoke])
    with noting.database.reading() as session:
        query = select(AccessTokenRow.status, AccessTokenRow.last_used_at).where(AccessTokenRow.user_id == user.id)
        assert {(status, at is None) for status, at in session.execute(query)} == {("revoked", False)}
    assert not any("database_unavailable" in line or "deadlock" in line for line in log_lines)
