"""What the tests of the storage share: databases that many tests use one after the other, and second engines."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.storage import database as storage
from app.storage import plain_lookup
from app.storage.database import Database
from app.storage.tables import UserRow
from tests.databases import connected
from tests.unit.storage.planting import plant_user

IMPATIENT_SECONDS = 0.3
"""The patience of tests about waiting; the product's own is tested as a number (``test_database``)."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are made from now on wait for so long, in place of two seconds."""
    for module in (storage, plain_lookup):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", IMPATIENT_SECONDS)
    options = f"-c lock_timeout={IMPATIENT_SECONDS * 750:.0f} -c timezone=UTC"
    monkeypatch.setattr(storage, "POSTGRESQL_OPTIONS", options)


@pytest.fixture(scope="module")
def kept_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database of each kind, the same for all tests of a module: they must leave nothing in it."""
    if request.param == "sqlite":
        fresh = request.getfixturevalue("sqlite_files").fresh(tmp_path_factory.mktemp("kept"))
    else:
        fresh = request.getfixturevalue("postgres").fresh()
    with fresh as url, connected(url) as database:
        yield database


@pytest.fixture
def session(kept_database: Database) -> Iterator[Session]:
    """A session whose work is undone at the end."""
    writing = kept_database.engine.execution_options(daypass_writes=time.monotonic)
    options = {"synchronize_session": False}
    with Session(writing, expire_on_commit=False, execution_options=options) as session:
        yield session
        session.rollback()


@pytest.fixture
def owner(session: Session) -> UserRow:
    return plant_user(session)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh one, without an application around it."""
    with connected(database_url) as database:
        yield database


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Database]:
    """The same database as another process has it, with an engine and a queue of writers of its own."""
    with connected(database.engine.url.render_as_string(hide_password=False)) as other:
        yield other
