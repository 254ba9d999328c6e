"""Workers and supervisors killed at random under load: ``make kill-rounds``.

Prints a table of what was seen on each database, and exits with 1 if a promise was broken: `serve` never ends by
itself, nothing outlives it, no acknowledged write is lost, and no access token is accepted once its end was
acknowledged.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
import requests
from sqlalchemy import text

from app.http.context import parts
from app.server.socket_holders import WORKER_NAME
from app.storage.database import Database
from config import Settings
from tests import rows
from tests.databases import KINDS_OF_DATABASE, application, separate_database
from tests.drivers.alation import Alation
from tests.drivers.processes import still_running
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import Refresh, configure, issue, make_user

CLIENTS = 6
LEAST_SECONDS, MOST_SECONDS = 0.2, 2.0
"""Between two kills."""

MOST_SECONDS_TO_END = 2.0
MOST_SECONDS_TO_RETURN = 30
VICTIMS = {"a worker": 70, "all workers": 10, "the supervisor": 20}
"""By how often, of a hundred."""

REMEMBERED = 50
"""Ended access tokens that a client tries again and again; all of them are tried at the end."""


@dataclass
class Client:
    """Mints from a refresh token of its own, revokes, and checks; never two requests at once.

    `last`: the access token that must work, where the last request that could have changed that was answered.
    """

    url: str
    refresh: Refresh
    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    last: str | None = None
    ended: deque[str] = field(default_factory=deque)

    def run(self, stop: threading.Event) -> None:
        with requests.Session() as session:
            alation = Alation(self.url, session)
            while not stop.is_set():
                try:
                    random.choice((self._mint, self._mint, self._revoke, self._use, self._use, self._use_ended))(
                        alation
                    )
                except requests.RequestException:
                    self.seen["no answer"] += 1
                    time.sleep(0.02)

    def _mint(self, alation: Alation) -> None:
        before, self.last = self.last, None
        self.seen["mints begun"] += 1
        answer = alation.mint(self.refresh.secret, self.refresh.token.user_id)
        if self._is_acknowledged(answer, 201):
            self.seen["mints acknowledged"] += 1
            self.last = answer.json()["api_access_token"]
            if before is not None:
                self.ended.append(before)

    def _revoke(self, alation: Alation) -> None:
        before, self.last = self.last, None
        answer = alation.revoke_access_tokens(self.refresh.secret, self.refresh.token.user_id)
        if self._is_acknowledged(answer, 200):
            self.seen["revocations acknowledged"] += 1
            if before is not None:
                self.ended.append(before)

    def _use(self, alation: Alation) -> None:
        if self.last is None:
            return
        answer = alation.use(self.last)
        if answer.status_code not in (200, 503):
            self.broken.append(f"an acknowledged mint is lost: {answer.status_code} {answer.text}")
        self.seen["checks"] += 1

    def _use_ended(self, alation: Alation) -> None:
        if self.ended:
            self.try_ended(alation, self.ended[-random.randint(1, min(len(self.ended), REMEMBERED))])

    def try_ended(self, alation: Alation, token: str) -> None:
        """Check that an access token whose end was acknowledged is refused."""
        status = alation.use(token).status_code
        if status < 400:
            self.broken.append(f"an ended access token is accepted: {status}")
        self.seen["checks of ended tokens"] += 1

    def _is_acknowledged(self, answer: requests.Response, status: int) -> bool:
        if answer.status_code not in (status, 503):
            self.broken.append(f"an unexpected answer: {answer.status_code} {answer.text}")
        self.seen["503"] += answer.status_code == 503
        return answer.status_code == status

    def settle(self, database: Database) -> None:
        """Compare what was acknowledged with what the database has, on a server at rest."""
        with requests.Session() as session:
            alation = Alation(self.url, session)
            self._use(alation)
            for token in self.ended:
                self.try_ended(alation, token)
        generation = rows.generation_of(database, self.refresh.token.id)
        # Revoking access tokens opens a generation as well.
        if generation < self.seen["mints acknowledged"] + self.seen["revocations acknowledged"]:
            self.broken.append(f"acknowledged writes are lost: generation {generation}, {self.seen}")


class Rounds:
    """Kills on one server, and what was seen. `broken`: the promises that were."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.kills: Counter[str] = Counter()
        self.broken: list[str] = []
        self.slowest_end = 0.0
        self.slowest_return = 0.0

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            time.sleep(random.uniform(LEAST_SECONDS, MOST_SECONDS))
            assert self.server.process is not None
            if self.server.process.poll() is not None:
                self.broken.append(f"serve ended by itself: {self.server.log()[-1000:]}")
                self.server.start()
            (victim,) = random.choices(list(VICTIMS), weights=list(VICTIMS.values()))
            self.kills[victim] += 1
            if victim == "the supervisor":
                self._kill_supervisor()
                continue
            workers = self._workers()
            for worker in workers if victim == "all workers" else random.sample(workers, min(1, len(workers))):
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
        self._wait_for_workers()

    def _workers(self) -> list[psutil.Process]:
        assert self.server.process is not None
        found = []
        for process in psutil.Process(self.server.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if WORKER_NAME in process.cmdline():
                    found.append(process)
        return found

    def _kill_supervisor(self) -> None:
        assert self.server.process is not None
        family = psutil.Process(self.server.process.pid).children(recursive=True)
        began = time.monotonic()
        self.server.process.kill()
        self.server.process.wait()
        alive = still_running(family, MOST_SECONDS_TO_END)
        self.slowest_end = max(self.slowest_end, time.monotonic() - began)
        if alive:
            self.broken.append(f"processes outlived their supervisor: {alive}")
        self.server.start()

    def _wait_for_workers(self) -> None:
        """Until all workers serve again."""
        began = time.monotonic()
        expected = int(self.server.environment["DAYPASS_WORKERS"])
        while len(connections_of_workers(self.server)) < expected:
            if time.monotonic() - began > MOST_SECONDS_TO_RETURN:
                self.broken.append("workers did not come back")
                return
            time.sleep(0.05)
        self.slowest_return = time.monotonic() - began
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.environment.kill_rounds", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=200, help="kills on each database (default %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=KINDS_OF_DATABASE, default=KINDS_OF_DATABASE)
    parser.add_argument("--seed", type=int, default=None, help="of the victims and pauses")
    options = parser.parse_args()
    random.seed(options.seed)
    return 1 if sum(_measure(kind, options.rounds) for kind in options.databases) else 0


def _measure(kind: str, rounds: int) -> int:
    """Print what was seen on that kind of database; how many promises were broken."""
    with served(kind) as (server, database, clients):
        kills, stop = Rounds(server), threading.Event()
        with ThreadPoolExecutor(CLIENTS) as threads:
            running = [threads.submit(client.run, stop) for client in clients]
            try:
                kills.run(rounds)
            finally:
                stop.set()
        for each in running:
            each.result()
        for client in clients:
            client.settle(database)
        broken = [*kills.broken, *(each for client in clients for each in client.broken)]
        if database.is_sqlite:
            with database.engine.connect() as connection:
                found = connection.scalars(text("PRAGMA integrity_check")).all()
            broken += [] if found == ["ok"] else [f"integrity_check: {found}"]
        restarts = server.log().count('"worker_died"')
        if server.stop() != 0:
            broken.append("SIGTERM did not end the server with 0")
    seen: Counter[str] = sum((client.seen for client in clients), Counter())
    lines = {
        "kills": f"{kills.kills.total()} ({', '.join(f'{victim}: {n}' for victim, n in kills.kills.items())})",
        "deaths that the supervisor logged": restarts,
        **dict(sorted(seen.items())),
        "ended tokens": sum(len(client.ended) for client in clients),
        "slowest end after the supervisor's, s": f"{kills.slowest_end:.2f}",
        "back after the last kill, s": f"{kills.slowest_return:.2f}",
        "broken promises": len(broken),
    }
    print(f"\n{kind}\n" + "\n".join(f"  {name:<40}{value}" for name, value in lines.items()), flush=True)
    for each in broken[:20]:
        print(f"  BROKEN {each}", flush=True)
    return len(broken)


@contextmanager
def served(kind: str) -> Iterator[tuple[LiveServer, Database, list[Client]]]:
    """A server with two workers on a database of its own, and clients that each have a refresh token."""
    with separate_database(kind) as (url, folder):
        with application(Settings(instance=str(folder), database_url=url, log_level="WARNING")) as app:
            services = parts(app).services
            configure(services, mints_per_hour=1_000_000, mints_per_hour_per_user=1_000_000)
            user = make_user(services)
            with LiveServer(url, folder) as server:
                clients = [Client(server.url, issue(services, user)) for _ in range(CLIENTS)]
                yield server, app.extensions["daypass_database"], clients


if __name__ == "__main__":
    sys.exit(main())
