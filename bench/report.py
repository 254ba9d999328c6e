"""``results.md``: the targets, the comparison, the other sections, and the machine."""

from collections.abc import Iterable, Iterator
from typing import Any

from bench import section_tables
from bench.load import BUSY_CONNECTIONS
from bench.serve import LOG_LEVEL, THREADS
from bench.subjects import DAYPASS, FLASK_NOTHING, NOTHING, WSGI_NOTHING
from bench.tables import cpu, number, ratio, spread, table
from bench.targets import Sections, declared, fastest_peer, per_second

INTRODUCTION = f"""\
Written by `make bench`; each section states when it was measured. All figures of a section are from one run on one
machine, on which load and server share the cores: **compare them with each other, not with those of other machines**.

- CPU µs: user and system time of all processes of the server (not of the database, not of the load), divided by the
  answers. A busy machine changes it far less than it changes answers per second.
- Server: granian for all, WSGI, one worker, {THREADS} blocking threads, no WebSockets, log level {LOG_LEVEL}, no
  access log: the options of `daypass serve`, which serves Daypass itself.
- Load: wrk with one thread and {BUSY_CONNECTIONS} connections, each of which sends its next request as soon as it is
  answered. The same script for all presents prepared requests in random order. Latencies are those of such a closed
  loop.
- Databases: the same number of users and tokens for all. One version of SQLite, with WAL; PostgreSQL over TCP on the
  same machine, on persistent connections, with its default durability.
- Rounds: in each, every subject has its turn, in a random order, after a warm-up. Tables show the median of the rounds,
  and the range from least to most.
- Before it is measured, every subject must have accepted a good token and refused a bad one. Failed answers are
  counted, and shown if there are any.
"""

BUSY = 0.7
"""A load average before a run above which the page warns that the machine was busy."""

PEERS = """\
The peers are configured for production: no debugging, no middleware that an API does not need, persistent connections
(Django: `CONN_MAX_AGE = None`). They do not all do the same work: REST framework's tokens never expire and are stored
in clear text; django-oauth-toolkit stores clear text too, and looks tokens up by their SHA-256; django-rest-knox reads
the user's other tokens at each check; Flask-JWT-Extended only looks up whether a token was revoked, and does not notice
that a user was deactivated.
"""


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    sections: Sections = results["sections"]
    parts = ["# How fast Daypass is", INTRODUCTION]
    if verdicts := list(_verdicts(sections)):
        parts += ["## Targets", table(("target", "bound", "measured", ""), verdicts, left=(0, 3))]
    if "comparison" in sections:
        parts += ["## Side by side", _taken(results, "comparison"), "![](../docs/bench.svg)"]
        parts += [_comparison(sections["comparison"]), PEERS]
    grown = [name for name in section_tables.SECTION_TABLES if name in sections]
    for name in grown:
        title, show = section_tables.SECTION_TABLES[name]
        parts += [f"## {title}", _taken(results, name), show(sections[name])]
    parts += ["## The machine", table(("", ""), results["facts"].items(), left=(0, 1))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _verdicts(sections: Sections) -> Iterator[tuple[str, ...]]:
    for target in declared():
        if target.section not in sections:
            continue
        bound = f"{'at most' if target.at_most else 'at least'} {target.bound:,g}{target.unit}"
        try:
            value = target.measured(sections[target.section])
        except KeyError:
            yield target.what, bound, "", "not measured yet"
        else:
            yield target.what, bound, f"{ratio(value)}{target.unit}", "met" if target.holds(value) else "**missed**"


def _taken(results: dict[str, Any], section: str) -> str:
    taken = results["taken"][section]
    words = f"{taken['date']}, {taken['rounds']} rounds of {taken['seconds']:g} s"
    if taken["load_average"] >= BUSY:
        words += f"; **the machine was busy** (load average {taken['load_average']} before the run)"
    failed = sum(_failures(results["sections"][section]))
    return f"{words}. " + (f"**{failed:,} answers failed.**" if failed else "No answer failed.")


def _failures(figures: Any) -> Iterator[int]:
    if isinstance(figures, dict):
        for name, each in figures.items():
            # Refused sign-ins are shown in their own section.
            if name != "sign_ins":
                yield from [each] if name == "failed" else _failures(each)


def _comparison(found: dict[str, Any]) -> str:
    heads = ("", "database", "answers/s", "least to most", "CPU µs", "to WSGI", "to Flask", "to fastest peer", "p50 ms",
             "p99 ms")  # fmt: skip
    return table(heads, _compared(found), left=(0, 1))


def _compared(found: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for each in sorted(found.values(), key=per_second, reverse=True):
        speed = per_second(each)
        label = f"**{each['label']}**" if each["group"] == DAYPASS else each["label"]
        peer = "" if each["group"] == NOTHING else ratio(speed / per_second(fastest_peer(found, each["database"])))
        yield (
            label,
            each["database"],
            number(speed),
            spread(each["per_second"]),
            cpu(each),
            ratio(speed / per_second(found[WSGI_NOTHING])),
            ratio(speed / per_second(found[FLASK_NOTHING])),
            peer,
            f"{each['p50_ms']['median']:.2f}",
            f"{each['p99_ms']['median']:.2f}",
        )
