"""The tables in which Daypass and others stand side by side."""

from collections.abc import Iterable
from typing import Any

from bench.subjects import DAYPASS, FLASK_NOTHING, NOTHING, WSGI_NOTHING, WSGI_PINNED
from bench.tables import cpu, median, number, ratio, spread, table
from bench.targets import fastest_peer, per_second

Found = dict[str, Any]


def comparison(found: Found) -> str:
    """Each subject, against the floors and the fastest peer on its database."""
    heads = ("", "database", "answers/s", "least to most", "CPU µs", "PostgreSQL's CPU µs", "to WSGI",
             "to WSGI on one core", "to Flask", "to fastest peer", "p50 ms", "p99 ms")  # fmt: skip
    return table(heads, _compared(found), left=(0, 1))


def _compared(found: Found) -> Iterable[tuple[str, ...]]:
    for each in sorted(found.values(), key=per_second, reverse=True):
        speed = per_second(each)
        peer = "" if each["group"] == NOTHING else ratio(speed / per_second(fastest_peer(found, each["database"])))
        yield (
            _label(each),
            each["database"],
            number(speed),
            spread(each["per_second"]),
            cpu(each),
            cpu(each, "database_us"),
            *(_against(found, speed, floor) for floor in (WSGI_NOTHING, WSGI_PINNED, FLASK_NOTHING)),
            peer,
            f"{each['p50_ms']['median']:.2f}",
            f"{each['p99_ms']['median']:.2f}",
        )


def _against(found: Found, speed: float, floor: str) -> str:
    return ratio(speed / per_second(found[floor])) if floor in found else ""


def _label(each: dict[str, Any]) -> str:
    return f"**{each['label']}**" if each["group"] == DAYPASS else str(each["label"])


def authorization_servers(found: Found) -> str:
    """Introspection beside other products, without floors: nothing there is on one worker."""
    rows = [
        (
            _label(each),
            median(each["per_second"]),
            median(each["p50_ms"], 2),
            median(each["p99_ms"], 2),
            cpu(each),
            cpu(each, "database_us"),
            number(each["failed"]),
        )
        for each in sorted(found.values(), key=per_second, reverse=True)
    ]
    words = """\
`make bench-peers`, on PostgreSQL. Daypass has two workers, the others all processors. Hydra introspects at its
administrative port, where nobody authenticates; of Keycloak the caller is a client with a secret, as of Daypass. Both
hold the tokens that are presented and no others."""
    heads = ("", "answers/s", "p50 ms", "p99 ms", "CPU µs", "PostgreSQL's CPU µs", "failed")
    return f"{words}\n\n{table(heads, rows)}"
