"""Clients that stall, for as long as you like, beside honest ones: ``make edge-load``.

With default settings: on the bare port (30 stalled bodies a worker, HTTP/2, headers without end), behind nginx with
the shipped configuration (200 stalled bodies, 2,000 half-sent headers), and what fills a worker's memory. Prints what
honest clients were answered before and during each attack, and what the workers took of memory. Exits with 1 if any
was refused, if the slowest hundredth took more than five times as long as before, or if a worker took 300 MB.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.databases import KINDS_OF_DATABASE
from tests.drivers.crowd import Crowd, Tally
from tests.drivers.honest import Honest
from tests.drivers.hostile import attacked
from tests.drivers.nginx import Nginx
from tests.drivers.server import LiveServer, free_port
from tests.drivers.workers import memory_of_workers
from tests.environment.honest_load import served
from tests.hostile.test_edges import LARGEST_MEGABYTES

KINDS = ("verify", "mint", "native list")

SLOWER_AT_MOST = 5


class Attack(NamedTuple):
    """`counts`: how many of each kind. `is_measured`: whether it must leave honest clients as fast as they were."""

    name: str
    at_nginx: bool
    counts: dict[str, int]
    is_measured: bool = True


ATTACKS = (
    Attack("bare: bodies, HTTP/2, headers", False, {"stalled_body": 60, "http2": 8, "endless_header": 60}),
    Attack("nginx: bodies, half headers", True, {"stalled_body": 200, "half_header": 2000}),
    Attack("nginx: all that stalls", True, {"trickled_body": 60, "endless_header": 60, "slow_reader": 100}),
    Attack("bare: 3,000 half headers", False, {"half_header": 3000}, False),
    Attack("bare: 3,000 long headers", False, {"fat_header": 3000}, False),
    Attack("bare: 3,000 idle", False, {"idle": 3000}, False),
    Attack("bare: requests that are left", False, {"leaver": 100}, False),
    Attack("bare: 3,000 that do not read", False, {"slow_reader": 3000}, False),
)


def main() -> int:
    options = _options()
    print(
        f"{options.connections} honest connections, {options.seconds:g} s each; p99 in ms, memory of a worker in MB\n"
    )
    print(
        f"{'database':<11}{'attack':<31}{'request':<13}{'answers':>9}{'not 2xx':>9}{'p99':>8}{'before':>8}{'ratio':>7}"
    )
    failed = 0
    for database in options.databases:
        with served(database, options.connections) as (server, honest), _nginx(server) as nginx:
            for attack in ATTACKS:
                if not options.attacks or any(word in attack.name for word in options.attacks):
                    port = nginx.port if attack.at_nginx else server.port
                    failed += _measure(database, server, port, honest, attack, options.seconds)
    return 1 if failed else 0


def _measure(database: str, server: LiveServer, port: int, honest: Honest, attack: Attack, seconds: float) -> int:
    """Print a line for each kind of request; how many were not as they must be."""
    before = _ask(port, honest, max(2.0, seconds / 4))
    most = 0.0
    with attacked(port, honest.reader, **attack.counts) as became:
        during: dict[str, Tally] = {}
        for _ in range(4):
            for kind, tally in _ask(port, honest, seconds / 4).items():
                sum_ = during.setdefault(kind, Tally())
                sum_.seconds += tally.seconds
                sum_.others += tally.others
            most = max(most, *memory_of_workers(server).values())
    failed = most >= LARGEST_MEGABYTES
    for kind, tally in during.items():
        p99, quiet = tally.quantile(0.99) * 1000, before[kind].quantile(0.99) * 1000
        ratio = p99 / quiet
        failed += bool(tally.others) or (attack.is_measured and ratio > SLOWER_AT_MOST)
        print(
            f"{database:<11}{attack.name:<31}{kind:<13}{tally.answers:>9}{tally.others.total():>9}{p99:>8.1f}{quiet:>8.1f}"
            f"{ratio:>7.1f}  {dict(tally.others) or ''}", flush=True,
        )  # fmt: skip
    print(f"{'':<11}{'':<31}memory at most {most:.0f}; {became}", flush=True)
    return failed


def _ask(port: int, honest: Honest, seconds: float) -> dict[str, Tally]:
    clients = range(len(honest.accesses))
    return Crowd(port, [honest.questions(KINDS[client % len(KINDS)])[client] for client in clients]).ask(seconds)


@contextmanager
def _nginx(server: LiveServer) -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory() as folder, Nginx(Path(folder), server.port, free_port()) as nginx:
        yield nginx


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.edge_load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each attack (default %(default)s)")
    parser.add_argument("--connections", type=int, default=24, help="of honest clients (default %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=KINDS_OF_DATABASE, default=KINDS_OF_DATABASE)
    parser.add_argument("--attacks", nargs="*", default=(), help="words of their names (default: all)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
