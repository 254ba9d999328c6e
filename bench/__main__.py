"""``python -m bench``: measures, and writes ``bench/results.md``, ``bench/results.json`` and ``docs/bench.svg``."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.clock import system_clock
from bench.environment import ROOT, facts, load_average
from bench.load import NoLoad, require_wrk, wrk_version
from bench.plan import Plan
from bench.plot import draw
from bench.report import page
from bench.sections import SECTIONS
from bench.workspace import Workspace, progress

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("results.md")
PLOT = ROOT / "docs" / "bench.svg"


def main() -> int:
    """Measure the chosen sections; the results of the others stay as they are."""
    options = _options()
    try:
        require_wrk()
    except NoLoad as missing:
        print(missing, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases are stopped
    results: dict[str, Any] = {} if options.quick else _stored()
    for measured in () if options.show else _measure(_plan(options), options.only):
        results = _merged(results if options.quick else _stored(), measured)
        if not options.quick:
            _write(results)
    if options.quick:
        print("\n" + page(results))
    elif options.show:
        _write(results)
    return 0


def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return stored


def _merged(stored: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """What was measured now, and the stored results of the rest."""
    return {part: stored.get(part, {}) | measured[part] for part in measured}


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(results))
    if "comparison" in results["sections"]:
        draw(results["sections"]["comparison"], results["facts"], PLOT)
    progress(f"Written: {PAGE.relative_to(ROOT)}")


def _options() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure how fast Daypass is beside other software."
    )
    parser.add_argument(
        "--only", default=",".join(SECTIONS), type=_sections, metavar="SECTION[,…]", help="default: %(default)s"
    )
    parser.add_argument("--rounds", type=int, help=f"turns of each subject (default {plan.rounds})")
    parser.add_argument("--seconds", type=int, help=f"length of a turn (default {plan.seconds:g})")
    parser.add_argument("--quick", action="store_true", help="little of everything; printed, not written")
    parser.add_argument("--show", action="store_true", help="measure nothing; write the page and the plot again")
    return parser.parse_args()


def _sections(names: str) -> list[str]:
    chosen = names.split(",")
    if unknown := [name for name in chosen if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"there is no section {unknown[0]}: {', '.join(SECTIONS)}")
    return chosen


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan().quick() if options.quick else Plan()
    return replace(plan, rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)


def _measure(plan: Plan, chosen: list[str]) -> Iterator[dict[str, Any]]:
    """Each section as soon as it is measured, so that it is kept if the next one fails."""
    with Workspace(plan) as workspace:
        machine = facts(workspace.folder) | {"PostgreSQL": workspace.postgres.version(), "wrk": wrk_version()}
        load = round(load_average(), 1)
        progress(f"Databases are in {workspace.folder}; load average {load}")
        for name in chosen:
            progress(f"== {name}")
            figures = SECTIONS[name](workspace)
            date = f"{system_clock():%Y-%m-%d %H:%M} UTC"
            taken = {"date": date, "rounds": plan.rounds, "seconds": plan.seconds, "load_average": load}
            yield {"facts": machine, "taken": {name: taken}, "sections": {name: figures}}


if __name__ == "__main__":
    sys.exit(main())
