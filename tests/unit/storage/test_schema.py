"""The questions of start-up and of ``/readyz``: the schema's revision, and safe settings."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from app.storage.database import Database
from app.storage.schema import (
    MIGRATIONS,
    _known_revisions,
    current_revision,
    has_users,
    is_behind,
    newest_revision,
    startup_problem,
)
from config import Settings
from tests.databases import connected
from tests.drivers.server import LiveServer
from tests.unit.storage.planting import ON_POSTGRESQL, plant_user

pytestmark = pytest.mark.both_databases

UPGRADES = """
import sys
from app.cli.database import migrations
from app.factory import create_app, db

app = create_app()
with app.app_context():
    print("ready", flush=True)
    for _ in sys.stdin:
        migrations(app).upgrade()
        db.engine.dispose()
        print("upgraded", flush=True)
"""


def execute(database: Database, *statements: str) -> None:
    with database.transaction() as session:
        for statement in statements:
            session.execute(text(statement))


def empty(url: str) -> None:
    """Take everything out of a database, the schema included."""
    if url.startswith("sqlite"):
        for file in Path(make_url(url).database).parent.glob("daypass.db*"):
            file.unlink()
        Path(make_url(url).database).touch()
        return
    with connected(url) as database:
        execute(database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def test_a_database_with_a_current_or_newer_schema_is_fit_and_holds_users_if_it_has_any(database_url: str) -> None:
    """Migrations only add: this release goes on working while the next one is being rolled out.

    `init` asks for users before it generates keys: with other keys, their passwords would be lost.
    """
    address = Settings(database_url=database_url).sqlalchemy_url
    with connected(database_url) as database:
        assert current_revision(database.engine) == newest_revision()
        assert startup_problem(database.engine) is None
        assert not has_users(address)
        with database.transaction() as session:
            plant_user(session)
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert has_users(address)
        assert current_revision(database.engine) == "9999"
        assert startup_problem(database.engine) is None
    empty(database_url)
    with connected(database_url) as database:
        assert current_revision(database.engine) is None
        unfit = f"the schema is at nothing, not at {newest_revision()}: run `daypass db upgrade`"
        assert startup_problem(database.engine) == unfit
    assert not has_users(address)


def test_a_schema_is_behind_when_it_is_at_nothing_or_at_an_earlier_migration() -> None:
    known = sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    assert known == list(_known_revisions()) and known[-1] == newest_revision()
    behind = {revision: is_behind(revision) for revision in (None, *known, "9999")}
    assert behind == {None: True} | dict.fromkeys(known[:-1], True) | {known[-1]: False, "9999": False}


@ON_POSTGRESQL
def test_a_database_that_may_lose_acknowledged_writes_is_unfit(database: Database, elsewhere: Database) -> None:
    """Fails when `startup_problem` does not ask for `synchronous_commit`. The suite's own server is durable."""
    with database.engine.connect() as connection:
        assert [connection.scalar(text(f"SHOW {name}")) for name in ("fsync", "synchronous_commit")] == ["on", "on"]
    unfit = "the database runs with synchronous_commit=off: acknowledged writes could be lost; turn it on"
    for value, expected in (("off", unfit), ("local", None), ("on", None)):
        name = database.engine.url.database
        execute(elsewhere, f"ALTER DATABASE {name} SET synchronous_commit = {value}")
        database.engine.dispose()  # new connections have it
        assert startup_problem(database.engine) == expected


def test_two_processes_that_upgrade_an_empty_database_at_once_both_succeed(database_url: str, tmp_path: Path) -> None:
    """Fails when the migrations take no lock: the second finds tables that the first has just made."""
    with upgrading(database_url, tmp_path) as one, upgrading(database_url, tmp_path) as other:
        for _ in range(2):
            empty(database_url)
            for process in (one, other):
                print("go", file=process.stdin, flush=True)
            assert [process.stdout.readline().strip() for process in (one, other)] == ["upgraded"] * 2
            with connected(database_url) as database:
                assert startup_problem(database.engine) is None


@contextmanager
def upgrading(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that upgrades the database at each line on its standard input."""
    environment = LiveServer(url, folder, DAYPASS_LOG_LEVEL="ERROR").environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", UPGRADES], env=environment, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()
