# ruff: noqa: T201
"""Many honest clients on servers with default settings: ``make honest-load``.

Prints a table of what they were answered on each database, and exits with 1 if any answer was not 2xx.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.domain.identity import Role
from app.http.context import parts
from app.services import Services
from config import Settings
from tests.databases import PostgresDatabases, SqliteFiles, application
from tests.drivers.crowd import Crowd, Question, Tally
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint

CONNECTIONS = 64
DATABASES = ("sqlite", "postgresql")
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Honest:
    """What the clients hold: an access token of each, its user's id, a refresh token to mint from, an introspector."""

    introspector: str
    accesses: list[str]
    refreshes: list[tuple[str, int]]

    @classmethod
    def of(cls, services: Services, clients: int = CONNECTIONS) -> "Honest":
        users = [make_user(services) for _ in range(clients)]
        accesses = [mint(services, issue(services, user)).secret for user in users]
        # Minting replaces the access token of the same refresh token: those that mint have one of their own.
        refreshes = [(issue(services, user).secret, user.id) for user in users]
        apis = make_user(services, role=Role.INTROSPECTOR)
        return cls(mint(services, issue(services, apis)).secret, accesses, refreshes)

    def questions(self, kind: str) -> list[list[Question]]:
        """For each client; `kind` is one of :data:`KINDS`."""
        return [[self._question(kind, client)] for client in range(len(self.accesses))]

    def _question(self, kind: str, client: int) -> Question:
        access, refresh, shared = self.accesses[client], self.refreshes[client], self.refreshes[0]
        match kind:
            case "introspect":
                headers = FORM | {"Authorization": f"Bearer {self.introspector}"}
                return Question.of(kind, "POST", "/oauth/introspect", headers, f"token={access}".encode())
            case "mint":
                return self._alation(kind, "createAPIAccessToken", refresh)
            case "mint, one shared":
                return self._alation(kind, "createAPIAccessToken", shared)
            case "validate":
                return self._alation(kind, "validateRefreshToken", refresh)
            case "userinfo":
                return Question.of(kind, "GET", "/integration/v1/userinfo/", {"TOKEN": access})
            case "native list":
                return Question.of(kind, "GET", "/api/v1/me/tokens", {"Authorization": f"Bearer {access}"})
        assert kind == "verify"
        return Question.of(kind, "GET", "/auth/verify", {"TOKEN": access})

    def _alation(self, kind: str, endpoint: str, refresh: tuple[str, int]) -> Question:
        body = json.dumps(dict(zip(("refresh_token", "user_id"), refresh, strict=True))).encode()
        return Question.of(kind, "POST", f"/integration/v1/{endpoint}/", JSON, body)


KINDS = ("introspect", "mint", "mint, one shared", "validate", "userinfo", "native list", "verify")


def main() -> int:
    """Measure each kind by itself and all of them together, on each database."""
    options = _options()
    print(f"{options.connections} connections, {options.seconds:g} s each; latency in ms")
    print("CPU of the server in microseconds an answer, of the client in seconds a second\n")
    heads = ("answers", "not 2xx", "/s", "p50", "p99", "p99.9", "most", "server", "client")
    print(f"{'database':<11}{'request':<18}" + "".join(f"{head:>9}" for head in heads))
    failed = 0
    for kind in options.databases:
        with served(kind, options.connections) as (server, honest):
            for asked in options.kinds:
                failed += _measure(kind, server, _chosen(honest, asked), options.seconds)
    return 1 if failed else 0


def _chosen(honest: Honest, asked: str) -> list[list[Question]]:
    if asked != "all together":
        return honest.questions(asked)
    together = [honest.questions(kind) for kind in KINDS]
    return [together[client % len(KINDS)][client] for client in range(len(honest.accesses))]


def _measure(database: str, server: LiveServer, questions: list[list[Question]], seconds: float) -> int:
    """Print a line for each kind of request; how many answers were not 2xx."""
    used, began = _cpu(server), time.monotonic()
    tallies = Crowd(server.port, questions).ask(seconds)
    took = time.monotonic() - began
    of_server, of_client = ((after - before) / took for before, after in zip(used, _cpu(server), strict=True))
    each = of_server * took * 1e6 / max(1, sum(tally.answers for tally in tallies.values()))
    for kind, tally in sorted(tallies.items()):
        print(_line(database, kind, tally, took) + f"{each:>9.0f}{of_client:>9.2f}", flush=True)
        for name, times in tally.others.most_common():
            print(f"{'':<11}  {times} x {name} (the slowest after {tally.slowest_other:.2f} s)", flush=True)
    return sum(tally.others.total() for tally in tallies.values())


def _line(database: str, kind: str, tally: Tally, took: float) -> str:
    quantiles = "".join(f"{1000 * tally.quantile(share):>9.1f}" for share in (0.5, 0.99, 0.999, 1))
    rate = tally.answers / took
    return f"{database:<11}{kind:<18}{tally.answers:>9}{tally.others.total():>9}{rate:>9.0f}{quantiles}"


def _cpu(server: LiveServer) -> tuple[float, float]:
    """Seconds of the server's processes, and of this one."""
    assert server.process is not None
    root = psutil.Process(server.process.pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(each.user + each.system for each in times), time.process_time()


@contextmanager
def served(kind: str, clients: int) -> Iterator[tuple[LiveServer, Honest]]:
    """A server with two workers on a database of its own."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="daypass-load-", dir=os.environ.get("TMPDIR")))
        )
        if kind == "sqlite":
            url = stack.enter_context(SqliteFiles(folder).fresh(folder))
        else:
            databases = PostgresDatabases(folder)
            stack.callback(databases.close)
            url = stack.enter_context(databases.fresh())
        with application(Settings(instance=str(folder), database_url=url, log_level="WARNING")) as app:
            honest = Honest.of(parts(app).services, clients)
        yield stack.enter_context(LiveServer(url, folder)), honest


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.environment.honest_load", description=__doc__)
    kinds = (*KINDS, "all together")
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement (default %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="(default %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
