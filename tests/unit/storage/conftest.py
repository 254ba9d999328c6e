"""What the tests of the storage share: databases that many tests use one after the other, and second engines.

Here belong fixtures for queries alone, whose work is undone. Whoever needs to see commits takes ``database``.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.storage.database import Database, engine_options
from config import Settings


@contextmanager
def connected(url: str) -> Iterator[Database]:
    """The database at that address, through an engine of its own."""
    address = Settings(database_url=url).sqlalchemy_url
    engine = create_engine(address, **engine_options(address, 16))
    yield Database(engine)
    engine.dispose()


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
    with Session(writing, expire_on_commit=False) as session:
        yield session
        session.rollback()


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Database]:
    """The same database as another process has it, with an engine and a queue of writers of its own."""
    with connected(database.engine.url.render_as_string(hide_password=False)) as other:
        yield other
