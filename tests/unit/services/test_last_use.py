"""Last use: what is noted in memory, and how it reaches the database without a check ever writing.

Here belongs ``app.services.last_use`` on a real database. Not here: the query that writes (``test_access_tokens`` of
the storage), and real servers that are told to stop (``tests/functional/test_last_use``).
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, update

from app.domain.clock import system_clock
from app.domain.identity import Caller, Principal
from app.domain.secrets import ANY_TOKEN_TEXT, TokenFormat, new_token_text
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services import Services, last_use
from app.services.last_use import BATCH, LONGEST_AGENT, MOST_WAITING, SPACING, WRITE_AT_ONCE, LastUse, _printable
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests import rows
from tests.crowds import all_at_once
from tests.databases import destroy
from tests.factories import OPERATOR, issue, make_user, mint
from tests.unit.gate.test_answers import principal
from tests.unit.storage.conftest import connected

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

Written = tuple[datetime | None, str | None, str | None]


class Noting:
    """A last use of the test's own, on tokens that it needs not present."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.last_use = LastUse(database)

    def use(
        self, token: Issued[AccessToken], at: datetime, agent: str = "curl/8", *, last: datetime | None = None
    ) -> None:
        """Note it as an entry point does: if it is due, going by what the check read as the last one."""
        known = used(token.token.id, at, last)
        if self.last_use.is_due(known):
            self.last_use.note(known, "192.0.2.7", agent)


def used(token_id: int, at: datetime, last: datetime | None = None) -> Principal:
    return principal(token_id=token_id, checked_at=at, token_last_used_at=last)


def written(database: Database, token: Issued[AccessToken]) -> Written:
    row = AccessTokenRow
    query = select(row.last_used_at, row.last_used_ip, row.last_used_agent).where(row.id == token.token.id)
    with database.reading() as session:
        at, address, agent = session.execute(query).one()
        return at, address, agent


def flush_by(noting: Noting) -> int:
    """Write down what waits; how many rows were written, as the database counts them."""
    counted: list[int] = []

    def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            counted.append(cursor.rowcount)

    event.listen(noting.database.engine, "after_cursor_execute", count)
    noting.last_use.flush()
    event.remove(noting.database.engine, "after_cursor_execute", count)
    return sum(counted)


@pytest.fixture
def noting(database: Database) -> Iterator[Noting]:
    noting = Noting(database)
    yield noting
    noting.last_use.close()


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Noting]:
    """The same as another worker has it, with an engine of its own."""
    with connected(database.engine.url.render_as_string(hide_password=False)) as other:
        noting = Noting(other)
        yield noting
        noting.last_use.close()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread leaves the writing to the test."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread writes at short intervals."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 0.05)


@pytest.fixture
def token(services: Services) -> Issued[AccessToken]:
    return mint(services, issue(services, make_user(services)))


def soon(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


# What is written, and what is not


@pytest.mark.usefixtures("slowly")
def test_a_use_is_written_with_time_address_and_agent(noting: Noting, token: Issued[AccessToken]) -> None:
    assert written(noting.database, token) == (None, None, None)
    noting.use(token, NOW)
    assert written(noting.database, token) == (None, None, None)
    noting.last_use.flush()
    assert written(noting.database, token) == (NOW, "192.0.2.7", "curl/8")


@pytest.mark.usefixtures("slowly")
def test_nothing_but_the_last_use_of_that_token_is_changed(
    noting: Noting, services: Services, token: Issued[AccessToken]
) -> None:
    mint(services, issue(services, make_user(services)))
    before = rows.everything(noting.database)
    noting.use(token, NOW)
    noting.last_use.flush()
    after = rows.everything(noting.database)
    (place,) = [number for number, row in enumerate(after["access_tokens"]) if row[0] == token.token.id]
    old, new = before["access_tokens"].pop(place), after["access_tokens"].pop(place)
    assert before == after
    columns = [column.name for column in AccessTokenRow.__table__.columns]
    changed = {name for name, was, now in zip(columns, old, new, strict=True) if was != now}
    assert changed == {"last_used_at", "last_used_ip", "last_used_agent"}


@pytest.mark.usefixtures("slowly")
@pytest.mark.parametrize("order", ["as they happened", "the other way round"])
def test_an_older_use_never_overwrites_a_newer_one(
    noting: Noting, elsewhere: Noting, token: Issued[AccessToken], order: str
) -> None:
    """Whichever of two workers writes first. Fails when the write has no condition: so it was broken."""
    noting.use(token, NOW, "older")
    elsewhere.use(token, NOW + 2 * SPACING, "newer")
    both = (noting, elsewhere) if order == "as they happened" else (elsewhere, noting)
    for each in both:
        each.last_use.flush()
    assert written(noting.database, token) == (NOW + 2 * SPACING, "192.0.2.7", "newer")


@pytest.mark.usefixtures("slowly")
def test_uses_in_any_order_end_with_the_latest_that_is_a_minute_apart(
    noting: Noting, elsewhere: Noting, token: Issued[AccessToken]
) -> None:
    instants = [NOW + number * SPACING for number in range(12)]
    for at in random.sample(instants, len(instants)):
        each = random.choice((noting, elsewhere))
        each.use(token, at)
        each.last_use.flush()
    assert written(noting.database, token)[0] == instants[-1]


@pytest.mark.usefixtures("slowly")
def test_a_token_is_written_at_most_once_a_minute_by_all_workers_together(
    noting: Noting, elsewhere: Noting, token: Issued[AccessToken]
) -> None:
    """Ten uses a second for three minutes, on two workers that both write every five seconds: three writes.

    Each use goes by the last one that was in the database when it was checked, as the check reads it. Fails when
    the spacing is not part of the write's condition: so it was broken, and both workers wrote.
    """
    writes = 0
    last = None
    for tick in range(1800):
        at = NOW + tick * SECOND / 10
        for each in (noting, elsewhere):
            each.use(token, at, last=last)
        if tick % 50 == 49:
            writes += sum(flush_by(each) for each in (noting, elsewhere))
            last = written(noting.database, token)[0]
    assert writes == 3


@pytest.mark.parametrize(
    ("since_last", "is_due"),
    [
        (None, True),
        (SPACING, True),
        (SPACING - MICROSECOND, False),
        (timedelta(0), False),
        (-SECOND, False),  # another host's clock is ahead
        (timedelta(days=1), True),
    ],
)
@ON_SQLITE
def test_a_use_is_due_a_minute_after_the_last(
    noting: Noting, token: Issued[AccessToken], since_last: timedelta | None, is_due: bool
) -> None:
    last = None if since_last is None else NOW - since_last
    assert noting.last_use.is_due(used(token.token.id, NOW, last)) is is_due


@ON_SQLITE
@pytest.mark.usefixtures("slowly")
def test_a_use_that_waits_already_is_not_due(noting: Noting, token: Issued[AccessToken]) -> None:
    noting.use(token, NOW)
    assert not noting.last_use.is_due(used(token.token.id, NOW + SECOND))
    assert noting.last_use.is_due(used(token.token.id + 1, NOW + SECOND))


# Batches and bounds


def plant_many(database: Database, number: int) -> list[int]:
    """So many access tokens of one user; their ids."""
    with database.transaction() as session:
        owner = session.execute(insert(UserRow).values(username="many", created_at=NOW)).inserted_primary_key
        assert owner is not None
        values = {"user_id": owner[0], "key_id": "k1", "mac": b"m" * 32, "created_at": NOW}
        session.execute(
            insert(AccessTokenRow),
            [values | {"public_id": f"{each:012d}", "uuid": f"{each:036d}"} for each in range(number)],
        )
        return list(session.scalars(select(AccessTokenRow.id).where(AccessTokenRow.user_id == owner[0])))


@pytest.mark.usefixtures("slowly")
def test_what_waits_is_written_in_batches_each_in_its_own_transaction(noting: Noting) -> None:
    """So that no row is locked, and on SQLite no writer kept waiting, for long."""
    ids = plant_many(noting.database, 2 * BATCH + 1)
    commits: list[object] = []

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(noting.database.engine, "commit", count)
    for id in ids:
        noting.last_use.note(used(id, NOW), "192.0.2.7", "curl/8")
    noting.last_use.flush()
    assert len(commits) == 3
    noting.last_use.flush()  # there is nothing left
    event.remove(noting.database.engine, "commit", count)
    assert len(commits) == 3
    with noting.database.reading() as session:
        assert set(session.scalars(select(AccessTokenRow.last_used_at))) == {NOW}


@ON_SQLITE
@pytest.mark.usefixtures("slowly")
def test_only_so_many_uses_are_kept_in_memory(noting: Noting) -> None:
    for id in range(MOST_WAITING + 100):
        noting.last_use.note(used(id + 1_000_000, NOW), None, None)
    assert len(noting.last_use._waiting) <= MOST_WAITING


@ON_SQLITE
@pytest.mark.usefixtures("slowly")
def test_many_that_wait_are_written_before_their_time(noting: Noting) -> None:
    ids = plant_many(noting.database, WRITE_AT_ONCE)
    for id in ids[:-1]:
        noting.last_use.note(used(id, NOW), None, None)
    time.sleep(0.2)
    assert len(noting.last_use._waiting) == WRITE_AT_ONCE - 1
    noting.last_use.note(used(ids[-1], NOW), None, None)
    assert soon(lambda: not noting.last_use._waiting)


# The thread, and the end


@pytest.fixture
def threads() -> Callable[[], list[threading.Thread]]:
    """What runs now and did not when the test began: other tests of the process may share what has threads."""
    before = set(threading.enumerate())
    return lambda: [thread for thread in threading.enumerate() if thread not in before and thread.name == "last-use"]


@pytest.mark.usefixtures("quickly")
def test_the_thread_begins_with_the_first_use_and_ends_when_it_is_closed(
    threads: Callable[[], list[threading.Thread]], noting: Noting, token: Issued[AccessToken]
) -> None:
    """A command that serves nobody has none."""
    assert threads() == []
    noting.use(token, NOW)
    (thread,) = threads()
    assert thread.daemon
    assert soon(lambda: written(noting.database, token)[0] == NOW)
    noting.use(token, NOW + SPACING)
    assert soon(lambda: written(noting.database, token)[0] == NOW + SPACING), "it goes on"
    noting.last_use.close()
    assert threads() == []


@pytest.mark.usefixtures("slowly")
def test_closing_writes_what_waits_at_once(noting: Noting, token: Issued[AccessToken]) -> None:
    noting.use(token, NOW)
    started = time.monotonic()
    noting.last_use.close()
    assert time.monotonic() - started < 2
    assert written(noting.database, token)[0] == NOW
    noting.last_use.close()  # twice is harmless


@ON_SQLITE
@pytest.mark.usefixtures("slowly")
def test_what_is_noted_by_many_threads_is_all_written(noting: Noting) -> None:
    ids = plant_many(noting.database, 800)

    def note_and_flush(part: list[int]) -> None:
        for id in part:
            noting.last_use.note(used(id, NOW), None, None)
            if id % 20 == 0:
                noting.last_use.flush()

    all_at_once([partial(note_and_flush, ids[start::8]) for start in range(8)])
    noting.last_use.flush()
    with noting.database.reading() as session:
        assert set(session.scalars(select(AccessTokenRow.last_used_at))) == {NOW}


# When the database is away, or busy


@contextmanager
def held_by_somebody(database: Database, statement: Any) -> Iterator[None]:
    """Somebody else has executed it and does not commit."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(statement)
        yield
        connection.rollback()


@ON_SQLITE
@pytest.mark.usefixtures("slowly")
def test_what_could_not_be_written_is_kept_and_written_later(
    noting: Noting, elsewhere: Noting, token: Issued[AccessToken]
) -> None:
    """Somebody holds SQLite's one lock for longer than anybody waits."""
    noting.use(token, NOW)
    with held_by_somebody(elsewhere.database, update(UserRow).values(title="Dr")):
        noting.last_use.flush()
        assert not noting.last_use.is_due(used(token.token.id, NOW + SECOND)), "it waits on"
    assert written(noting.database, token)[0] is None
    noting.last_use.flush()
    assert written(noting.database, token)[0] == NOW


@pytest.mark.usefixtures("quickly")
def test_a_database_that_is_away_does_not_end_the_thread(
    database_url: str, noting: Noting, token: Issued[AccessToken], log_lines: list[str]
) -> None:
    noting.database.engine.dispose()
    with connected(database_url) as away:
        lost = Noting(away)
        destroy(database_url)
        lost.use(token, NOW)
        assert soon(lambda: any("database_unavailable" in line for line in log_lines))
        assert soon(lambda: token.token.id in lost.last_use._waiting), "it is kept"
        assert lost.last_use._thread is not None and lost.last_use._thread.is_alive()
        lost.last_use.close()


@pytest.mark.usefixtures("quickly")
def test_an_unforeseen_error_is_logged_and_does_not_end_the_thread(
    noting: Noting, token: Issued[AccessToken], log_lines: list[str]
) -> None:
    """The error: a constraint that refuses the write."""
    rows.refuse_writes(noting.database, "access_tokens", "UPDATE")
    noting.use(token, NOW)
    assert soon(lambda: any("last_use_not_written" in line for line in log_lines))
    rows.allow_writes(noting.database, "access_tokens")
    noting.use(token, NOW + SPACING)
    assert soon(lambda: written(noting.database, token)[0] == NOW + SPACING)


@ON_POSTGRESQL
@pytest.mark.usefixtures("slowly")
def test_a_row_that_somebody_holds_is_left_out_and_not_waited_for(
    noting: Noting, elsewhere: Noting, services: Services
) -> None:
    """Waiting while other rows are held would end in a deadlock with who revokes them.

    Fails when the rows are not skipped that are locked: so it was broken, and the write waited for 1.5 s.
    """
    user = make_user(services)
    held, free = (mint(services, issue(services, user)) for _ in range(2))
    noting.use(held, NOW)
    noting.use(free, NOW)
    with held_by_somebody(
        elsewhere.database, update(AccessTokenRow).where(AccessTokenRow.id == held.token.id).values(description="x")
    ):
        started = time.monotonic()
        noting.last_use.flush()
        assert time.monotonic() - started < 1
        assert written(noting.database, free)[0] == NOW
    assert written(noting.database, held)[0] is None


@pytest.mark.usefixtures("slowly")
def test_writing_and_revoking_at_once_neither_deadlock_nor_undo_each_other(
    noting: Noting, elsewhere: Noting, services: Services, log_lines: list[str]
) -> None:
    """Two workers write down the uses of all of a user's tokens, again and again, while all of them are revoked.

    A race of this length seldom meets a deadlock even where one can be: that nobody waits is the test above.
    """
    for number in range(6):
        user = make_user(services)
        tokens = [mint(services, issue(services, user)) for _ in range(12)]
        over = threading.Event()

        def write(each: Noting, tokens: list[Issued[AccessToken]], over: threading.Event) -> None:
            at = NOW
            while not over.is_set():
                at += SPACING
                for token in random.sample(tokens, len(tokens)):
                    each.use(token, at)
                each.last_use.flush()

        def revoke(username: str, over: threading.Event) -> None:
            try:
                time.sleep(random.uniform(0.02, 0.08))
                services.revoking.revoke_user(username, "race", OPERATOR)
            finally:
                over.set()

        all_at_once(
            [partial(write, each, tokens, over) for each in (noting, elsewhere)]
            + [partial(revoke, user.username, over)]
        )
        with noting.database.reading() as session:
            of_user = AccessTokenRow.user_id == user.id
            assert set(session.scalars(select(AccessTokenRow.status).where(of_user))) == {"revoked"}, number
            assert None not in session.scalars(select(AccessTokenRow.last_used_at).where(of_user)).all()
    assert not any("database_unavailable" in line or "deadlock" in line for line in log_lines)


# What a client says of itself


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, None),
        ("", None),
        ("python-requests/2.32.3", "python-requests/2.32.3"),
        ("a\r\nb\x00\x7f\xe9", "a??b???"),
        ("x" * 300, "x" * LONGEST_AGENT),
    ],
)
def test_an_agent_is_kept_as_far_as_it_can_be_shown(sent: str | None, kept: str | None) -> None:
    assert _printable(sent) == kept


def test_an_agent_that_is_a_token_is_kept_without_its_secret() -> None:
    """Some put it everywhere. Fails when the text is cut to its length first and cleaned then: so it was broken."""
    made = new_token_text(TokenKind.ACCESS)
    token_text, public_id = TokenFormat(("dp",)).compose(made), made.public_id
    in_places = [f"{'x' * length}{token_text}" for length in (0, 195, 200, 225, 235, 250, 300)]
    for agent in (*in_places, f"etl token={token_text} (x)", f"TOKEN%3D{token_text}x", f"{token_text},{token_text}"):
        kept = _printable(agent)
        assert kept is not None
        assert made.secret[:4] not in kept and ANY_TOKEN_TEXT.search(kept) is None
    assert public_id in str(_printable(token_text))


@given(st.text(st.characters(max_codepoint=255)) | st.text("\r\n\0a_0 \xff"))
def test_any_agent_becomes_a_short_line_of_plain_text(sent: str) -> None:
    kept = _printable(sent)
    assert (kept is None) is (sent == "")
    if kept is not None:
        assert kept.isascii() and kept.isprintable() and len(kept) <= LONGEST_AGENT


# Refresh tokens


def test_a_refresh_token_is_used_when_it_mints_and_at_no_other_time(services: Services, database: Database) -> None:
    def last_of(id: int) -> tuple[datetime | None, str | None]:
        with database.reading() as session:
            row = session.get_one(RefreshTokenRow, id)
            return row.last_used_at, row.last_used_ip

    refresh = issue(services, make_user(services))
    services.refresh_verifier.validate(refresh.secret, None)
    services.revoking.revoke_access_tokens(refresh.secret, None, Caller("", address="192.0.2.8"))
    assert last_of(refresh.token.id) == (None, None)
    later = system_clock().replace(microsecond=0) + timedelta(hours=1)
    with freeze_time(later):
        services.minting.mint(refresh.secret, None, Caller("", address="192.0.2.7"))
    assert last_of(refresh.token.id) == (later, "192.0.2.7")
