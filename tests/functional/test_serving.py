"""The life of a server: from an empty folder to the last answer, and what it refuses to start on.

Here belongs what an operator sees of `daypass init` and `daypass serve`. Not here: what happens when parts of it
are killed or the database goes away (``test_faults``).
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy import update

from app.domain.identity import Caller, Role
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage import schema
from app.storage.database import Database, db
from app.storage.tables import InstanceSettingRow
from config import KEYS_FILE, Settings, read_keys
from tests import rows
from tests.databases import KEYS, PostgresDatabases
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint

MINTING_CLIENTS = 4
SIGNING_IN_CLIENTS = 6
Call = Callable[[Alation], requests.Response]

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PEPPER, RING = KEYS.pepper.hex(), f"k1:{KEYS.token_keys['k1'].hex()}"


def test_a_server_that_is_told_to_stop_under_load_answers_all_that_it_began_and_exits_with_0(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """Each request is answered whole or did nothing at all: as many mints were answered as the database counts.

    Nothing that was under way for a moment when SIGTERM came is turned away; sign-ins take long enough to be.
    Fails when the workers are killed instead of told: so it was broken, and sign-ins were cut off.
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
    with ThreadPoolExecutor(len(calls)) as threads:
        running = [threads.submit(_call_until_turned_away, live_server.url, call) for _, call in calls]
        time.sleep(1)
        a_moment_before = time.monotonic()
        time.sleep(0.1)
        assert live_server.stop() == 0
        ended = [each.result() for each in running]
    assert [set(statuses) for statuses, _ in ended] == [{status} for status, _ in calls]
    assert all(begun > a_moment_before for _, begun in ended), "a request that was under way was cut off"
    counted = [rows.generation_of(database, each.token.id) for each in refresh]
    assert [len(statuses) for statuses, _ in ended[:MINTING_CLIENTS]] == counted
    assert "Traceback" not in live_server.log()


def _call_until_turned_away(url: str, call: Call) -> tuple[list[int], float]:
    """The statuses of whole answers; when the request was begun that met a closed or refused connection."""
    statuses = []
    with requests.Session() as session:
        while True:
            begun = time.monotonic()
            try:
                answer = call(Alation(url, session))
            except requests.exceptions.ConnectionError:  # an answer that breaks off is another exception
                return statuses, begun
            assert isinstance(answer.json(), dict)
            statuses.append(answer.status_code)


@pytest.mark.shares_server
@ON_SQLITE
def test_a_second_server_on_the_same_port_is_refused_and_does_no_harm(live_server: LiveServer) -> None:
    refusal = _refusal(live_server)
    assert refusal.startswith(f"can't listen on 127.0.0.1:{live_server.port} (Address already in use)")
    assert requests.get(f"{live_server.url}/readyz", timeout=5).json()["ready"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DAYPASS_TOKEN_KEYS": ""}, "DAYPASS_TOKEN_KEYS is missing"),
        ({"DAYPASS_TOKEN_KEYS": RING[:-2]}, "DAYPASS_TOKEN_KEYS is short"),
        ({"DAYPASS_TOKEN_KEYS": f"k1:{PEPPER}"}, "two of the keys"),
        ({"DAYPASS_PROT": "8080"}, "unknown setting DAYPASS_PROT"),
        ({"FLASK_DEBUG": "1", "DAYPASS_HOST": "0.0.0.0"}, "debug mode is on"),
        ({"DAYPASS_DATABASE_URL": "postgresql://127.0.0.1:1/daypass"}, "Not available: the database cannot be reached"),
    ],
)
def test_a_server_refuses_to_start_on_settings_that_will_not_do(
    database_url: str, tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    assert _refusal(LiveServer(database_url, tmp_path, **environment)).startswith(told)


@ON_SQLITE
def test_a_server_refuses_a_keys_file_that_others_can_read(database_url: str, tmp_path: Path) -> None:
    keys = tmp_path / KEYS_FILE
    keys.write_text(f"DAYPASS_TOKEN_KEYS={RING}\nDAYPASS_PASSWORD_PEPPER={PEPPER}\n", encoding="utf-8")
    keys.chmod(0o640)
    server = LiveServer(database_url, tmp_path, DAYPASS_TOKEN_KEYS="", DAYPASS_PASSWORD_PEPPER="")
    assert _refusal(server) == f"{keys} can be read by others: run chmod 600 {keys}"


@ON_SQLITE
def test_a_server_refuses_a_database_without_the_current_schema(tmp_path: Path, database_url: str) -> None:
    empty = LiveServer(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path)
    newest = schema.newest_revision()
    assert _refusal(empty) == f"the schema is at nothing, not at {newest}: run `daypass db upgrade`"


def test_a_server_refuses_a_lifetime_out_of_range_in_the_database(
    database_url: str, tmp_path: Path, services: Services, database: Database
) -> None:
    services.instance_settings.change("access_token_lifespan", "2", OPERATOR)
    with database.transaction() as session:
        session.execute(update(InstanceSettingRow).values(value="100000"))
    assert _refusal(LiveServer(database_url, tmp_path)) == (
        "the database has a setting out of its range: access_token_lifespan must be between 1 and 720 hours, not 100000"
    )


def test_a_server_refuses_a_postgresql_that_could_lose_or_hide_what_was_acknowledged(
    own_postgres: PostgresDatabases, tmp_path: Path
) -> None:
    with own_postgres.fresh() as url:
        server = LiveServer(url, tmp_path)
        name = url.split("?")[0].rpartition("/")[2]
        _execute(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
        assert _refusal(server).startswith("the database runs with synchronous_commit=off")
        _execute(url, f"ALTER DATABASE {name} RESET synchronous_commit")
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
    """What `daypass serve` says, in one line on standard error, when it refuses."""
    done = server.command("serve")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert PEPPER[:8] not in line and RING[3:11] not in line
    return line.removeprefix("Error: ")


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_init_makes_everything_ready_and_changes_nothing_when_it_is_run_again(tmp_path: Path) -> None:
    """From an empty folder, with the keys in a file that only its owner can read."""
    instance = LiveServer("", tmp_path / "instance", DAYPASS_TOKEN_KEYS="", DAYPASS_PASSWORD_PEPPER="")
    first = instance.command("init")
    assert (first.returncode, first.stdout) == (0, "")
    made, administrator = first.stderr.splitlines()
    keys = instance.folder / KEYS_FILE
    assert made == f"Generated the keys: {keys}. Keep a copy, apart from the database's."
    told, _, password = administrator.rpartition(" ")
    assert told == "Created the administrator admin; password, shown this once:"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.read_text().count(password) == 0

    with _application(instance.folder) as (services, database):
        before, written = rows.everything(database), keys.read_bytes()
        second = instance.command("init")
        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
        assert (rows.everything(database), keys.read_bytes()) == (before, written)
        user = services.accounts.authenticate("admin", password, Caller(""))
        assert user.role is Role.SERVER_ADMIN


def test_init_makes_the_administrator_who_was_asked_for_and_does_not_repeat_the_password(tmp_path: Path) -> None:
    instance = LiveServer(
        "", tmp_path, DAYPASS_TOKEN_KEYS="", DAYPASS_PASSWORD_PEPPER="",
        DAYPASS_ADMIN_USERNAME="anna", DAYPASS_ADMIN_PASSWORD=PASSWORD,
    )  # fmt: skip
    done = instance.command("init")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1:] == ["Created the administrator anna with the password you gave."]
    assert PASSWORD not in done.stderr
    with _application(instance.folder) as (services, _):
        assert services.accounts.authenticate("anna", PASSWORD, Caller("")).role is Role.SERVER_ADMIN


@contextmanager
def _application(folder: Path) -> Iterator[tuple[Services, Database]]:
    """The instance in that folder, in this process."""
    settings = Settings(instance=str(folder))
    app = create_app(settings, read_keys(settings))
    with app.app_context():
        yield parts(app).services, app.extensions["daypass_database"]
        db.engine.dispose()
