"""The life of a server: from an empty folder to the last answer, and what it refuses to start on."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import requests

from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.databases import KEYS, PostgresDatabases
from tests.drivers.alation import Alation
from tests.drivers.raw import RawHttp
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, mint
from tests.secrecy import secrets_in

MINTING_CLIENTS = 2
SIGNING_IN_CLIENTS = 2
Call = Callable[[Alation], requests.Response]


def test_a_server_that_gets_sigterm_under_load_answers_all_that_it_began_and_exits_with_0(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """Each request is answered whole or did nothing at all: as many mints were answered as the database counts.

    Sign-ins take long enough to be under way when SIGTERM comes. Fails when the workers are killed at once.
    """
    user = make_user(services, "anna", password=PASSWORD)
    access = mint(services, issue(services, user))
    refresh = [issue(services, user) for _ in range(MINTING_CLIENTS)]
    with requests.Session() as session:  # from now on she may sign in from here as often as she likes
        assert Alation(live_server.url, session).issue("anna", PASSWORD, "nightly-etl").status_code == 201
    calls: list[tuple[int, Call]] = [
        (201, lambda client, token=each: client.mint(token.secret, user.id)) for each in refresh
    ]
    calls += [(200, lambda client: client.use(access.secret))] * 2
    calls += [(201, lambda client: client.issue("anna", PASSWORD, "nightly-etl"))] * SIGNING_IN_CLIENTS
    answered: list[list[int]] = [[] for _ in calls]
    with ThreadPoolExecutor(len(calls)) as threads:
        running = [
            threads.submit(_call_until_refused, live_server.url, call, statuses)
            for (_, call), statuses in zip(calls, answered, strict=True)
        ]
        while not all(answered):
            assert not any(each.done() for each in running)
            time.sleep(0.01)
        a_moment_before = time.monotonic()
        time.sleep(0.1)
        assert live_server.stop() == 0
        ended = [each.result() for each in running]
    assert [set(statuses) for statuses in answered] == [{status} for status, _ in calls]
    assert all(begun > a_moment_before for begun in ended), "a request that was under way broke off"
    counted = [rows.generation_of(database, each.token.id) for each in refresh]
    assert [len(statuses) for statuses in answered[:MINTING_CLIENTS]] == counted
    assert "Traceback" not in live_server.log()


def _call_until_refused(url: str, call: Call, statuses: list[int]) -> float:
    """When the request was begun that met a closed or refused connection. `statuses`: gets those of whole answers."""
    with requests.Session() as session:
        while True:
            begun = time.monotonic()
            try:
                answer = call(Alation(url, session))
            except requests.exceptions.ConnectionError:  # an answer that breaks off is another exception
                return begun
            assert isinstance(answer.json(), dict)
            statuses.append(answer.status_code)


def test_an_empty_folder_is_served_after_init_as_options_say_and_clients_that_stall_do_not_keep_it_from_stopping(
    tmp_path: Path,
) -> None:
    """Options take precedence over the environment. Fails without a limit on how long workers may take to stop."""
    instance = LiveServer("", tmp_path / "instance", workers=1, DAYPASS_TOKEN_KEYS="", DAYPASS_PASSWORD_PEPPER="")
    instance.environment |= {"DAYPASS_PORT": "1", "DAYPASS_SCHEDULER": "off"}
    instance.options = ("--port", str(instance.port), "--host", "localhost")
    first = instance.command("init")
    assert (first.returncode, first.stdout) == (0, "")
    with instance, requests.Session() as session, ExitStack() as connections:
        password = first.stderr.split()[-1]
        assert Alation(instance.url, session).issue("admin", password, "first").status_code == 201
        for _ in range(2):
            stalled = connections.enter_context(RawHttp(instance.port).connect())
            stalled.sendall(b"POST /login HTTP/1.1\r\nHost: daypass\r\nContent-Length: 500\r\n\r\nusername=")
        time.sleep(0.5)  # until they are being received
        assert instance.stop() == 0
    assert f"Daypass serves on http://localhost:{instance.port}" in instance.log()
    assert "Administrator: admin (choose another password before 20" in instance.log()
    assert "job_ran" not in instance.log() and secrets_in(instance.log()) == []
    assert "jemalloc" not in instance.log(), "granian's allocator complains of a setting that it does not know"


def test_a_server_refuses_a_postgresql_that_could_lose_or_hide_what_was_acknowledged(
    own_postgres: PostgresDatabases, tmp_path: Path
) -> None:
    with own_postgres.fresh() as url:
        server = LiveServer(url, tmp_path)
        _execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        assert _refusal(server).startswith("the database runs with fsync=off")
        _execute(url, "ALTER SYSTEM RESET fsync")
        with _replica(own_postgres):
            assert _refusal(server).startswith("the database is a replica")


@contextmanager
def _replica(postgres: PostgresDatabases) -> Iterator[None]:
    standby = postgres.folder / "standby.signal"
    standby.touch()
    postgres.control("restart", "-m", "fast")
    try:
        yield
    finally:
        standby.unlink()
        postgres.control("restart", "-m", "fast")


def _refusal(server: LiveServer) -> str:
    """What `daypass serve` prints, in one line on standard error, when it refuses."""
    done = server.command("serve")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert KEYS.pepper.hex()[:8] not in line
    return line.removeprefix("Error: ")


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
