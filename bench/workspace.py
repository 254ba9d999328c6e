"""What one run works with: a folder, a PostgreSQL server, and databases that are filled when first needed."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from app.domain.clock import system_clock
from bench.environment import ROOT, Checkout
from bench.installations import Installation, install
from bench.pacing import compiled
from bench.plan import Plan
from bench.postgres import Postgres
from bench.serve import THREADS

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
DATABASES = (SQLITE, POSTGRESQL)

KEPT_SECONDS = 16 * 3600
"""How long a kept database is used: its access tokens expire after a day."""


@dataclass(frozen=True)
class Filled:
    """A peer's database: the variables its server needs, and the folder with the tokens to present."""

    environment: dict[str, str]
    folder: Path


class Workspace:
    """Within a ``with``, which removes everything at its end, unless it is to be kept in the folder `kept`."""

    def __init__(self, plan: Plan, kept: Path | None = None) -> None:
        self.plan = plan
        self._kept = kept
        self._open = ExitStack()
        self._ready: set[Path] = set()

    def __enter__(self) -> "Workspace":
        if self._kept is None:
            self.folder = Path(tempfile.mkdtemp(prefix="daypass-bench-"))
            self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        else:
            self.folder = self._kept.resolve()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._open.close()

    @cached_property
    def postgres(self) -> Postgres:
        return self._open.enter_context(Postgres(self.folder / "postgresql"))

    @cached_property
    def paced(self) -> Path:
        """The program that makes load at a fixed rate."""
        return compiled(self.folder)

    def processes(self) -> Iterator[int]:
        """Of PostgreSQL, if it runs, which is no child of this one."""
        if "postgres" in self.__dict__:
            yield self.postgres.pid

    def server_of(self, database: str) -> int | None:
        """The process of the database server; None for SQLite, which has none."""
        return self.postgres.pid if database == POSTGRESQL else None

    def daypass(
        self, database: str, live: int, due: int = 0, users: int | None = None, checkout: Checkout | None = None
    ) -> Installation:
        """An installation of `checkout` (this one if None) with that many tokens; the same one at the next call."""
        users = min(live, users or self.plan.users)
        checkout = checkout or Checkout(ROOT)
        sample = self.plan.sample
        name = f"daypass_{live}_{due}" + ("" if checkout.folder == ROOT else "_other")
        amounts = {"users": users, "sample": sample}

        def fill(folder: Path, url: str) -> None:
            progress(f"filling Daypass on {database}: {live:,} live tokens, {due:,} due")
            install(checkout, folder, url, users, live, due, sample)

        folder, url = self.filled(name, database, amounts, fill)
        installation = Installation(checkout, folder, url)
        self._migrate(installation)
        return installation

    def peer(self, rows: str, database: str) -> Filled:
        """A peer's database, filled by the module `rows` of ``bench.apps``; the same one at the next call."""
        amounts = {"users": self.plan.users, "tokens": self.plan.tokens, "sample": self.plan.sample}

        def fill(folder: Path, url: str) -> None:
            progress(f"filling {rows} on {database}")
            command = [f"bench.apps.{rows}", *map(str, amounts.values()), str(folder)]
            if Checkout(ROOT).start(command, _variables(url)).wait():
                raise RuntimeError(f"{rows} could not fill its database on {database}")

        folder, url = self.filled(rows, database, amounts, fill)
        return Filled(_variables(url), folder)

    def filled(
        self, name: str, database: str, key: dict[str, Any], fill: Callable[[Path, str], None]
    ) -> tuple[Path, str]:
        """Its folder and address; filled, unless one that was filled for the same `key` has been kept."""
        folder = self._folder(name, database)
        stamp = folder / "filled.json"
        if folder not in self._ready and not _is_fresh(stamp, key):
            fill(*self._empty(name, database))
            stamp.write_text(json.dumps(key | {"at": system_clock().timestamp()}))
            if database == POSTGRESQL:
                self.postgres.checkpoint()
        self._ready.add(folder)
        return folder, self._url(name, database)

    def _migrate(self, installation: Installation) -> None:
        """Bring a kept database to the schema of its checkout."""
        stamp, newest = installation.folder / "schema.txt", _newest_migration(installation.checkout.folder)
        if not stamp.exists() or stamp.read_text() != newest:
            installation.initialize()
            stamp.write_text(newest)

    def _folder(self, name: str, database: str) -> Path:
        return self.folder / f"{name}_{database.lower()}"

    def _url(self, name: str, database: str) -> str:
        return (
            f"sqlite:///{self._folder(name, database) / 'data.db'}" if database == SQLITE else self.postgres.url(name)
        )

    def _empty(self, name: str, database: str) -> tuple[Path, str]:
        folder = self._folder(name, database)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        if database == POSTGRESQL:
            self.postgres.create(name)
        return folder, self._url(name, database)


def _is_fresh(stamp: Path, key: dict[str, Any]) -> bool:
    stored = json.loads(stamp.read_text()) if stamp.exists() else {"at": 0}
    return system_clock().timestamp() - stored.pop("at") < KEPT_SECONDS and stored == key


def _newest_migration(folder: Path) -> str:
    return max(path.name for path in (folder / "migrations" / "versions").glob("[0-9]*.py"))


def _variables(url: str) -> dict[str, str]:
    return {"BENCH_DATABASE_URL": url, "BENCH_THREADS": str(THREADS)}


_STARTED = time.monotonic()


def progress(message: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - _STARTED:5.0f}  {message}", flush=True)
