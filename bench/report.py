"""``results.md``, from what was measured: the verdicts, the comparison, how cost grows, and the machine.

Here belong words and tables. Not here: figures (``bench.sections``), targets (``bench.targets``), the plot
(``bench.plot``).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bench import growth
from bench.load import BUSY_CONNECTIONS
from bench.serve import LOG_LEVEL, THREADS
from bench.subjects import DAYPASS, FLASK_NOTHING, NOTHING, WSGI_NOTHING
from bench.tables import number, ratio, spread, table
from bench.targets import Sections, declared, fastest_peer, per_second

INTRODUCTION = f"""\
Written by `make bench`; each section says when it was measured. All figures of a section are from one run on one
machine, on which load and server share the cores: **compare them with each other, not with other machines'**.

- Server: granian for everybody, WSGI, one worker, {THREADS} blocking threads, no WebSockets, log level {LOG_LEVEL}, no
  access log: the options of `daypass serve`, which serves Daypass itself.
- Load: wrk with one thread and {BUSY_CONNECTIONS} connections that ask again as soon as they are answered, for all the
  same script, which presents tokens in random order out of requests made beforehand. Its latencies are those of such a
  closed loop.
- Databases: the same number of users and tokens for everybody. SQLite is one version for all, with WAL; PostgreSQL is
  asked over TCP on the same machine, on connections that stay open, and is as durable as it comes.
- Rounds: in each, every subject has its turn, in a new order, after a warm-up. Shown are the median of the rounds, and
  from the least to the most.
- Before it is measured, every subject must have let a good token in and refused a bad one. Answers that were not good
  while measuring are counted, and shown if there were any.
"""

BUSY = 0.7
"""A load average, before a run, from which on its figures are worth less."""

PEERS = """\
The peers are set up as a competent operator would: no debugging, no middleware that an API can do without, connections
that stay open (Django: `CONN_MAX_AGE = None`). Not all do the same work: REST framework's tokens never expire and are
kept in clear text; django-oauth-toolkit keeps clear text too, and looks it up by its SHA-256; django-rest-knox looks
through the user's other tokens at each check; Flask-JWT-Extended asks its database only whether a token was revoked,
and does not notice that a user was deactivated.
"""


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    sections: Sections = results["sections"]
    parts = ["# How fast Daypass is", INTRODUCTION]
    if verdicts := list(_verdicts(sections)):
        parts += ["## Targets", table(("target", "wanted", "measured", ""), verdicts, left=(0, 3))]
    if "comparison" in sections:
        parts += ["## Side by side", _taken(results, "comparison"), "![](../docs/bench.svg)"]
        parts += [_comparison(sections["comparison"]), PEERS]
    grown = [name for name in growth.SHOWN if name in sections]
    for name in grown:
        title, show = growth.SHOWN[name]
        parts += [f"## {title}", _taken(results, name), show(sections[name])]
    parts += ["## The machine", table(("", ""), results["facts"].items(), left=(0, 1))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _verdicts(sections: Sections) -> Iterator[tuple[str, ...]]:
    for target in declared():
        if target.section in sections:
            value = target.measured(sections[target.section])
            wanted = f"{'at most' if target.at_most else 'at least'} {target.bound:g}{target.unit}"
            verdict = "holds" if target.holds(value) else "**falls short**"
            yield target.what, wanted, f"{ratio(value)}{target.unit}", verdict


def _taken(results: dict[str, Any], section: str) -> str:
    taken = results["taken"][section]
    words = f"{taken['date']}, {taken['rounds']} rounds of {taken['seconds']:g} s"
    if taken["load_average"] >= BUSY:
        words += f"; **the machine had other things to do** (load average {taken['load_average']} before the run)"
    failed = sum(_failures(results["sections"][section]))
    return f"{words}. " + (f"**{failed:,} answers were not good.**" if failed else "Every answer was good.")


def _failures(figures: Any) -> Iterator[int]:
    if isinstance(figures, dict):
        for name, each in figures.items():
            # Sign-ins are there to be in the way; how many were turned away is shown beside them.
            if name != "sign_ins":
                yield from [each] if name == "failed" else _failures(each)


def _comparison(found: dict[str, Any]) -> str:
    heads = ("", "database", "answers/s", "least to most", "to WSGI", "to Flask", "to fastest peer", "p50 ms", "p99 ms")
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
            ratio(speed / per_second(found[WSGI_NOTHING])),
            ratio(speed / per_second(found[FLASK_NOTHING])),
            peer,
            f"{each['p50_ms']['median']:.2f}",
            f"{each['p99_ms']['median']:.2f}",
        )
