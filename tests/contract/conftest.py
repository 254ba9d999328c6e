"""What the contract tests share: one application per module and database, and a clock that can be moved."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.factory import create_app, db
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from config import Settings
from tests.contract.asking import Alation, AskedGate, Headers, OAuth, Trifacta, basic, bearer
from tests.contract.asking_native import Native, Person, person
from tests.contract.states import World
from tests.databases import CHEAPEST_COST, KEYS, destroy
from tests.factories import OPERATOR, PASSWORD, allowed_user, issue, make_user, mint


class MovableClock:
    """The machine's clock; a test can stop it, or look at the future."""

    def __init__(self) -> None:
        self._stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        return self._stopped_at or system_clock()

    @contextmanager
    def stopped_at(self, instant: datetime) -> Iterator[datetime]:
        before, self._stopped_at = self._stopped_at, instant
        try:
            yield instant
        finally:
            self._stopped_at = before

    def later(self, **by: float) -> AbstractContextManager[datetime]:
        """As if that much time had passed; the arguments are a timedelta's."""
        return self.stopped_at(self() + timedelta(**by))


class Setting(Protocol):
    """Changes instance settings until the end of a with block."""

    def __call__(self, **values: str) -> AbstractContextManager[None]: ...


@pytest.fixture(scope="module")
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a fresh database for one module."""
    if request.param == "sqlite":
        with request.getfixturevalue("sqlite_files").fresh(tmp_path_factory.mktemp("contract")) as url:
            yield url
    else:
        with request.getfixturevalue("postgres").fresh() as url:
            yield url


@pytest.fixture(scope="module")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = str(tmp_path_factory.mktemp("instance"))
    return Settings(instance=folder, database_url=database_url, bcrypt_cost=CHEAPEST_COST, log_level="DEBUG")


@pytest.fixture(scope="module")
def module_clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="module")
def app(settings: Settings, module_clock: MovableClock) -> Iterator[Flask]:
    """The application as it is served: behind the gate."""
    app = create_app(settings, KEYS, module_clock)
    app.wsgi_app = Gate(app.wsgi_app, parts(app))  # type: ignore[method-assign]
    yield app
    close(app)


def close(app: Flask) -> None:
    """End its threads and its connections."""
    parts(app).services.close()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def services(app: Flask) -> Services:
    return parts(app).services


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["daypass_database"]
    return found


@pytest.fixture
def clock(module_clock: MovableClock) -> MovableClock:
    return module_clock


@pytest.fixture
def without_database(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> Iterator[tuple[Flask, Callable[[], None]]]:
    """An application on a database of its own, and what takes that database away."""
    kind = settings.database_url.partition(":")[0].partition("+")[0]
    databases = request.getfixturevalue("sqlite_files" if kind == "sqlite" else "postgres")
    with databases.fresh(*([tmp_path] if kind == "sqlite" else [])) as url:
        app = create_app(Settings(instance=str(tmp_path), database_url=url, bcrypt_cost=CHEAPEST_COST), KEYS)

        def destroy_it() -> None:
            close(app)
            destroy(url)

        app.wsgi_app = Gate(app.wsgi_app, parts(app))  # type: ignore[method-assign]
        yield app, destroy_it
        close(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    # With a cookie jar, the test client would drop the `Cookie` headers that tests send.
    return app.test_client(use_cookies=False)


@pytest.fixture
def alation(client: FlaskClient) -> Alation:
    return Alation(client)


@pytest.fixture
def oauth(client: FlaskClient) -> OAuth:
    return OAuth(client)


@pytest.fixture
def trifacta(client: FlaskClient) -> Trifacta:
    return Trifacta(client)


@pytest.fixture
def native(client: FlaskClient) -> Native:
    return Native(client)


@pytest.fixture
def admin(services: Services, native: Native) -> Person:
    """A new administrator, who calls the native API."""
    return person(services, native, Role.SERVER_ADMIN)


@pytest.fixture
def anna(services: Services, native: Native) -> Person:
    """A new user, who calls the native API."""
    return person(services, native)


@pytest.fixture
def gate(app: Flask) -> AskedGate:
    return AskedGate(app)


@pytest.fixture
def as_allowed(services: Services) -> Headers:
    """The headers of a new user who was individually allowed to make API tokens."""
    return basic(allowed_user(services, password=PASSWORD).username, PASSWORD)


@pytest.fixture(scope="module")
def as_introspector(services: Services) -> Headers:
    """The headers of an API that asks, by the access token of its service account."""
    return bearer(mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR))).secret)


@pytest.fixture
def proof(services: Services) -> dict[str, Any]:
    """The members that prove a fresh refresh token of a new user."""
    refresh = issue(services, make_user(services))
    return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}


@pytest.fixture
def setting(services: Services) -> Setting:
    """``with setting(access_token_lifespan="2"):`` - and as before afterwards."""

    @contextmanager
    def changed(**values: str) -> Iterator[None]:
        before = {name: services.instance_settings.get(name).value for name in values}
        for name, value in values.items():
            services.instance_settings.change(name, value, OPERATOR)
        try:
            yield
        finally:
            for name, value in before.items():
                services.instance_settings.change(name, value, OPERATOR)

    return changed


@pytest.fixture
def world(services: Services, clock: MovableClock, setting: Setting) -> World:
    return World(services, clock, setting)
