"""What goes wrong outside Daypass: killed workers, a database that is gone, crashed, or locked for long.

Here belongs that nobody gets in meanwhile, nothing acknowledged is lost, and all is well again by itself. Not
here: a database that hangs (``test_hung_database``), and an orderly stop (``test_serving``).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy import select, text

from app.domain.tokens import Issued, RefreshToken
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage.database import Database, db
from app.storage.tables import RefreshTokenRow
from config import Settings
from tests import rows
from tests.databases import KEYS, PostgresDatabases
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients, connections_of_workers
from tests.factories import issue, make_user, mint
from tests.secrecy import secrets_in

MOST_SECONDS_TO_TELL = 2.0
MOST_SECONDS_TO_RECOVER = 5.0
REFRESH_TOKENS = 250
MINTING_CLIENTS = 6


@dataclass
class Minting:
    """Many clients that mint once from each of many refresh tokens, and remember what they were answered."""

    url: str
    refresh: list[Issued[RefreshToken]]
    acknowledged: dict[int, str] = field(default_factory=dict)
    """The access token by the refresh token's place in the list; each has one, so that none is replaced."""
    unanswered: list[int] = field(default_factory=list)
    _next: Iterator[int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._next = iter(range(len(self.refresh)))

    def run(self) -> None:
        """One client; ends when every refresh token had its turn."""
        session = requests.Session()
        client = Alation(self.url, session)
        while (number := self._take()) is not None:
            token = self.refresh[number]
            try:
                answer = client.mint(token.secret, token.token.user_id)
            except requests.exceptions.RequestException:
                answer = None
            if answer is not None and answer.status_code == 201:
                self.acknowledged[number] = answer.json()["api_access_token"]
            else:
                assert answer is None or answer.status_code == 503, answer.text
                self.unanswered.append(number)
        session.close()

    def _take(self) -> int | None:
        with self._lock:
            return next(self._next, None)


def test_a_worker_that_is_killed_loses_nothing_acknowledged_and_comes_back(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """Kill -9 in the middle of mints; every one that was answered still works, and asking again repairs the others.

    Fails when a transaction is committed a moment after its answer: so it was broken, in ``Database.transaction``,
    and tokens that had been handed out were unknown.
    """
    user = make_user(services)
    minting = Minting(live_server.url, [issue(services, user) for _ in range(REFRESH_TOKENS)])
    victim, *_ = before = set(connections_of_workers(live_server))
    with ThreadPoolExecutor(MINTING_CLIENTS) as threads:
        clients = [threads.submit(minting.run) for _ in range(MINTING_CLIENTS)]
        _until(lambda: len(minting.acknowledged) > 50)
        os.kill(victim, signal.SIGKILL)
        for client in clients:
            client.result()
    _until(lambda: len(connections_of_workers(live_server)) == 2)
    assert set(connections_of_workers(live_server)) & before == before - {victim}

    with WorkerClients(live_server) as clients_of_workers:
        workers = clients_of_workers.each()
        lost = [number for number, secret in minting.acknowledged.items() if workers[0].use(secret).status_code != 200]
        assert not lost, f"{len(lost)} of {len(minting.acknowledged)}"
        for number in minting.unanswered:
            token = minting.refresh[number].token
            again = workers[1].mint(minting.refresh[number].secret, user.id)
            assert again.status_code == 201
            assert len(rows.alive_under(database, token.id)) == 1
    assert minting.unanswered, "nothing was killed in the middle"
    if database.is_sqlite:
        with database.engine.connect() as connection:
            assert connection.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def test_a_database_that_is_gone_is_told_at_once_and_recovers_without_a_restart(
    own_postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """Never 200, 401 or 403: those would let somebody in, or make every client mint again.

    Fails when the check takes a database that can't be reached for one without that token: so it was broken, in
    ``TokenLookup.find``, and it answered 403.
    """
    with _service_on(own_postgres, tmp_path) as (server, services):
        user = make_user(services)
        refresh = issue(services, user)
        access = mint(services, refresh)
        with WorkerClients(server) as clients:
            workers = clients.each()
            assert [worker.use(access.secret).status_code for worker in workers] == [200, 200]

            with _stopped(own_postgres):
                for worker in workers * 2:
                    for call in (
                        lambda it=worker: it.use(access.secret),
                        lambda it=worker: it.verify_access_token(access.secret, user.id),
                        lambda it=worker: it.verify_refresh_token(refresh.secret, user.id),
                        lambda it=worker: it.mint(refresh.secret, user.id),
                        lambda it=worker: it.revoke_access_tokens(refresh.secret, user.id),
                    ):
                        _assert_unavailable(call)
                    assert worker.session.get(f"{server.url}/healthz", timeout=2).status_code == 200
                    assert worker.session.get(f"{server.url}/readyz", timeout=4).status_code == 503
            began = time.monotonic()
            for worker in workers:
                _until(lambda it=worker: it.use(access.secret).status_code == 200, MOST_SECONDS_TO_RECOVER)
                _until(lambda it=worker: it.mint(issue(services, user).secret, user.id).status_code == 201)
                assert worker.session.get(f"{server.url}/readyz", timeout=4).status_code == 200
            assert time.monotonic() - began < MOST_SECONDS_TO_RECOVER
            assert clients.are_still_apart(), "a worker was restarted"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_connections_that_the_database_drops_are_replaced_without_a_word(
    database_url: str, live_server: LiveServer, services: Services
) -> None:
    """Fails when the check does not try a fresh connection: so it was broken, and it answered 503."""
    user = make_user(services)
    access = mint(services, issue(services, user))
    proofs = [(issue(services, user).secret, user.id) for _ in range(2)]
    with WorkerClients(live_server) as clients:
        for _ in range(3):
            assert [worker.use(access.secret).status_code for worker in clients.each()] == [200, 200]
            minted = [worker.mint(*proof) for worker, proof in zip(clients.each(), proofs, strict=True)]
            assert [answer.status_code for answer in minted] == [201, 201]
            with psycopg.connect(database_url) as connection:
                dropped = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert len(dropped.fetchall()) >= 4


def test_a_database_that_crashes_loses_nothing_acknowledged(own_postgres: PostgresDatabases, tmp_path: Path) -> None:
    """PostgreSQL ends without a checkpoint, under load, and every answered mint works after its recovery.

    Fails with ``synchronous_commit=off`` in ``POSTGRESQL_OPTIONS``: so it was broken, and tokens that had been
    handed out were unknown.
    """
    with _service_on(own_postgres, tmp_path) as (server, services):
        user = make_user(services)
        minting = Minting(server.url, [issue(services, user) for _ in range(REFRESH_TOKENS)])
        with ThreadPoolExecutor(MINTING_CLIENTS) as threads:
            clients = [threads.submit(minting.run) for _ in range(MINTING_CLIENTS)]
            _until(lambda: len(minting.acknowledged) > 100)
            own_postgres.control("restart", "-m", "immediate")
            for client in clients:
                client.result()
        with requests.Session() as session:
            client = Alation(server.url, session)
            _until(lambda: client.use(minting.acknowledged[0]).status_code == 200, MOST_SECONDS_TO_RECOVER)
            lost = [number for number, secret in minting.acknowledged.items() if client.use(secret).status_code != 200]
        assert not lost, f"{len(lost)} of {len(minting.acknowledged)}"
        assert minting.unanswered, "nothing crashed in the middle"


def test_a_lock_that_somebody_holds_makes_mints_give_up_in_time_and_checks_not_even_wait(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    with WorkerClients(live_server) as clients, ThreadPoolExecutor(1) as thread:
        for worker in clients.each():
            assert worker.use(access.secret).status_code == 200
            with database.transaction() as session:
                session.execute(select(RefreshTokenRow.id).with_for_update())
                minting = thread.submit(_assert_unavailable, partial(_mint, live_server, refresh))
                checks = 0
                while not minting.done():
                    assert worker.use(access.secret).status_code == 200
                    checks += 1
                minting.result()
            assert checks > 20, "checks waited as well"
        assert _mint(live_server, refresh).status_code == 201


@contextmanager
def _stopped(postgres: PostgresDatabases) -> Iterator[None]:
    postgres.control("stop", "-m", "fast")
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def _service_on(postgres: PostgresDatabases, folder: Path) -> Iterator[tuple[LiveServer, Services]]:
    """A server on that PostgreSQL, and the services on its database in this process."""
    with postgres.fresh() as url:
        app = create_app(Settings(instance=str(folder), database_url=url), KEYS)
        with LiveServer(url, folder) as server, app.app_context():
            services = parts(app).services
            yield server, services
            services.close()
            db.engine.dispose()
        assert not secrets_in(server.log())


def _mint(server: LiveServer, refresh: Issued[RefreshToken]) -> requests.Response:
    with requests.Session() as session:
        return Alation(server.url, session).mint(refresh.secret, refresh.token.user_id)


def _assert_unavailable(call: Callable[[], requests.Response]) -> None:
    began = time.monotonic()
    answer = call()
    seconds = time.monotonic() - began
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert seconds < MOST_SECONDS_TO_TELL + 0.5, seconds


@contextmanager
def _stopped(postgres: PostgresDatabases) -> Iterator[None]:
    postgres.control("stop", "-m", "fast")
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def _services(url: str, folder: Path) -> Iterator[Services]:
    """The services on that database, in this process."""
    app = create_app(Settings(instance=str(folder), database_url=url), KEYS)
    with app.app_context():
        made = parts(app).services
        yield made
        made.close()
        db.engine.dispose()


def _until(is_true: Callable[[], bool], most_seconds: float = 30) -> None:
    deadline = time.monotonic() + most_seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
