"""What the measurements should show: each target once, as a ratio within one run wherever that is possible.

Here belong the targets and what is held against them. Not here: measuring, and words around it (``bench.report``).
No test asserts any of this: a machine that is busy with something else breaks no build.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.ground import DATABASES, POSTGRESQL, SQLITE
from bench.subjects import FLASK_NOTHING, PEER, VERIFY, WSGI_NOTHING

Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """`section`: where it is measured. `bound`: what `measured` must reach, or with `at_most` must not exceed."""

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
    yield Target(
        "check on SQLite, of the WSGI app that does nothing", "comparison", 0.4, _against(SQLITE, WSGI_NOTHING)
    )
    yield Target(
        "check on SQLite, to the Flask view that does nothing", "comparison", 2, _against(SQLITE, FLASK_NOTHING)
    )
    yield Target(
        "check on PostgreSQL, to the Flask view that does nothing",
        "comparison",
        0.8,
        _against(POSTGRESQL, FLASK_NOTHING),
    )
    for database, bound in ((SQLITE, 20), (POSTGRESQL, 8)):
        what = f"check on {database}, to the fastest peer on it"
        yield Target(what, "comparison", bound, _against_peers(database))
    for database in DATABASES:
        yield Target(f"throughput with the most tokens to the fewest, {database}", "size", 0.85, _sizes(database))
    for section, busy, name in (("sweeping", "sweep", "a sweep"), ("hashing", "flood", "a flood of sign-ins")):
        for database in DATABASES:
            what = f"p99 during {name} to idle, {database}"
            yield Target(what, section, 5, _p99(database, busy), at_most=True)
            yield Target(
                f"checks that fail during {name}, {database}", section, 0, _failed(database, busy), at_most=True
            )
    for database in DATABASES:
        yield Target(
            f"memory after many checks to after few, {database}", "memory", 1.05, _growth(database), at_most=True
        )
        yield Target(f"memory of a worker, {database}", "memory", 90, _megabytes(database), at_most=True, unit=" MB")
    yield Target("the slowest of the pages, median", "pages", 100, _slowest_page, at_most=True, unit=" ms")


def fastest_peer(comparison: dict[str, Any], database: str) -> dict[str, Any]:
    """The peer with the most answers a second on that database."""
    peers = [each for each in comparison.values() if each["group"] == PEER and each["database"] == database]
    return max(peers, key=per_second)


def per_second(figures: dict[str, Any]) -> float:
    """The median."""
    median: float = figures["per_second"]["median"]
    return median


def _slowest_page(found: dict[str, Any]) -> float:
    return max(float(page["ms"]["median"]) for page in found.values())


def _against(database: str, other: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: per_second(found[f"{VERIFY}/{database}"]) / per_second(found[other])


def _against_peers(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: per_second(found[f"{VERIFY}/{database}"]) / per_second(fastest_peer(found, database))


def _sizes(database: str) -> Callable[[dict[str, Any]], float]:
    def ratio(found: dict[str, Any]) -> float:
        sizes = sorted(int(name.partition("/")[2]) for name in found if name.startswith(f"{database}/"))
        return per_second(found[f"{database}/{sizes[-1]}"]) / per_second(found[f"{database}/{sizes[0]}"])

    return ratio


def _p99(database: str, busy: str) -> Callable[[dict[str, Any]], float]:
    def ratio(found: dict[str, Any]) -> float:
        during, idle = (found[f"{database}/{when}"]["p99_ms"]["median"] for when in (busy, "idle"))
        quotient: float = during / idle
        return quotient

    return ratio


def _failed(database: str, busy: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[f"{database}/{busy}"]["failed"])


def _growth(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: found[database]["many"]["megabytes"] / found[database]["few"]["megabytes"]


def _megabytes(database: str) -> Callable[[dict[str, Any]], float]:
    return lambda found: float(found[database]["many"]["megabytes"])
