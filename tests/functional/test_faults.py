"""Killed workers, and a database that is gone, hangs, crashes, drops connections or is locked."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psutil
import psycopg
import pytest
import requests
from flask import Flask
from sqlalchemy import select, text

from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from config import Settings
from tests import rows
from tests.contract.asking import IDENTITY
from tests.databases import PostgresDatabases, application
from tests.drivers.alation import Alation
from tests.drivers.crowd import Crowd, Tally
from tests.drivers.honest import CONNECTIONS, Honest
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients, connections_of_workers
from tests.factories import Refresh, issue, make_user, mint
from tests.patience import PATIENCE_SECONDS
from tests.secrecy import secrets_in

MINTING_CLIENTS = 4


@dataclass
class Minting:
    """A client that mints from a refresh token of its own until it is stopped, and counts what it was answered."""

    url: str
    refresh: Refresh
    answered: int = 0
    unanswered: int = 0
    last: str | None = None
    """The access token of the last mint, where that was answered."""

    def run(self, stop: threading.Event) -> None:
        with requests.Session() as session:
            client = Alation(self.url, session)
            while not stop.is_set():
                answer = None
                try:
                    answer = client.mint(self.refresh.secret, self.refresh.token.user_id)
                except requests.exceptions.RequestException:
                    time.sleep(0.01)
                self.last = None
                if answer is not None and answer.status_code == 201:
                    self.answered += 1
                    self.last = answer.json()["api_access_token"]
                else:
                    assert answer is None or answer.status_code == 503, answer.text
                    self.unanswered += 1

    def assert_nothing_is_lost(self, database: Database, client: Alation) -> None:
        generation = rows.generation_of(database, self.refresh.token.id)
        assert self.answered <= generation <= self.answered + self.unanswered
        assert len(rows.alive_under(database, self.refresh.token.id)) == 1
        if self.last is not None:
            assert client.use(self.last).status_code == 200
        assert client.mint(self.refresh.secret, self.refresh.token.user_id).status_code == 201


@contextmanager
def minting(server: LiveServer, services: Services) -> Iterator[list[Minting]]:
    """Clients that mint meanwhile, and have all minted before."""
    user = make_user(services)
    clients = [Minting(server.url, issue(services, user)) for _ in range(MINTING_CLIENTS)]
    stop = threading.Event()
    with ThreadPoolExecutor(MINTING_CLIENTS) as threads:
        running = [threads.submit(each.run, stop) for each in clients]
        try:
            until(lambda: all(each.answered for each in clients))
            yield clients
        finally:
            stop.set()
        for each in running:
            each.result()


@pytest.mark.both_databases
@pytest.mark.shares_server
def test_a_worker_that_is_killed_loses_nothing_acknowledged_and_comes_back(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails when a transaction is committed a moment after its answer (`Database.transaction`)."""
    with minting(live_server, services) as clients:
        before = connections_of_workers(live_server)
        victim = _kill_the_busiest(live_server, before)
        assert connections_of_workers(live_server).keys() & before.keys() == before.keys() - {victim}
        while not any(each.unanswered for each in clients):  # it was killed while it had nothing to do
            _kill_the_busiest(live_server, connections_of_workers(live_server))
    with requests.Session() as session:
        for each in clients:
            each.assert_nothing_is_lost(database, Alation(live_server.url, session))
    if database.is_sqlite:
        with database.engine.connect() as connection:
            assert connection.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def _kill_the_busiest(server: LiveServer, workers: dict[int, set[int]]) -> int:
    """The worker that was killed, once another has taken its place."""
    victim = max(workers, key=lambda worker: len(workers[worker]))
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(connections_of_workers(server).keys() - {victim}) == 2)
    return victim


class OnPostgres:
    """A server on a PostgreSQL of its own, with a token that works on both of its workers."""

    def __init__(self, postgres: PostgresDatabases, url: str, server: LiveServer, app: Flask) -> None:
        self.postgres, self.url, self.server = postgres, url, server
        self.services, self.database = parts(app).services, app.extensions["daypass_database"]
        user = make_user(self.services)
        self.refresh, self.spare = issue(self.services, user), issue(self.services, user)
        self.access = mint(self.services, self.refresh)

    def calls(self, client: Alation) -> list[Callable[[], requests.Response]]:
        secret, proof = self.access.secret, (self.refresh.secret, self.refresh.token.user_id)
        return [
            partial(client.use, secret),
            partial(client.verify_access_token, secret, proof[1]),
            partial(client.verify_refresh_token, *proof),
            partial(client.mint, self.spare.secret, proof[1]),
            partial(client.revoke_access_tokens, *proof),
        ]

    def checks(self, client: Alation) -> list[Callable[[], requests.Response]]:
        """At the gate, by either header, with a condition and without."""
        gate = f"{self.server.url}/auth/verify"
        sent = ({"TOKEN": self.access.secret}, {"Authorization": f"Bearer {self.access.secret}"})
        return [
            partial(client.session.get, f"{gate}{query}", headers=each, timeout=60)
            for each in sent for query in ("", "?role=STEWARD")
        ]  # fmt: skip

    def recovers(self, workers: list[Alation]) -> None:
        for worker in workers:
            use, *_, mint_again, _ = self.calls(worker)
            until(lambda it=use: it().status_code == 200)
            until(lambda it=mint_again: it().status_code == 201)
            until(lambda it=worker: it.session.get(f"{self.server.url}/readyz", timeout=60).status_code == 200)


@pytest.fixture(scope="module")
def on_postgres(own_postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnPostgres]:
    """One for all tests: each leaves it as it was, without a restart of the server."""
    folder = tmp_path_factory.mktemp("on_postgres")
    with own_postgres.fresh() as url, application(Settings(instance=str(folder), database_url=url)) as app:
        with LiveServer(url, folder) as server:
            yield OnPostgres(own_postgres, url, server, app)
        assert not secrets_in(server.log())


@pytest.mark.fills_machine
def test_a_database_that_is_gone_is_answered_with_503_and_recovers_without_a_restart(
    on_postgres: OnPostgres,
) -> None:
    """Never 200, 401 or 403: those would accept a token, or make every client mint again.

    Fails when ``TokenLookup.find`` takes a database that can't be reached for one without that token: 403.
    """
    with WorkerClients(on_postgres.server) as clients:
        on_postgres.recovers(workers := clients.each())
        on_postgres.postgres.control("stop", "-m", "fast")
        try:
            for worker in workers:
                for call in on_postgres.calls(worker):
                    assert_unavailable(call)
                for check in on_postgres.checks(worker):
                    answer = assert_unavailable(check)
                    assert not any(answer.headers[name] for name in IDENTITY)
                    assert "WWW-Authenticate" not in answer.headers
                assert worker.session.get(f"{on_postgres.server.url}/healthz", timeout=60).status_code == 200
                assert worker.session.get(f"{on_postgres.server.url}/readyz", timeout=60).status_code == 503
        finally:
            on_postgres.postgres.start()
        on_postgres.recovers(workers)
        assert clients.are_still_apart(), "a worker was restarted"


@contextmanager
def hung(postgres: PostgresDatabases) -> Iterator[None]:
    """Stop every process of PostgreSQL, and let them go on at the end: connections stay open, nothing answers."""
    master = psutil.Process(postgres.pid)
    processes = [master, *master.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


@contextmanager
def crowded(on_postgres: OnPostgres, kinds: Sequence[str]) -> Iterator[dict[str, Tally]]:
    """64 clients with these kinds of requests meanwhile; what they were answered so far, 2xx to each kind at first."""
    honest, is_over = Honest.of(on_postgres.services), threading.Event()
    asked = [honest.questions(kinds[client % len(kinds)])[client] for client in range(CONNECTIONS)]
    crowd = Crowd(on_postgres.server.port, asked)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(crowd.ask_until, is_over.is_set)
        try:
            until(lambda: len(crowd.tallies) == len(kinds) and all(each.seconds for each in crowd.tallies.values()))
            yield crowd.tallies
        finally:
            is_over.set()
        asking.result()


@pytest.mark.fills_machine
def test_a_database_that_hangs_is_answered_with_503_while_it_hangs_and_recovers_without_a_restart(
    on_postgres: OnPostgres,
) -> None:
    """Fails when connections have no patience of their own (``PatientConnection.wait``): nothing is answered then."""
    kinds = ["userinfo", "mint", "mint, one shared", "validate"]
    with WorkerClients(on_postgres.server) as clients:
        on_postgres.recovers(workers := clients.each())
        use, *_, mint_again, _ = on_postgres.calls(workers[0])
        with crowded(on_postgres, kinds) as tallies:
            with hung(on_postgres.postgres):
                for _ in range(3):  # kept connections, and then fresh ones
                    assert_unavailable(use)
                assert_unavailable(mint_again)
                assert workers[0].session.get(f"{on_postgres.server.url}/healthz", timeout=60).status_code == 200
                until(lambda: all(tally.others.total() > CONNECTIONS for tally in tallies.values()))
            on_postgres.recovers(workers)
        assert {name[:3] for tally in tallies.values() for name in tally.others} == {"503"}


OLDEST_THAT_WAITS = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%public_id%'
    AND state = 'idle' AND state_change > clock_timestamp() - interval '0.5 s' ORDER BY backend_start LIMIT 1
"""
"""Of the pool: younger ones may be closed after their use. Idle: it holds no lock of the whole server."""


@pytest.mark.fills_machine
def test_a_process_of_the_database_that_hangs_alone_makes_no_check_fail(on_postgres: OnPostgres) -> None:
    """The check that it had is asked again on another connection, the others do not notice.

    Fails when one wait is taken for a server that hangs: for a second, the worker refuses every check.
    """
    with crowded(on_postgres, ["userinfo", "verify", "introspect"]) as tallies:
        found: list[int] = []
        with psycopg.connect(on_postgres.url, autocommit=True) as connection:
            until(lambda: found.extend(pid for (pid,) in connection.execute(OLDEST_THAT_WAITS)) or bool(found))
        os.kill(found[0], signal.SIGSTOP)
        time.sleep(1.5)  # by then, the check that it had is asked again
        os.kill(found[0], signal.SIGCONT)
    assert {kind: tally.others for kind, tally in tallies.items() if tally.others} == {}


@pytest.mark.fills_machine
def test_a_database_that_crashes_loses_nothing_acknowledged(on_postgres: OnPostgres) -> None:
    """◆ PostgreSQL ends without a checkpoint, under load. Fails with ``synchronous_commit=off``."""
    with minting(on_postgres.server, on_postgres.services) as clients:
        on_postgres.postgres.control("restart", "-m", "immediate")
        until(lambda: all(each.unanswered for each in clients))
    with WorkerClients(on_postgres.server) as workers:
        on_postgres.recovers(workers.each())
        for each in clients:
            each.assert_nothing_is_lost(on_postgres.database, workers.each()[0])


@pytest.mark.fills_machine
def test_connections_that_the_database_drops_are_replaced_without_a_word(on_postgres: OnPostgres) -> None:
    """Fails when the check does not try a fresh connection: 503."""
    with WorkerClients(on_postgres.server) as clients:
        for _ in range(2):
            for worker in clients.each():
                use, *_, mint_again, _ = on_postgres.calls(worker)
                assert [use().status_code, mint_again().status_code] == [200, 201]
            with psycopg.connect(on_postgres.url) as connection:
                dropped = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert len(dropped.fetchall()) >= 4


@pytest.mark.fills_machine
def test_a_lock_that_is_held_makes_mints_give_up_in_time_and_checks_do_not_wait(on_postgres: OnPostgres) -> None:
    with WorkerClients(on_postgres.server) as clients, ThreadPoolExecutor(1) as thread:
        worker, another = clients.each()
        _, _, _, minter, _ = on_postgres.calls(another)
        checks = 0
        with on_postgres.database.transaction() as transaction:
            transaction.execute(select(RefreshTokenRow.id).with_for_update())
            waiting = thread.submit(assert_unavailable, minter)
            while not waiting.done():
                assert worker.use(on_postgres.access.secret).status_code == 200
                checks += 1
                time.sleep(0.02)
            waiting.result()
        assert checks > 5, "checks waited as well"
        assert minter().status_code == 201


def assert_unavailable(call: Callable[[], requests.Response]) -> requests.Response:
    """Within the client's minute: who waits for the database without patience waits until it is back."""
    answer = call()
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    return answer


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
