"""Fixtures of all client tests: a running Daypass, a refresh token, a cache folder per test."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain.clock import system_clock
from app.domain.tokens import Issued, RefreshToken
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from clients.python.tests.recording import Recorder
from config import Settings
from tests.databases import KEYS, SqliteFiles, close, run_folder
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user
from tests.secrecy import secrets_in


@dataclass(frozen=True)
class Daypass:
    """A real server, and in this process the services on its database. `past`: services whose clock is behind."""

    server: LiveServer
    services: Services
    database: Database
    past: Callable[[timedelta], Services]

    @property
    def url(self) -> str:
        return self.server.url

    def refresh_token(self, ends_in: timedelta | None = None) -> Issued[RefreshToken]:
        """A new refresh token of a new user; `ends_in` of its 60 days are left."""
        services = self.services if ends_in is None else self.past(timedelta(days=60) - ends_in)
        return issue(services, make_user(self.services))

    def mints(self, refresh: Issued[RefreshToken]) -> int:
        """How many access tokens were minted with it."""
        with self.database.engine.connect() as connection:
            minted = select(func.count()).where(AccessTokenRow.refresh_token_id == refresh.token.id)
            return connection.scalars(minted).one()


@pytest.fixture(scope="session")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    """One server for all tests; each test creates its own user."""
    folder = tmp_path_factory.mktemp("daypass")
    files = SqliteFiles(run_folder(tmp_path_factory))
    with files.fresh(folder) as url:
        settings = Settings(instance=str(folder), database_url=url, bcrypt_cost=10)
        app = create_app(settings, KEYS)
        database = app.extensions["daypass_database"]
        apps = [app]

        def past(ago: timedelta) -> Services:
            root = logging.getLogger()
            handlers, level = root.handlers[:], root.level
            apps.append(create_app(settings, KEYS, lambda: system_clock() - ago))
            root.handlers[:] = handlers  # create_app replaced them
            root.setLevel(level)
            return parts(apps[-1]).services

        with LiveServer(url, folder, workers=1) as server:
            yield Daypass(server, parts(app).services, database, past)
        assert not secrets_in(server.log())
        for each in apps:
            close(each)


@pytest.fixture
def refresh(daypass: Daypass) -> Issued[RefreshToken]:
    return daypass.refresh_token()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A server that is not Daypass and records its requests."""
    with Recorder() as server:
        yield server


@pytest.fixture
def another_recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        yield server


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test's clients, and an environment without DAYPASS variables."""
    for name in ("URL", "REFRESH_TOKEN", "USER_ID", "APIS", "FILE"):
        monkeypatch.delenv(f"DAYPASS_{name}", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "daypass"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[str]]:
    """All log lines of this process at DEBUG, those of requests and urllib3 too; none may contain a secret."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)
    leaked = [found for line in handler.lines for found in secrets_in(line)]
    assert not leaked, f"log lines contain secrets: {leaked[:3]}"
