"""The ground of one run: a work folder, a PostgreSQL server, and databases that are filled when first asked for.

Here belongs which databases there are. Not here: how rows are made (``bench.installations``, ``bench.apps``).
"""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from bench.installations import Installation, install
from bench.plan import Plan
from bench.postgres import Postgres
from bench.serve import THREADS
from bench.surroundings import ROOT, clean_environment

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
DATABASES = (SQLITE, POSTGRESQL)


@dataclass(frozen=True)
class Filled:
    """A peer's database: the variables its server needs, and the folder with the tokens to present."""

    environment: dict[str, str]
    folder: Path


class Ground:
    """Within a ``with``; everything in it is gone afterwards."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._open = ExitStack()
        self._installations: dict[tuple[str, int, int, int], Installation] = {}
        self._peers: dict[tuple[str, str], Filled] = {}

    def __enter__(self) -> "Ground":
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

    def daypass(self, database: str, live: int, due: int = 0, users: int | None = None) -> Installation:
        """An installation with that many tokens; the same one when asked again."""
        users = min(live, users or self.plan.users)
        key = (database, live, due, users)
        if key not in self._installations:
            say(f"filling Daypass on {database}: {live:,} live tokens, {due:,} due")
            folder, url = self._empty(f"daypass_{live}_{due}_{users}", database)
            self._installations[key] = install(folder, url, users, live, due, self.plan.sample)
            self._settle(database)
        return self._installations[key]

    def peer(self, rows: str, database: str) -> Filled:
        """A peer's database, filled by the module `rows` of ``bench.apps``; the same one when asked again."""
        key = (rows, database)
        if key not in self._peers:
            say(f"filling {rows} on {database}")
            folder, url = self._empty(rows, database)
            made = Filled({"BENCH_DATABASE_URL": url, "BENCH_THREADS": str(THREADS)}, folder)
            amounts = (self.plan.users, self.plan.tokens, self.plan.sample)
            subprocess.run(
                [sys.executable, "-m", f"bench.apps.{rows}", *map(str, amounts), str(folder)],
                cwd=ROOT,
                env=clean_environment() | made.environment,
                check=True,
            )
            self._settle(database)
            self._peers[key] = made
        return self._peers[key]

    def _empty(self, name: str, database: str) -> tuple[Path, str]:
        """A folder, and the address of a database that has nothing in it."""
        folder = self.folder / f"{name}_{database.lower()}"
        folder.mkdir(mode=0o700)
        if database == SQLITE:
            return folder, f"sqlite:///{folder / 'data.db'}"
        return folder, self.postgres.create(name)

    def _settle(self, database: str) -> None:
        if database == POSTGRESQL:
            self.postgres.checkpoint()


_BEGUN = time.monotonic()


def say(what: str) -> None:
    """Tell the one who waits, with the seconds that have gone by."""
    print(f"{time.monotonic() - _BEGUN:5.0f}  {what}", flush=True)
