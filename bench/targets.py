"""What the measurements should show: each target once, as CPU time per answer or as a ratio within one run.

No test asserts any of this: a busy machine breaks no build.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.subjects import FLASK_NOTHING, INTROSPECTION, PEER, VERIFY, WSGI_NOTHING, WSGI_PINNED
from bench.workspace import DATABASES, POSTGRESQL, SQLITE

Sections = dict[str, dict[str, Any]]

CPU_OF_A_CHECK = {SQLITE: 75, POSTGRESQL: 150}
CPU_OF_A_MINT = {SQLITE: 2_000, POSTGRESQL: 2_500}
"""Microseconds per answer, with reserve."""

CPU_OF_AN_INTROSPECTION = {SQLITE: 50, POSTGRESQL: 120}
MOST_SECONDS_TO_START = 1.5
MOST_SECONDS_OF_A_SWEEP = 10
"""Of 200,000 tokens."""

MOST_MEGABYTES = 95

MOST_STATEMENTS_OF_A_MINT = 7
"""Transaction control aside."""


@dataclass(frozen=True)
class Target:
    """`section`: where it is measured. `bound`: what `measured` must reach, or with `at_most` must not exceed.

    `measured` raises KeyError where the results were measured without the figure.
    """

    what: str
    section: str
    bound: float
    measured: Callable[[dict[str, Any]], float]
    at_most: bool = False
    unit: str = ""

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


def declared() -> Iterator[Target]:
    """All targets."""
    for database in DATABASES:
        yield _cpu(f"CPU of a check on {database}", "comparison", CPU_OF_A_CHECK[database], f"{VERIFY}/{database}")
        yield _cpu(f"CPU of a mint on {database}", "minting", CPU_OF_A_MINT[database], database)
        yield Target(
            f"statements of a mint on {database}", "minting", MOST_STATEMENTS_OF_A_MINT, _statements(database), True
        )
    yield from _ratios()
    for section, busy, name in (("sweeping", "sweep", "a sweep"), ("hashing", "flood", "a flood of sign-ins")):
        for database in DATABASES:
            yield Target(f"p99 during {name} to idle, {database}", section, 5, _p99(database, busy), True)
            yield Target(f"checks that fail during {name}, {database}", section, 0, _failed(database, busy), True)
    for database in DATABASES:
        sweep = _median(f"{database}/sweep", "sweep_seconds")
        yield Target(f"the sweep, {database}", "sweeping", MOST_SECONDS_OF_A_SWEEP, sweep, True, " s")
        half = _median(f"{VERIFY}/{database}/0.5", "p99_ms")
        yield Target(f"p99 of checks at half of the throughput, {database}", "rates", 5, half, True, " ms")
    for database in DATABASES:
        yield Target(f"memory after many checks to after few, {database}", "memory", 1.05, _growth(database), True)
        yield Target(f"memory of a worker, {database}", "memory", MOST_MEGABYTES, _megabytes(database), True, " MB")
        yield Target(
            f"start-up, {database}", "starting", MOST_SECONDS_TO_START, _median(database, "seconds"), True, " s"
        )
    yield from _beside_others()


def _ratios() -> Iterator[Target]:
    """Throughput and CPU against something else of the same run."""
    for database, other, what, bound in (
        (SQLITE, WSGI_NOTHING, "WSGI app that does nothing", 0.4),
        (SQLITE, WSGI_PINNED, "WSGI app that does nothing, on one core", 0.4),
        (POSTGRESQL, WSGI_NOTHING, "WSGI app that does nothing", 0.3),
        (SQLITE, FLASK_NOTHING, "Flask view that does nothing", 2),
        (POSTGRESQL, FLASK_NOTHING, "Flask view that does nothing", 0.8),
    ):
        yield Target(f"check on {database}, to the {what}", "comparison", bound, _against(database, other))
    for database, bound in ((SQLITE, 1), (POSTGRESQL, 2.5)):
        what = f"CPU of a check on {database}, to the Flask view that does nothing"
        yield Target(what, "comparison", bound, _quotient(f"{VERIFY}/{database}", FLASK_NOTHING, "cpu_us"), True)
    for database, bound in ((SQLITE, 20), (POSTGRESQL, 8)):
        what = f"check on {database}, to the fastest peer on it"
        yield Target(what, "comparison", bound, _against_peers(database))
    for database in DATABASES:
        yield Target(f"throughput with the most tokens to the fewest, {database}", "size", 0.85, _sizes(database))
    for database in DATABASES:
        what, most = f"CPU of an introspection on {database}", CPU_OF_AN_INTROSPECTION[database]
        yield _cpu(what, "introspection", most, f"{INTROSPECTION}/{database}")
    what = f"introspection on {SQLITE}, to the Flask view that does nothing"
    yield Target(what, "introspection", 1.11, _against(SQLITE, FLASK_NOTHING, INTROSPECTION))


def _beside_others() -> Iterator[Target]:
    """Introspection on PostgreSQL beside Ory Hydra, in one run."""
    section, own = "authorization-servers", f"{INTROSPECTION}/{POSTGRESQL}"
    theirs = f"hydra/{POSTGRESQL}"
    yield Target(
        "introspection to Hydra's", section, 3, lambda found: per_second(found[own]) / per_second(found[theirs])
    )
    yield Target("p99 of introspection to Hydra's", section, 1, _quotient(own, theirs, "p99_ms"), True)
    yield Target("introspections that fail", section, 0, lambda found: float(found[own]["failed"]), True)


def fastest_peer(comparison: dict[str, Any], database: str) -> dict[str, Any]:
    """The peer with the most answers a second on that database."""
    peers = [each for each in comparison.values() if each["group"] == PEER and each["database"] == database]
    return max(peers, key=per_second)


def per_second(figures: dict[str, Any]) -> float:
    """The median."""
    median: float = figures["per_second"]["median"]
    return median


def _cpu(what: str, section: str, bound: float, name: str) -> Target:
    return Target(what, section, bound, lambda found: float(found[name]["cpu_us"]["median"]), True, " µs")


def _statements(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[database]["statements"])


def _median(name: str, figure: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[name][figure]["median"])


def _quotient(name: str, other: str, figure: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[name][figure]["median"] / found[other][figure]["median"])


def _against(database: str, other: str, key: str = VERIFY) -> Callable[[dict[str, Any]], float]:
    return lambda found: per_second(found[f"{key}/{database}"]) / per_second(found[other])


def _against_peers(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: per_second(found[f"{VERIFY}/{database}"]) / per_second(fastest_peer(found, database))


def _sizes(database: str) -> Callable[[dict[str, Any]], float]:
    def ratio(found: dict[str, Any]) -> float:
        sizes = sorted(int(name.partition("/")[2]) for name in found if name.startswith(f"{database}/"))
        return per_second(found[f"{database}/{sizes[-1]}"]) / per_second(found[f"{database}/{sizes[0]}"])

    return ratio


def _p99(database: str, busy: str) -> Callable[[dict[str, Any]], float]:
    return _quotient(f"{database}/{busy}", f"{database}/idle", "p99_ms")


def _failed(database: str, busy: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[f"{database}/{busy}"]["failed"])


def _growth(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: found[database]["many"]["megabytes"] / found[database]["few"]["megabytes"]


def _megabytes(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[database]["many"]["megabytes"])
