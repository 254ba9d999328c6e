"""What every test can ask for: a database of either kind, the application on it, and a real server.

A test that takes ``database_url``, or anything made from it, runs on SQLite; marked ``both_databases`` (a test or a
module), on PostgreSQL too. Mark what depends on the database: queries, locks, lists, races, one story of each API.
"""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from xdist.remote import Producer

from app import logs
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import InstanceSettingRow
from config import Settings
from tests.compiled_once import compile_once
from tests.databases import CHEAPEST_COST, PostgresDatabases, SqliteFiles, application, run_folder
from tests.drivers.false_clock import library
from tests.drivers.provider import Provider, running_provider
from tests.drivers.server import LiveServer
from tests.groups import FUNCTIONAL, SHARE_A_SERVER, InGroups, place_of
from tests.secrecy import PASSWORD_MARK, secrets_in

# Other tests run beside: how long an example takes says nothing about the code.
hypothesis.settings.register_profile("daypass", deadline=None)
hypothesis.settings.load_profile("daypass")

compile_once()

gc.disable()  # until all is collected: nothing of it is garbage


def pytest_report_header() -> str:
    """How the tests make a clock wrong here."""
    return f"false clock of commands: {'libfaketime' if library() else 'as of servers (no libfaketime)'}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InGroups:
    """What distributes the tests, where several processes run them."""
    config.option.loadscopereorder = False  # they are in order already
    return InGroups(config, log)


def pytest_collection_finish() -> None:
    """Tests and modules stay to the end; to look through them for garbage takes longer than most tests."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest."""
    items.sort(key=lambda item: place_of(item.nodeid))
    lost = [item.nodeid for item in items if item.get_closest_marker("fills_machine") and FUNCTIONAL not in item.nodeid]
    assert not lost, f"tests that fill the machine belong in tests/functional, where `make test` looks for them: {lost}"
    sharing = {item.nodeid for item in items if item.get_closest_marker("shares_server")}
    lost = [test for test in sharing if not test.startswith(SHARE_A_SERVER)]
    assert not lost, f"tests that share a server belong in SHARE_A_SERVER, or each process starts one for them: {lost}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Decide on which kinds of database a test runs, unless it says so itself."""
    decided = {marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")}
    for fixture in {"database_url", "kept_database"} & set(metafunc.fixturenames) - decided:
        both = metafunc.definition.get_closest_marker("both_databases")
        metafunc.parametrize(fixture, ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(run_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresDatabases]:
    databases = PostgresDatabases(tmp_path_factory.mktemp("postgresql"), run_folder(tmp_path_factory))
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresDatabases]:
    """A server of this process, because stopping the shared one would stop other tests; each test starts it again."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAYPASS_TEST_POSTGRES_URL", raising=False)
        databases = PostgresDatabases(tmp_path_factory.mktemp("own_postgresql"))
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The tests' own OpenID provider, in a process of its own."""
    with running_provider() as provider:
        yield provider


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[LiveServer]:
    """`daypass serve` on that database; its log is searched for secrets at the end."""
    with LiveServer(url, folder, DAYPASS_ADMIN_PASSWORD=f"{PASSWORD_MARK}-that-no-process-keeps") as server:
        yield server
    leaked = secrets_in(server.log())
    assert not leaked, f"the server's log holds secrets: {leaked[:3]}"
    assert "Fatal Python error" not in server.log(), "a process of the server crashed"


@pytest.fixture(scope="session")
def shared_sqlite_server(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("shared_sqlite")
    with sqlite_files.fresh(folder) as url, _serving(url, folder) as server:
        yield server


@pytest.fixture(scope="session")
def shared_postgresql_server(
    postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("shared_postgresql")
    with postgres.fresh() as url, _serving(url, folder) as server:
        yield server


def _shared_server(request: pytest.FixtureRequest) -> LiveServer | None:
    """The one for the test's kind of database, if the test is marked ``shares_server``."""
    if request.node.get_closest_marker("shares_server") is None:
        return None
    kind = request.node.callspec.params["database_url"]
    server = request.getfixturevalue(f"shared_{kind}_server")
    assert isinstance(server, LiveServer)
    return server


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database of the test's kind; or of the one behind a shared server."""
    if shared := _shared_server(request):
        yield shared.environment["DAYPASS_DATABASE_URL"]
    elif request.param == "sqlite":
        with request.getfixturevalue("sqlite_files").fresh(tmp_path) as url:
            yield url
    else:
        with request.getfixturevalue("postgres").fresh() as url:
            yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(instance=str(tmp_path), database_url=database_url, bcrypt_cost=CHEAPEST_COST, log_level="DEBUG")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application, with the machine's clock (freezegun stops it)."""
    with application(settings) as app:
        yield app


@pytest.fixture
def services(app: Flask) -> Services:
    return parts(app).services


@pytest.fixture
def database(app: Flask) -> Database:
    found = app.extensions["daypass_database"]
    assert isinstance(found, Database)
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def live_server(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """`daypass serve` with two workers on that database.

    Starting one takes seconds, so tests that leave it as it is, count nothing but what is theirs and make users of
    their own are marked ``shares_server``. The instance settings are put back for the next one.
    """
    shared = _shared_server(request)
    if shared is None:
        with _serving(database_url, tmp_path) as server:
            yield server
        return
    database = request.getfixturevalue("database")
    yield shared
    with database.transaction() as session:
        session.execute(delete(InstanceSettingRow))


class _Lines(logging.Handler):
    """Keeps what is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        formatter = logs.config("DEBUG")["formatters"]["json"]
        kind = formatter.pop("()")
        self.setFormatter(kind(**formatter))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every log line of the test; none of them may hold a secret."""
    handler = _Lines()
    configure = logs.configure

    def configure_and_listen(*arguments: str) -> None:
        configure(*arguments)  # takes away all handlers, this one too
        logging.getLogger().addHandler(handler)

    monkeypatch.setattr(logs, "configure", configure_and_listen)
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)
    leaked = [found for line in handler.lines for found in secrets_in(line)]
    assert not leaked, f"log lines hold secrets: {leaked[:3]}"
