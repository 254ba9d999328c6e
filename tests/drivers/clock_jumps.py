"""Hosts whose clocks jump by a minute to ten years, either way, under load, and are right again at the end of a round.

Tokens are created, minted from and revoked by those clocks, and the scheduler of each host is a real process with its
clock. On SQLite there is one host, on PostgreSQL there are two, and the database's clock stays right.
"""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
from sqlalchemy import func, select

from app.domain.clock import system_clock
from app.domain.clock_mark import Agreement
from app.domain.errors import Refusal, Unavailable
from app.domain.tokens import TokenStatus
from app.jobs import JOBS
from app.services import Services
from app.services.job_runs import JobStatus
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests.databases import KEYS, connected, services_on
from tests.drivers.false_clock import FalseClock
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, Access, Refresh, allowed_user, generate, issue, make_user, mint, works

T = TypeVar("T")

LONGEST_SECONDS = 120
"""Until all jobs are OK again."""

LOAD_SECONDS = 0.8
WATCHED_SECONDS = 1.5
"""The schedulers notice a jump within a second."""

UNTOUCHED = 5
UNITS = tuple(timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
MOST = {UNITS[0]: 59, UNITS[1]: 23, UNITS[2]: 3650}


class Host:
    """A host's processes: its scheduler, and the services as its workers have them."""

    def __init__(self, url: str, folder: Path, database: Database, number: int) -> None:
        self.ahead = timedelta(0)
        self._clock = FalseClock(folder / f"clock-{number}")
        self.services = services_on(database, KEYS, lambda: system_clock() + self.ahead)
        server = LiveServer(url, folder, **self._clock.environment)
        self.log = folder / f"scheduler-{number}.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "app", "scheduler"]
            self.process = subprocess.Popen(command, env=server.environment, stdout=log, stderr=log)

    def set(self, ahead: timedelta) -> None:
        self.ahead = ahead
        self._clock.set(ahead)

    def has_begun(self) -> bool:
        """Whether its scheduler runs, which has threads."""
        assert self.process.poll() is None, self.log.read_text()
        return psutil.Process(self.process.pid).num_threads() > 1

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.services.close()
        log = self.log.read_text()
        assert "Traceback" not in log, [line[:100] + line[-600:] for line in log.splitlines() if "Traceback" in line]


class Hosts:
    """One host on SQLite, two on PostgreSQL. `slowest_seconds`: the longest time until all jobs were OK again."""

    def __init__(self, url: str, folder: Path, seed: int, load_seconds: float = LOAD_SECONDS) -> None:
        self._url, self._folder = url, folder
        self._random = random.Random(seed)
        self._stack = ExitStack()
        self._load_seconds = load_seconds
        self.slowest_seconds = 0.0
        self.revoked: list[Access | Refresh] = []

    def __enter__(self) -> "Hosts":
        self._database = self._stack.enter_context(connected(self._url))
        self._began_at = system_clock()
        self.right = services_on(self._database, KEYS, system_clock)
        self._stack.callback(self.right.close)
        self._user = make_user(self.right)
        self._owner = allowed_user(self.right)
        self._untouched = [issue(self.right, self._user) for _ in range(UNTOUCHED)]
        self._accesses = [mint(self.right, each) for each in self._untouched]
        self._accesses += [generate(self.right, self._owner, 400 * UNITS[2]), generate(self.right, self._owner, None)]
        self._busy = [issue(self.right, self._user) for _ in range(UNTOUCHED)]
        number = 2 if self._url.startswith("postgresql") else 1
        self.hosts = [Host(self._url, self._folder, self._database, each) for each in range(number)]
        for host in self.hosts:
            self._stack.callback(host.close)
        while not all(host.has_begun() for host in self.hosts):  # by the right clock: with another, it would refuse to
            time.sleep(0.05)
        self._wait_for_jobs()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def round(self) -> timedelta:
        """One round; the largest jump. Raises AssertionError where anything is not as before."""
        before = self._count()
        wrong = self._random.sample(self.hosts, self._random.randint(1, len(self.hosts)))
        for host in wrong:
            host.set(self._jump())
        jumps = [host.ahead for host in wrong]
        self._load()
        time.sleep(WATCHED_SECONDS)
        for host in wrong:
            host.set(timedelta(0))
        started = time.monotonic()
        self._wait_for_jobs()
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - started)
        self._verify(before)
        return max(jumps, key=abs)

    def _jump(self) -> timedelta:
        unit = self._random.choice(UNITS)
        return unit * self._random.randint(1, MOST[unit]) * self._random.choice((-1, 1))

    def _load(self) -> None:
        """Mints, revocations and the jobs by hand, on all hosts at once, by their clocks."""
        ends = time.monotonic() + self._load_seconds
        doomed = [_acknowledged(partial(issue, self.right, self._user)) for _ in range(2)]
        access = _acknowledged(partial(mint, self.right, doomed[0]))
        self.revoked += [*doomed, access, _acknowledged(partial(generate, self.right, self._owner))]
        threads = [threading.Thread(target=self._mint, args=(host.services, ends)) for host in self.hosts]
        for thread in threads:
            thread.start()
        for each in self.revoked[-4:]:
            services = self._random.choice(self.hosts).services
            _acknowledged(partial(services.revoking.revoke, each.token.public_id, "a round", OPERATOR))
            for sweep in (services.expiring.expire_due, lambda by=services: by.expiring.purge(OPERATOR)):
                with suppress(Refusal):  # held
                    sweep()
        for thread in threads:
            thread.join()

    def _mint(self, services: Services, ends: float) -> None:
        while time.monotonic() < ends:
            for refresh in self._busy:
                with suppress(Refusal):  # it has expired by this clock
                    mint(services, refresh)
            time.sleep(0.02)

    def _wait_for_jobs(self) -> None:
        schedule = {job.name: job.every for job in JOBS}
        deadline = time.monotonic() + LONGEST_SECONDS
        while not all(self._is_ok(each.lag, each.status) for each in self.right.job_runs.health(schedule)):
            assert time.monotonic() < deadline, self.right.job_runs.status()
            time.sleep(0.1)

    @staticmethod
    def _is_ok(lag: timedelta | None, status: JobStatus | None) -> bool:
        return status is not None and status.last_error is None and not status.is_running and lag == timedelta(0)

    def _verify(self, before: tuple[int, int]) -> None:
        refused = [each.token.public_id for each in (*self._untouched, *self._accesses) if not works(self.right, each)]
        assert not refused, "refused although nobody touched them"
        for refresh in self._busy:
            access = _acknowledged(partial(mint, self.right, refresh))
            assert works(self.right, access), "no access token that works"
            assert self._active_under(refresh) == 1
        accepted = [each.token.public_id for each in self.revoked if works(self.right, each)]
        assert not accepted, "accepted although they were revoked"
        after = self._count()
        assert all(now >= then for then, now in zip(before, after, strict=True)), "tokens are missing"
        # A jump of less than an hour is followed: the clock is behind then, which holds nothing.
        assert self.right.clock_agreement.state().agreement is not Agreement.AHEAD

    def _active_under(self, refresh: Refresh) -> int:
        row = AccessTokenRow
        with self._database.reading() as session:
            found = session.scalars(select(row).where(row.refresh_token_id == refresh.token.id))
            return [as_access_token(each, system_clock()).status for each in found].count(TokenStatus.ACTIVE)

    def _count(self) -> tuple[int, int]:
        """Of each tier; without those of a clock that was behind, which expired long ago by their own rows."""
        with self._database.reading() as session:
            refresh, access = (
                session.scalar(select(func.count()).where(table.created_at >= self._began_at))
                for table in (RefreshTokenRow, AccessTokenRow)
            )
            return refresh or 0, access or 0


def _acknowledged(act: Callable[[], T]) -> T:
    """Its result; SQLite has one writer at a time, who may keep the others waiting for too long."""
    while True:
        with suppress(Unavailable):
            return act()
