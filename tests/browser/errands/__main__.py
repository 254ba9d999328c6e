"""Runs the errands, and writes what they cost into ``bench/errands.md``, beside what they cost before.

What they cost before the lists could be searched stays in ``bench/errands.json``.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.browser import sample
from tests.browser.errands import ways
from tests.browser.errands.person import BUTTON, HAND, KEY, MIND, POINT, Person
from tests.browser.errands.scene import ADMINISTRATORS, MANY, OWNER_OF_MANY, OWNERS, Scene, scene

FOLDER = Path("bench")
NAMES = ("before", "after")


class Errand(NamedTuple):
    """`who` does it, and begins `at` that page."""

    what: str
    way: Callable[[Person, Scene], None]
    who: str
    at: str


ERRANDS = (
    Errand("create and copy", ways.create_and_copy, sample.PERSON, OWNERS),
    Errand("find which token a job uses", ways.find_of_job, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("what expires this week", ways.expiring, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand(f"revoke one of {MANY} by its id from a log", ways.revoke_one_of_many, OWNER_OF_MANY, OWNERS),
    Errand("revoke all of a leaver", ways.revoke_of_leaver, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("why was this call refused", ways.why_refused, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("who revoked mine", ways.who_revoked, sample.PERSON, OWNERS),
    Errand("change a lifetime", ways.change_lifetime, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("export what was never used", ways.export_never_used, sample.ADMINISTRATOR, ADMINISTRATORS),
    Errand("regenerate an expired access token", ways.regenerate_expired, sample.PERSON, OWNERS),
)

Figures = dict[str, Any]


def main() -> int:
    """Run all, or the one that was asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.browser.errands", description=__doc__)
    asked.add_argument("--only", default="", help="the name of one way; printed, not written")
    asked.add_argument("--show", action="store_true", help="run nothing; write the page again")
    chosen = asked.parse_args()
    results = FOLDER / "errands.json"
    stored: Figures = json.loads(results.read_text()) if results.exists() else {}
    if not chosen.show:
        measured = _run(chosen.only)
        if chosen.only:
            print(json.dumps(measured, indent=1))
            return 0
        stored["after"] = measured
        results.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "errands.md").write_text(page(stored))
    return 0


def _run(only: str) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder)) as found:
        for errand in ERRANDS:
            if only not in ("", errand.way.__name__):
                continue
            figures[errand.what] = _cost(errand, found)
            print(f"{errand.what}: {figures[errand.what]}", file=sys.stderr)
    return figures


def _cost(errand: Errand, found: Scene) -> Figures:
    with found.person(errand.who, errand.at) as page:
        person = Person(page)
        errand.way(person, found)
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
