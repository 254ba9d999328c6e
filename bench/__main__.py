"""``python -m bench``: measures, and writes ``bench/results.md``, ``bench/results.json`` and ``docs/bench.svg``.

Here belongs the command. Not here: what is measured (``bench.sections``) and shown (``bench.report``, ``bench.plot``).
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.clock import system_clock
from bench.ground import Ground, say
from bench.load import NoLoad, require_wrk, wrk_version
from bench.plan import Plan
from bench.plot import draw
from bench.report import page
from bench.sections import SECTIONS
from bench.surroundings import ROOT, facts, load_average

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("results.md")
PLOT = ROOT / "docs" / "bench.svg"


def main() -> int:
    """Measure what was asked for; the results of other sections stay as they are."""
    options = _options()
    try:
        require_wrk()
    except NoLoad as missing:
        print(missing, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases go as well
    results: dict[str, Any] = {} if options.quick else _kept()
    for measured in () if options.show else _measure(_plan(options), options.only):
        results = _merged(results if options.quick else _kept(), measured)
        if not options.quick:
            _write(results)
    if options.quick:
        print("\n" + page(results))
    elif options.show:
        _write(results)
    return 0


def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def _merged(kept: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """What was measured now, and of the rest what was there before."""
    return {part: kept.get(part, {}) | measured[part] for part in measured}


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(results))
    if "comparison" in results["sections"]:
        draw(results["sections"]["comparison"], results["facts"], PLOT)
    say(f"Written: {PAGE.relative_to(ROOT)}")


def _options() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast Daypass is, in front of what.")
    parser.add_argument(
        "--only", default=",".join(SECTIONS), type=_sections, metavar="SECTION[,…]", help="of %(default)s"
    )
    parser.add_argument("--rounds", type=int, help=f"how often each subject has its turn (default {plan.rounds})")
    parser.add_argument("--seconds", type=int, help=f"how long a turn is (default {plan.seconds:g})")
    parser.add_argument("--quick", action="store_true", help="little of everything; shown, not written")
    parser.add_argument("--show", action="store_true", help="measure nothing; write the page and the plot anew")
    return parser.parse_args()


def _sections(words: str) -> list[str]:
    chosen = words.split(",")
    if unknown := [word for word in chosen if word not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"there is no section {unknown[0]}: {', '.join(SECTIONS)}")
    return chosen


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan().quick() if options.quick else Plan()
    return replace(plan, rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)


def _measure(plan: Plan, chosen: list[str]) -> Iterator[dict[str, Any]]:
    """Each section as soon as it is there, so that it outlives a failure in the next."""
    with Ground(plan) as ground:
        machine = facts(ground.folder) | {"PostgreSQL": ground.postgres.version(), "wrk": wrk_version()}
        load = round(load_average(), 1)
        say(f"Databases are in {ground.folder}; load average {load}")
        for name in chosen:
            say(f"== {name}")
            figures = SECTIONS[name](ground)
            date = f"{system_clock():%Y-%m-%d %H:%M} UTC"
            taken = {"date": date, "rounds": plan.rounds, "seconds": plan.seconds, "load_average": load}
            yield {"facts": machine, "taken": {name: taken}, "sections": {name: figures}}


if __name__ == "__main__":
    sys.exit(main())
