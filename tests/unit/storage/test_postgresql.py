"""What one silent connection shows, and what several do: real connections, through a proxy that holds their answers."""

import ctypes
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from app.domain.errors import Unavailable
from app.storage.check import TokenLookup
from app.storage.database import Database
from app.storage.postgresql import VERDICT_SECONDS, PatientConnection
from tests.databases import connected
from tests.drivers.tcp_proxy import Link, TcpProxy
from tests.patience import PATIENCE_SECONDS
from tests.unit.storage.planting import ON_POSTGRESQL, public_id

pytestmark = ON_POSTGRESQL

PATIENCE = 0.3

MOST_SILENCES = 10
"""Of one connection, until a busy machine lets the others ask twice within one."""


@pytest.fixture
def proxy(database_url: str) -> Iterator[TcpProxy]:
    with TcpProxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: TcpProxy) -> Iterator[Database]:
    with connected(proxy.url) as database:
        database.patience = PATIENCE
        yield database
        proxy.release_all()


@pytest.fixture
def lookup(database: Database) -> Iterator[TokenLookup]:
    lookup = TokenLookup(database)
    lookup.find(public_id())
    yield lookup
    lookup.close()


def read(database: Database) -> int:
    with database.reading() as session:
        return int(session.scalar(text("SELECT 1")))


@contextmanager
def held(links: list[Link]) -> Iterator[None]:
    for link in links:
        link.is_held = True
    try:
        yield
    finally:
        for link in links:
            link.is_held = False


def test_a_check_on_a_silent_connection_is_asked_again_on_another(
    database: Database, lookup: TokenLookup, proxy: TcpProxy
) -> None:
    """With nobody else on the server, and so with a fresh connection as the only evidence."""
    with held(list(proxy.links)):
        time.sleep(VERDICT_SECONDS)  # nothing that was heard before is evidence
        assert lookup.find(public_id()) is None
        assert read(database) == 1, "a silent connection of the pool is replaced"
    assert lookup.find(public_id()) is None


def test_while_one_connection_is_silent_the_others_are_answered_without_waiting(
    database: Database, lookup: TokenLookup, proxy: TcpProxy
) -> None:
    """Fails when one wait is taken for a server that hangs: the others are refused, or wait for a verdict."""
    with database.reading() as session, ThreadPoolExecutor(1) as thread:
        for _ in range(MOST_SILENCES):
            before = {link: link.passed for link in proxy.links}
            session.scalar(text("SELECT 1"))
            with held([link for link in proxy.links if link.passed == before.get(link)]):
                asked = thread.submit(lookup.find, public_id())
                answered_meanwhile = 0
                while not asked.done():
                    session.scalar(text("SELECT 1"))
                    answered_meanwhile += not asked.done()
                assert asked.result() is None
            if answered_meanwhile > 1:
                break
        assert answered_meanwhile > 1
    assert threading.active_count() < 10


class Asked:
    """Counts what a thread asks of the server and waits for: statements, and connections."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._by_threads: Counter[int] = Counter()
        monkeypatch.setattr(psycopg.Connection, "wait", self._counting(psycopg.Connection.wait))
        monkeypatch.setattr(PatientConnection, "connect", self._counting(PatientConnection.connect))

    def _counting(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self._by_threads[threading.get_ident()] += 1
            return ask(*arguments, **options)

        return counted

    def nothing_before_refusal(self, act: Callable[[], object]) -> bool:
        before = self._by_threads[threading.get_ident()]
        with pytest.raises(Unavailable):
            act()
        return self._by_threads[threading.get_ident()] == before


def test_a_server_that_hangs_is_refused_in_time_then_at_once_and_used_when_it_goes_on(
    database: Database, lookup: TokenLookup, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time: without patience, nobody is ever answered here. At once: without asking the server again."""
    asked = Asked(monkeypatch)
    assert read(database) == 1
    proxy.hold_all()
    assert not asked.nothing_before_refusal(lambda: lookup.find(public_id()))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not asked.nothing_before_refusal(lambda: read(database)):
        assert time.monotonic() < deadline
    assert asked.nothing_before_refusal(lambda: lookup.find(public_id()))
    proxy.release_all()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert (lookup.find(public_id()), read(database)) == (None, 1)
            break
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_thread_that_gets_no_turn_is_no_evidence_against_the_server(database_url: str) -> None:
    """The interpreter is busy for 0.2 s at a time. Fails when the time that has passed is the patience."""
    is_over = threading.Event()

    def keep_the_interpreter() -> None:
        while not is_over.is_set():
            ctypes.PyDLL(None).usleep(200_000)  # unlike CDLL, without releasing Python's lock

    with connected(database_url) as database, ThreadPoolExecutor(1) as thread:
        connection = database.engine.raw_connection()
        cursor = connection.cursor()
        connection.dbapi_connection.patience = PATIENCE
        thread.submit(keep_the_interpreter)
        try:
            cursor.execute("SELECT pg_sleep(0.5)::text || 'late'")
        finally:
            is_over.set()
        assert cursor.fetchone() == ("late",)
        connection.close()
