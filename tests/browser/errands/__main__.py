"""Runs the errands, and writes what they cost into ``bench/errands.md``, before and after side by side."""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.browser import sample
from tests.browser.errands.person import BUTTON, HAND, KEY, MIND, POINT, Person
from tests.browser.errands.scene import ADMINISTRATORS, MANY, OWNER_OF_MANY, OWNERS, Scene, scene

FOLDER = Path("bench")
NAMES = ("before", "after")


class Errand(NamedTuple):
    """`way`: the name of its function in each of the modules of ways. `who` does it, and begins `at` that page."""

    what: str
    way: str
    who: str
    at: str


ERRANDS = (
    Errand("create and copy", "create_and_copy", sample.PERSON, OWNERS),
    Errand("find which token a job uses", "find_of_job", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("what expires this week", "expiring", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand(f"revoke one of {MANY} by its id from a log", "revoke_one_of_many", OWNER_OF_MANY, OWNERS),
    Errand("revoke all of a leaver", "revoke_of_leaver", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("why was this call refused", "why_refused", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("who revoked mine", "who_revoked", sample.PERSON, OWNERS),
    Errand("change a lifetime", "change_lifetime", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("export what was never used", "export_never_used", sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("regenerate an expired access token", "regenerate_expired", sample.PERSON, OWNERS),
)

Figures = dict[str, Any]


def main() -> int:
    """Run all, or the one that was asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.browser.errands", description=__doc__)
    asked.add_argument("--as", dest="name", choices=NAMES, default="after", help="the ways, and the column (after)")
    asked.add_argument("--only", default="", help="the name of one way; printed, not written")
    asked.add_argument("--show", action="store_true", help="run nothing; write the page again")
    chosen = asked.parse_args()
    results = FOLDER / "errands.json"
    stored: Figures = json.loads(results.read_text()) if results.exists() else {}
    if not chosen.show:
        measured = _run(importlib.import_module(f"tests.browser.errands.{chosen.name}"), chosen.only)
        if chosen.only:
            return 0
        stored[chosen.name] = measured
        results.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "errands.md").write_text(page(stored))
    return 0


def _run(ways: Any, only: str) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder)) as found:
        for errand in ERRANDS:
            if only not in ("", errand.way):
                continue
            way = getattr(ways, errand.way, None)
            figures[errand.what] = (
                {"not_possible": ways.NOT_POSSIBLE[errand.what]} if way is None else _cost(errand, way, found)
            )
    return figures


def _cost(errand: Errand, way: Callable[[Person, Scene], None], found: Scene) -> Figures:
    with found.person(errand.who, errand.at) as page:
        person = Person(page)
        way(person, found)
    cost = person.cost
    return {
        "clicks": cost.clicks,
        "keys": cost.keys,
        "loads": cost.loads,
        "person": round(cost.person, 1),
        "machine": round(cost.machine, 1),
    }


def page(stored: Figures) -> str:
    """A row for each errand: what it cost before, and costs after."""
    names = [name for name in NAMES if name in stored]
    heads = [
        "errand",
        *(f"{figure}, {name}" for figure in ("clicks", "keys", "page loads", "seconds") for name in names),
    ]
    lines = [heads, [":--", *["--:"] * (len(heads) - 1)]]
    lines += [[errand.what, *_cells([stored[name][errand.what] for name in names])] for errand in ERRANDS]
    around = [
        f"- {name}, {what}: not possible in the pages. {figures['not_possible'].capitalize()}."
        for name in names
        for what, figures in stored[name].items()
        if "not_possible" in figures
    ]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return INTRODUCTION + f"\n{rows}\n" + ("\n" + "\n".join(around) + "\n" if around else "")


def _cells(found: list[Figures]) -> list[str]:
    cells = []
    for figure in ("clicks", "keys", "loads", "seconds"):
        for each in found:
            seconds = f"{each.get('person', 0) + each.get('machine', 0):.1f}"
            cells.append("—" if "not_possible" in each else seconds if figure == "seconds" else str(each[figure]))
    return cells


INTRODUCTION = f"""\
# Ten errands

What they cost on the web pages. Written by `python -m tests.browser.errands`, which does them in Chromium on a live
server with months of sample data: more than forty users, one of them with {MANY} tokens.

A person begins on the page that is there after signing in: Tokens, or for an administrator the overview; what a log
says has been copied. Seconds are those of the keystroke-level model (Card, Moran and Newell, *Communications of the
ACM* 23(7), 1980, with Kieras's times, 2001) and those of the machine, as measured: a key {KEY} s, pointing {POINT} s, a
click {2 * BUTTON} s, moving the hand between mouse and keyboard {HAND} s, each decision and each answer that is read
{MIND} s.
The model knows no errors and no searching with the eyes: it is generous to long lists.
"""

if __name__ == "__main__":
    sys.exit(main())
