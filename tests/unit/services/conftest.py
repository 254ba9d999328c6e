"""What the tests of the services share: a database, the services on it, and the same ones as other hosts have them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app import logs
from app.domain.clock import Clock, system_clock
from app.domain.identity import User
from app.services import Services
from app.storage import clock_marks
from app.storage.database import Database, engine_options
from config import Keys
from tests.databases import KEYS, SqliteFiles, connected, services_on
from tests.factories import PASSWORD, Access, Refresh, issue, make_user, mint
from tests.unit.services.verdicts import MovedClock

THREADS = 16


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services") / "instance"


@pytest.fixture(scope="session")
def sqlite_database(sqlite_folder: Path) -> Iterator[Database]:
    """One for all tests, whose file each of them finds new: so that each statement is compiled once."""
    url = f"sqlite:///{sqlite_folder / 'daypass.db'}"
    database = Database(create_engine(url, **engine_options(url, THREADS)))
    yield database
    database.engine.dispose()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, sqlite_folder: Path) -> Iterator[str]:
    """The address of a fresh, migrated database of the test's kind."""
    if request.param == "sqlite":
        shutil.rmtree(sqlite_folder, ignore_errors=True)
        sqlite_folder.mkdir()
        files: SqliteFiles = request.getfixturevalue("sqlite_files")
        with files.fresh(sqlite_folder) as url:
            yield url
    else:
        with request.getfixturevalue("postgres").fresh() as url:
            yield url


@pytest.fixture
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    if database_url.startswith("sqlite"):
        database: Database = request.getfixturevalue("sqlite_database")
        yield database
        database.engine.dispose()
    else:
        with connected(database_url) as database:
            yield database


@pytest.fixture
def moved_clock() -> MovedClock:
    """The services' clock, of tests that use this."""
    return MovedClock()


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    """The services'."""
    if "moved_clock" in request.fixturenames:
        moved: MovedClock = request.getfixturevalue("moved_clock")
        return moved
    return system_clock


@pytest.fixture
def services(database: Database, clock: Clock) -> Iterator[Services]:
    logs.configure("DEBUG")
    services = services_on(database, KEYS, clock)
    yield services
    services.close()


@pytest.fixture
def anna(services: Services) -> User:
    """A user with a password."""
    return make_user(services, "anna", password=PASSWORD)


@pytest.fixture
def refresh(services: Services, anna: User) -> Refresh:
    """A refresh token of anna's."""
    return issue(services, anna)


@pytest.fixture
def access(services: Services, refresh: Refresh) -> Access:
    """The access token under it."""
    return mint(services, refresh)


@pytest.fixture
def no_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's cannot be stopped."""
    monkeypatch.setattr(clock_marks, "database_time", lambda _session: None)


@pytest.fixture
def services_with(database_url: str) -> Iterator[Callable[..., Services]]:
    """Makes the services of one more host on the test's database, with its own engine, `keys` and `clock`."""
    with ExitStack() as at_the_end:

        def make(keys: Keys = KEYS, clock: Clock = system_clock) -> Services:
            made = services_on(at_the_end.enter_context(connected(database_url)), keys, clock)
            at_the_end.callback(made.close)
            return made

        yield make


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[Database]:
    """The same database as another process has it, with an engine of its own."""
    with connected(database_url) as other:
        yield other
