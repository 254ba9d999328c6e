"""What one run works with: a folder, a PostgreSQL server, and databases that are filled when first needed."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from bench.environment import ROOT, Checkout
from bench.installations import Installation, install
from bench.plan import Plan
from bench.postgres import Postgres
from bench.serve import THREADS

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
DATABASES = (SQLITE, POSTGRESQL)


@dataclass(frozen=True)
class Filled:
    """A peer's database: the variables its server needs, and the folder with the tokens to present."""

    environment: dict[str, str]
    folder: Path


class Workspace:
    """Within a ``with``, which removes everything at its end."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._open = ExitStack()
        self._installations: dict[tuple[Path, str, int, int, int], Installation] = {}
        self._peers: dict[tuple[str, str], Filled] = {}

    def __enter__(self) -> "Workspace":
        self.folder = Path(tempfile.mkdtemp(prefix="daypass-bench-"))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._open.close()

    @cached_property
    def postgres(self) -> Postgres:
        return self._open.enter_context(Postgres())

    def daypass(
        self, database: str, live: int, due: int = 0, users: int | None = None, checkout: Checkout | None = None
    ) -> Installation:
        """An installation of `checkout` (this one if None) with that many tokens; the same one at the next call."""
        users = min(live, users or self.plan.users)
        checkout = checkout or Checkout(ROOT)
        key = (checkout.folder, database, live, due, users)
        if key not in self._installations:
            progress(f"filling Daypass on {database}: {live:,} live tokens, {due:,} due")
            folder, url = self._empty(f"daypass_{len(self._installations)}", database)
            self._installations[key] = install(checkout, folder, url, users, live, due, self.plan.sample)
            self._settle(database)
        return self._installations[key]

    def peer(self, rows: str, database: str) -> Filled:
        """A peer's database, filled by the module `rows` of ``bench.apps``; the same one at the next call."""
        key = (rows, database)
        if key not in self._peers:
            progress(f"filling {rows} on {database}")
            folder, url = self._empty(rows, database)
            filled = Filled({"BENCH_DATABASE_URL": url, "BENCH_THREADS": str(THREADS)}, folder)
            amounts = (self.plan.users, self.plan.tokens, self.plan.sample)
            command = [f"bench.apps.{rows}", *map(str, amounts), str(folder)]
            if Checkout(ROOT).start(command, filled.environment).wait():
                raise RuntimeError(f"{rows} could not fill its database on {database}")
            self._settle(database)
            self._peers[key] = filled
        return self._peers[key]

    def _empty(self, name: str, database: str) -> tuple[Path, str]:
        """A folder, and the address of an empty database."""
        folder = self.folder / f"{name}_{database.lower()}"
        folder.mkdir(mode=0o700)
        if database == SQLITE:
            return folder, f"sqlite:///{folder / 'data.db'}"
        return folder, self.postgres.create(name)

    def _settle(self, database: str) -> None:
        if database == POSTGRESQL:
            self.postgres.checkpoint()


_STARTED = time.monotonic()


def progress(message: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - _STARTED:5.0f}  {message}", flush=True)
