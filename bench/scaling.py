"""``docs/scaling.md``: how many hosts it takes, computed from what was measured, so that both always agree."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from app.services.last_use import SPACING
from bench.environment import ROOT
from bench.serve import THREADS
from bench.subjects import INTROSPECTION, VERIFY
from bench.tables import number, table
from bench.targets import per_second
from bench.workspace import DATABASES, POSTGRESQL, SQLITE

TEMPLATE = Path(__file__).with_name("scaling.txt")
SCALING = ROOT / "docs" / "scaling.md"

Figures = dict[str, Any]

BUSY = 0.6
"""Of a core or of PostgreSQL's cores: above it, requests queue, and latencies grow."""

CORES_OF_A_HOST, LARGE_HOST = 8, 32
WORKERS = CORES_OF_A_HOST - 1
"""One core is left to the proxy and the system."""

MOST_CONNECTIONS = 2 * THREADS + 1
"""Of a worker."""

TOKENS, CHECKS = 100_000_000, 200_000
LIFE_SECONDS = 24 * 3600
USUAL_RETENTION_DAYS = 90


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU time of one request: of a worker, and of PostgreSQL."""

    server: float
    database: float

    @classmethod
    def of(cls, figures: Figures) -> "Cost":
        return cls(figures["cpu_us"]["median"], figures["database_us"]["median"])

    @property
    def of_a_worker(self) -> float:
        """Requests a second of one worker that is not busier than it should be."""
        return BUSY * 1e6 / self.server

    def cores(self, rate: float) -> float:
        """Of PostgreSQL, for so many requests a second."""
        return rate * self.database / 1e6 / BUSY


@dataclass(frozen=True)
class Measured:
    """What the page is computed from; KeyError where something has not been measured yet."""

    checks: dict[str, Cost]
    introspections: dict[str, Cost]
    mints: dict[str, Cost]
    mints_per_second: dict[str, float]
    megabytes: dict[str, float]
    bytes_per_token: dict[str, float]
    marks_per_second: float

    @classmethod
    def of(cls, sections: dict[str, Figures]) -> "Measured":
        sizes, sweep = sections["size"], sections["sweeping"][f"{POSTGRESQL}/sweep"]
        most = max(int(name.partition("/")[2]) for name in sizes)
        return cls(
            {each: Cost.of(sections["comparison"][f"{VERIFY}/{each}"]) for each in DATABASES},
            {each: Cost.of(sections["introspection"][f"{INTROSPECTION}/{each}"]) for each in DATABASES},
            {each: Cost.of(sections["minting"][each]) for each in DATABASES},
            {each: per_second(sections["minting"][each]) for each in DATABASES},
            {each: sections["memory"][each]["many"]["megabytes"] for each in DATABASES},
            {each: sizes[f"{each}/{most}"]["bytes"] / most for each in DATABASES},
            sweep["due"] / sweep["sweep_seconds"]["median"],
        )


def scaling_page(results: dict[str, Any]) -> str:
    """The whole page: the template, with what was computed in it. KeyError where a section is not measured yet."""
    found = Measured.of(results["sections"])
    cores = results["facts"]["cores"].replace(",", " cores,")
    values = _one_host(found) | _three_hosts(found) | _many(found)
    return TEMPLATE.read_text().format(
        cores=cores, busy=f"{BUSY:.0%}", costs=_costs(found), room=_room(found), kept=USUAL_RETENTION_DAYS, **values
    )


def _costs(found: Measured) -> str:
    rows = [
        (what, database, number(cost.server), number(cost.database) if cost.database else "", number(cost.of_a_worker))
        for what, costs in (
            ("check (`/auth/verify`)", found.checks),
            ("introspection by a client", found.introspections),
            ("access token from a refresh token", found.mints),
        )
        for database, cost in costs.items()
    ]
    heads = ("request", "database", "CPU µs of a worker", "CPU µs of PostgreSQL", f"a second at {BUSY:.0%} of a core")
    return table(heads, rows, left=(0, 1))


def _room(found: Measured) -> str:
    rows = [
        (number(tokens), *(_gigabytes(tokens * found.bytes_per_token[database]) for database in DATABASES))
        for tokens in (100_000, 1_000_000, 10_000_000, TOKENS)
    ]
    return table(("tokens", *DATABASES), rows)


def _one_host(found: Measured) -> dict[str, str]:
    mints = found.mints_per_second
    least, most = sorted(found.megabytes.values())
    return {
        "host_cores": number(CORES_OF_A_HOST),
        "host_workers": number(WORKERS),
        "host_checks": _rounded(WORKERS * found.checks[SQLITE].of_a_worker),
        "megabytes": f"{least:.0f} to {most:.0f}",
        "sqlite_mints": number(mints[SQLITE]),
        "postgresql_mints": number(mints[POSTGRESQL]),
        "daily_mints": _rounded(mints[SQLITE] * BUSY * LIFE_SECONDS),
    }


def _three_hosts(found: Measured) -> dict[str, str]:
    check = found.checks[POSTGRESQL]
    rate = 2 * WORKERS * check.of_a_worker
    return {
        "three_checks": _rounded(rate),
        "three_cores": f"{check.cores(rate):.0f}",
        "thousand_mints": f"{found.mints[POSTGRESQL].cores(1000):.1f}",
        "three_connections": number(3 * WORKERS * MOST_CONNECTIONS),
        "share": f"{check.database / check.server:.1f}",
    }


def _many(found: Measured) -> dict[str, str]:
    check, room = found.checks[POSTGRESQL], found.bytes_per_token[POSTGRESQL]
    workers, daily = ceil(CHECKS / check.of_a_worker), TOKENS / LIFE_SECONDS
    ended = USUAL_RETENTION_DAYS * TOKENS
    rows = [
        ("workers", number(workers)),
        (f"hosts of {LARGE_HOST} cores for them, one more than needed", number(ceil(workers / (LARGE_HOST - 1)) + 1)),
        ("cores of PostgreSQL for the checks", number(check.cores(CHECKS))),
        ("connections, at most", number(workers * MOST_CONNECTIONS)),
        ("disk for live tokens", _gigabytes(TOKENS * room)),
        ("access tokens that are requested, if each lives a day", f"{daily:,.0f} a second"),
        ("cores of PostgreSQL for these", f"{found.mints[POSTGRESQL].cores(daily):.1f}"),
        ("tokens that a sweep marks", f"{found.marks_per_second:,.0f} a second"),
        ("disk for those that have ended, for each day of `retention_days`", _gigabytes(TOKENS * room / 2)),
    ]
    return {
        "needs": table(("what", "how much"), rows),
        "ended": f"{ended / 1e9:.0f} billion",
        "ended_room": _gigabytes(ended * room / 2),
        "all_cores": number(check.cores(CHECKS)),
        "each_used": number(TOKENS / CHECKS),
        "few_writes": number(CHECKS / SPACING.total_seconds()),
    }


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{size / 1e12:,.1f} TB"


def _rounded(value: float) -> str:
    """Two significant digits: a computation is no measurement."""
    return f"{float(f'{value:.2g}'):,.0f}"
