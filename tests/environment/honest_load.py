"""Many honest clients on servers with default settings, but for the budgets of mints: ``make honest-load``.

Prints a table of what they were answered on each database, and exits with 1 if any answer was not 2xx.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from app.http.context import parts
from config import Settings
from tests.databases import KINDS_OF_DATABASE, application, separate_database
from tests.drivers.crowd import Crowd, Question, Tally
from tests.drivers.honest import CONNECTIONS, KINDS, Honest
from tests.drivers.server import LiveServer


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
    with separate_database(kind) as (url, folder):
        with application(Settings(instance=str(folder), database_url=url, log_level="WARNING")) as app:
            honest = Honest.of(parts(app).services, clients, with_reader=True)
        with LiveServer(url, folder) as server:
            yield server, honest


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.environment.honest_load", description=__doc__)
    kinds = (*KINDS, "all together")
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement (default %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="(default %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=KINDS_OF_DATABASE, default=KINDS_OF_DATABASE)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
