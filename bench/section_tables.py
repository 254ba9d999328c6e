"""The tables of the sections about growth and disturbance; the page around them is in ``bench.report``."""

from collections.abc import Callable
from typing import Any

from bench.comparison_tables import authorization_servers, comparison
from bench.load import CALM_CONNECTIONS
from bench.pacing import CONNECTIONS as PACED
from bench.sections.minting import CONNECTIONS
from bench.serve import THREADS
from bench.tables import cpu, median, number, ratio, table
from bench.targets import per_second
from bench.workspace import DATABASES

Figures = dict[str, Any]

CALM = f"wrk with {CALM_CONNECTIONS} connections; idle and disturbed take turns."


def _size(figures: Figures) -> str:
    rows = []
    for name, each in figures.items():
        database, _, size = name.partition("/")
        first = next(other for key, other in figures.items() if key.startswith(f"{database}/"))
        growth = ratio(per_second(each) / per_second(first))
        costs = (cpu(each), cpu(each, "database_us"))
        room = f"{each['bytes'] / int(size):,.0f}" if "bytes" in each else ""
        speed = (median(each["per_second"]), growth)
        rows.append((database, number(int(size)), *speed, *costs, _milliseconds(each, "p99_ms"), room))
    heads = ("database", "active tokens", "checks/s", "to the fewest", "CPU µs", "PostgreSQL's CPU µs", "p99 ms",
             "bytes a token")  # fmt: skip
    words = """\
Each active access token has a refresh token of its own; the bytes are of both, with their indexes, and of as many users
as tokens, but at most 100,000."""
    return f"{words}\n\n{table(heads, sorted(rows, key=lambda row: DATABASES.index(row[0])))}"


def _milliseconds(figures: Figures, name: str) -> str:
    return f"{figures[name]['median']:.2f}" if name in figures else ""


def _rates(figures: Figures) -> str:
    rows = [
        (
            each["label"],
            each["database"],
            f"{each['share']:.0%}",
            number(each["rate"]),
            median(each["per_second"]),
            *(_milliseconds(each, name) for name in ("p50_ms", "p99_ms", "p999_ms")),
            cpu(each),
        )
        for each in figures.values()
    ]
    words = f"""\
The load sends so many requests a second, whether or not they are answered, over {PACED} connections, at random moments
as many independent clients do. A latency counts from when its request was due, so that a server that stalls can't hide
it. The rates are shares of what a closed loop got out of the same server right before."""
    heads = ("", "database", "share", "requests/s", "answers/s", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs")
    return f"{words}\n\n{table(heads, rows, left=(0, 1))}"


def _minting(figures: Figures) -> str:
    rows = [
        (
            name,
            median(each["per_second"]),
            median(each["p99_ms"], 1),
            cpu(each),
            cpu(each, "database_us"),
            each.get("statements", ""),
        )
        for name, each in figures.items()
    ]
    heads = ("database", "mints/s", "p99 ms", "CPU µs", "PostgreSQL's CPU µs", "statements")
    return f"`createAPIAccessToken`, {CONNECTIONS} at once, each on disk before it is answered.\n\n{table(heads, rows)}"


def _disturbed(figures: Figures, busy: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for database in DATABASES:
        for when in ("idle", busy):
            each = figures[f"{database}/{when}"]
            calm = figures[f"{database}/idle"]["p99_ms"]["median"]
            cells = (median(each["p50_ms"], 2), median(each["p99_ms"], 2), ratio(each["p99_ms"]["median"] / calm))
            rows.append((database, when, median(each["per_second"]), *cells, cpu(each), number(each["failed"])))
    return rows


DISTURBED = ("database", "", "checks/s", "p50 ms", "p99 ms", "p99 to idle", "CPU µs per check", "failed")


def _sweeping(figures: Figures) -> str:
    lines = [
        f"- {database}: {figures[f'{database}/sweep']['due']:,} tokens, swept by `daypass job run expire_tokens` in "
        f"{median(figures[f'{database}/sweep']['sweep_seconds'], 1)} s from its first batch on."
        for database in DATABASES
    ]
    return "\n".join([CALM, "", *lines, "", table(DISTURBED, _disturbed(figures, "sweep"), left=(0, 1))])


def _hashing(figures: Figures) -> str:
    lines = []
    for database in DATABASES:
        flood = figures[f"{database}/flood"]["sign_ins"]
        attempts = f"{flood['requests']:,} sign-ins, {flood['failed']:,} of them refused"
        lines.append(f"- {database}: {attempts}, or {median(flood['per_second'], 1)} a second.")
    words = (
        f"{CALM} As many sign-ins at once as may hash and wait, each repeated as soon as it is answered; in the\n"
        "flood, CPU per check includes their hashing."
    )
    return "\n".join([words, "", *lines, "", table(DISTURBED, _disturbed(figures, "flood"), left=(0, 1))])


def _memory(figures: Figures) -> str:
    rows = [
        (
            database,
            f"{each['few']['megabytes']} MB after {each['few']['checks']:,}",
            f"{each['many']['megabytes']} MB after {each['many']['checks']:,}",
            ratio(each["many"]["megabytes"] / each["few"]["megabytes"]),
            cpu(each),
        )
        for database, each in figures.items()
    ]
    words = f"Resident memory of the worker, with its {THREADS} threads."
    return f"{words}\n\n{table(('database', 'few checks', 'many checks', 'grown to', 'CPU µs per check'), rows)}"


def _starting(figures: Figures) -> str:
    rows = [
        (database, median(each["seconds"], 2), median(each["cpu_seconds"], 2) if "cpu_seconds" in each else "")
        for database, each in figures.items()
    ]
    words = "From starting `daypass serve` (one worker) to the first good answer of `/readyz`."
    return f"{words}\n\n{table(('database', 'seconds', 'CPU seconds'), rows)}"


SECTION_TABLES: dict[str, tuple[str, Callable[[Figures], str]]] = {
    "introspection": ("Introspection", comparison),
    "authorization-servers": ("Introspection beside other authorization servers", authorization_servers),
    "rates": ("At fixed rates", _rates),
    "size": ("More tokens", _size),
    "minting": ("Minting", _minting),
    "sweeping": ("A sweep in the middle of checks", _sweeping),
    "hashing": ("Passwords in the middle of checks", _hashing),
    "memory": ("Memory", _memory),
    "starting": ("Start-up", _starting),
}
"""Title and function of each, in the order of the page."""
