"""How the sections about growth and disturbance are shown.

Here belongs a function per section. Not here: the page around them (``bench.report``).
"""

from collections.abc import Callable
from typing import Any

from bench.ground import DATABASES
from bench.load import CALM_CONNECTIONS
from bench.sections.minting import CONNECTIONS
from bench.serve import THREADS
from bench.tables import median, number, ratio, table
from bench.targets import per_second

Figures = dict[str, Any]

CALM = f"wrk with {CALM_CONNECTIONS} connections; idle and disturbed take turns."


def _size(found: Figures) -> str:
    rows = []
    for name, each in found.items():
        database, _, size = name.partition("/")
        first = next(other for key, other in found.items() if key.startswith(f"{database}/"))
        rows.append(
            (database, number(int(size)), median(each["per_second"]), ratio(per_second(each) / per_second(first)))
        )
    heads = ("database", "live tokens", "checks/s", "to the fewest")
    return table(heads, sorted(rows, key=lambda row: DATABASES.index(row[0])))


def _minting(found: Figures) -> str:
    rows = [(name, median(each["per_second"]), median(each["p99_ms"], 1)) for name, each in found.items()]
    words = f"`createAPIAccessToken`, {CONNECTIONS} at once, each on disk before it is answered."
    return f"{words}\n\n{table(('database', 'mints/s', 'p99 ms'), rows)}"


def _disturbed(found: Figures, busy: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for database in DATABASES:
        for when in ("idle", busy):
            each = found[f"{database}/{when}"]
            calm = found[f"{database}/idle"]["p99_ms"]["median"]
            cells = (median(each["p50_ms"], 2), median(each["p99_ms"], 2), ratio(each["p99_ms"]["median"] / calm))
            rows.append((database, when, median(each["per_second"]), *cells, number(each["failed"])))
    return rows


DISTURBED = ("database", "", "checks/s", "p50 ms", "p99 ms", "p99 to idle", "failed")


def _sweeping(found: Figures) -> str:
    lines = [
        f"- {database}: {found[f'{database}/sweep']['due']:,} tokens, swept by `daypass job run expire_tokens` in "
        f"{median(found[f'{database}/sweep']['sweep_seconds'], 1)} s from its first batch on."
        for database in DATABASES
    ]
    return "\n".join([CALM, "", *lines, "", table(DISTURBED, _disturbed(found, "sweep"), left=(0, 1))])


def _hashing(found: Figures) -> str:
    lines = []
    for database in DATABASES:
        flood = found[f"{database}/flood"]["sign_ins"]
        turned_away = f", {flood['failed']:,} turned away" if flood["failed"] else ""
        lines.append(f"- {database}: {median(flood['per_second'], 1)} sign-ins/s meanwhile{turned_away}.")
    words = f"{CALM} As many sign-ins at once as may hash and wait, which ask again at once."
    return "\n".join([words, "", *lines, "", table(DISTURBED, _disturbed(found, "flood"), left=(0, 1))])


def _memory(found: Figures) -> str:
    rows = [
        (
            database,
            f"{each['few']['megabytes']} MB after {each['few']['checks']:,}",
            f"{each['many']['megabytes']} MB after {each['many']['checks']:,}",
            ratio(each["many"]["megabytes"] / each["few"]["megabytes"]),
        )
        for database, each in found.items()
    ]
    words = f"Resident memory of the worker, with its {THREADS} threads."
    return f"{words}\n\n{table(('database', 'few checks', 'many checks', 'grown to'), rows)}"


def _pages(found: Figures) -> str:
    rows = [(*name.split(" ", 1), median(each["ms"], 1)) for name, each in found.items()]
    words = "The web pages, one request after the other, as an administrator; the first of each is left aside."
    return f"{words}\n\n{table(('database', 'page', 'ms'), rows, left=(0, 1))}"


def _starting(found: Figures) -> str:
    rows = [(database, median(each["seconds"], 2)) for database, each in found.items()]
    words = "From starting `daypass serve` (one worker) to the first good answer of `/readyz`."
    return f"{words}\n\n{table(('database', 'seconds'), rows)}"


SHOWN: dict[str, tuple[str, Callable[[Figures], str]]] = {
    "size": ("More tokens", _size),
    "minting": ("Minting", _minting),
    "sweeping": ("A sweep in the middle of checks", _sweeping),
    "hashing": ("Passwords in the middle of checks", _hashing),
    "memory": ("Memory", _memory),
    "pages": ("Pages, at 50,000 tokens of 5,000 users", _pages),
    "starting": ("Start-up", _starting),
}
"""Title and function of each, in the order of the page."""
