"""``results.md``: the targets, the comparison, the other sections, and the machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import section_tables
from bench.comparison_tables import comparison
from bench.load import BUSY_CONNECTIONS
from bench.quiet import MOST_CHANGE, MOST_OF_OTHERS, MOST_SHARED, MOST_STOLEN, Conditions
from bench.serve import LOG_LEVEL, THREADS
from bench.tables import ratio, table
from bench.targets import Sections, declared

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("results.md")

INTRODUCTION = f"""\
Written by `make bench`; each section states when it was measured. All figures of a section are from one run on one
machine, on which load and server share the cores: **compare them with each other, not with those of other machines**.

- CPU µs: user and system time of all processes of the server (not of the load), divided by the answers. PostgreSQL's
  is counted likewise, and shown apart; SQLite runs within the server. A busy machine changes it far less than it
  changes answers per second.
- Quiet: decided by measuring. A loop of fixed work runs on every processor at once, before and after each section;
  meanwhile it is counted what other programs and the hypervisor took. A section was not quiet where that is more than
  {MOST_OF_OTHERS:.0%} or {MOST_STOLEN:.0%} of the processors, where the loop waited more than {MOST_SHARED:.0%} of its
  time, or where it cost {MOST_CHANGE:.0%} more or less afterwards.
- Server: granian for all, WSGI, one worker, {THREADS} blocking threads, no WebSockets, log level {LOG_LEVEL}, no
  access log: the options of `daypass serve`, which serves Daypass itself.
- Load: wrk with one thread and {BUSY_CONNECTIONS} connections, each of which sends its next request as soon as it is
  answered. The same script for all presents prepared requests in random order. Latencies are those of such a closed
  loop, except in the section about fixed rates.
- Databases: the same number of users and tokens for all. One version of SQLite, with WAL; PostgreSQL over TCP on the
  same machine, on persistent connections, with its default durability.
- Rounds: in each, every subject has its turn, in a random order, after a warm-up. Tables show the median of the rounds,
  and the range from least to most.
- Before it is measured, every subject must have accepted a good token and refused a bad one. Failed answers are
  counted, and shown if there are any.
"""

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
        parts += [comparison(sections["comparison"]), PEERS]
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
    words = f"{taken['date']}, {taken['rounds']} round{'s' * (taken['rounds'] > 1)} of {taken['seconds']:g} s."
    failed = sum(_failures(results["sections"][section]))
    failures = f"**{failed:,} answers failed.**" if failed else "No answer failed."
    # Results from before the machine was watched have the load average alone.
    quiet = Conditions.of(taken).sentence() if "others" in taken else "**Whether the machine was quiet is not known.**"
    return f"{words} {failures} {quiet}"


def _failures(figures: Any) -> Iterator[int]:
    if isinstance(figures, dict):
        for name, each in figures.items():
            # Refused sign-ins are shown in their own section.
            if name != "sign_ins":
                yield from [each] if name == "failed" else _failures(each)
