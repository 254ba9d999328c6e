"""``python -m bench``: measures, and writes ``bench/results.*``, ``docs/bench.svg`` and ``docs/scaling.md``."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app.domain.clock import system_clock
from bench.environment import ROOT, facts
from bench.load import NoLoad, require_wrk, wrk_version
from bench.pacing import require_compiler
from bench.plan import Plan
from bench.plot import draw
from bench.quiet import watched
from bench.report import PAGE, RESULTS, page
from bench.scaling import SCALING, scaling_page
from bench.sections import OTHERS_NEEDED, SECTIONS
from bench.workspace import Workspace, progress

PLOT = ROOT / "docs" / "bench.svg"


def main() -> int:
    """Measure the chosen sections; the results of the others stay as they are."""
    options = _options()
    try:
        require_wrk()
        require_compiler()
    except NoLoad as missing:
        print(missing, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases are stopped
    if options.prepare:
        _prepare(options)
        return 0
    results: dict[str, Any] = {} if options.quick else _stored()
    for measured in () if options.show else _measure(options):
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
        draw(results["sections"], results["facts"], PLOT)
    with suppress(KeyError):  # something has not been measured yet
        SCALING.write_text(scaling_page(results))
    progress(f"Written: {PAGE.relative_to(ROOT)}")


def _options() -> argparse.Namespace:
    plan = Plan()
    usual = [name for name in SECTIONS if name not in OTHERS_NEEDED]
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure how fast Daypass is beside other software."
    )
    parser.add_argument("--only", type=_sections, metavar="SECTION[,…]", help=f"default: {','.join(usual)}")
    parser.add_argument("--rounds", type=int, help=f"turns of each subject (default {plan.rounds})")
    parser.add_argument("--seconds", type=int, help=f"length of a turn (default {plan.seconds:g})")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the databases in DIR, and use those that are there"
    )
    parser.add_argument("--most-tokens", type=int, metavar="N", help="leave out larger sizes")
    parser.add_argument("--prepare", action="store_true", help="only fill the databases, into the DIR of --keep")
    parser.add_argument("--hydra", type=_existing, metavar="FILE", help="Ory Hydra's program")
    parser.add_argument("--keycloak", type=_existing, metavar="DIR", help="Keycloak's folder")
    parser.add_argument("--quick", action="store_true", help="little of everything; printed, not written")
    parser.add_argument("--show", action="store_true", help="measure nothing; write the page and the plot again")
    options = parser.parse_args()
    if options.prepare and not options.keep:
        parser.error("--prepare needs --keep")
    others = OTHERS_NEEDED if options.hydra or options.keycloak else ()
    options.only = options.only or [*usual, *others]
    return options


def _sections(names: str) -> list[str]:
    chosen = names.split(",")
    if unknown := [name for name in chosen if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"there is no section {unknown[0]}: {', '.join(SECTIONS)}")
    return chosen


def _existing(text: str) -> Path:
    path = Path(text).resolve()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{path} does not exist")
    return path


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan().quick() if options.quick else Plan()
    chosen = replace(plan, rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)
    if options.most_tokens:
        chosen = replace(chosen, sizes=tuple(size for size in chosen.sizes if size <= options.most_tokens))
    return replace(chosen, hydra=options.hydra, keycloak=options.keycloak)


def _prepare(options: argparse.Namespace) -> None:
    with Workspace(_plan(options), options.keep) as workspace:
        for name in options.only:
            progress(f"== {name}")
            SECTIONS[name].prepare(workspace)


def _measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each section as soon as it is measured, so that it is kept if the next one fails."""
    plan = _plan(options)
    with Workspace(plan, options.keep) as workspace:
        machine = facts(workspace.folder) | {"PostgreSQL": workspace.postgres.version(), "wrk": wrk_version()}
        progress(f"Databases are in {workspace.folder}")
        for name in options.only:
            progress(f"== {name}")
            SECTIONS[name].prepare(workspace)
            figures, conditions = watched(
                partial(SECTIONS[name].measure, workspace), lambda: [os.getpid(), *workspace.processes()]
            )
            progress(f"  {conditions.sentence()}")
            date = f"{system_clock():%Y-%m-%d %H:%M} UTC"
            taken = {"date": date, "rounds": plan.rounds, "seconds": plan.seconds} | conditions.stored()
            yield {"facts": machine, "taken": {name: taken}, "sections": {name: figures}}


if __name__ == "__main__":
    sys.exit(main())
