"""Mints of this checkout beside those of another, in turns: ``python -m bench.mints --against DIR``.

Mints a second with 8 at once and CPU time per mint, on both databases, in one run. Each checkout runs with its own
Python (DIR with ``DIR/.venv/bin/python``) on a database that its own migrations made. Needs wrk and the packages of
``make test`` or ``make bench``.
"""

import argparse
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.environment import ROOT, Checkout
from bench.installations import Installation
from bench.load import Measured, NoLoad, drive, require_wrk
from bench.plan import Plan
from bench.rounds import summarize, take_turns
from bench.sections.minting import CONNECTIONS
from bench.servers import serving_daypass
from bench.subjects import mint_target
from bench.tables import cpu, median, ratio, table
from bench.workspace import DATABASES, Workspace

HERE, THERE = "this", "other"


def main() -> int:
    """Measure, and print a table."""
    options = _options()
    try:
        require_wrk()
    except NoLoad as missing:
        print(missing, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases are stopped
    checkouts = {HERE: Checkout(ROOT), THERE: Checkout(options.against, str(options.against / ".venv/bin/python"))}
    plan = replace(Plan(), rounds=options.rounds, seconds=options.seconds, tokens=options.tokens, users=options.tokens)
    with Workspace(plan) as workspace:
        turns = {
            f"{database}/{name}": partial(_turn, plan, workspace.daypass(database, plan.tokens, checkout=checkout))
            for database in DATABASES
            for name, checkout in checkouts.items()
        }
        results = {name: summarize(measured) for name, measured in take_turns(turns, plan.rounds).items()}
    heads = ("database", "checkout", "mints/s", "to other", "CPU µs per mint", "to other", "failed")
    print(f"\n{CONNECTIONS} at once, {plan.rounds} rounds of {plan.seconds:g} s\n")
    print(table(heads, [_row(results, *name.split("/")) for name in results], left=(0, 1)))
    return 0


def _turn(plan: Plan, installation: Installation) -> Measured:
    """With a server that runs for this turn only, so that none takes a core from another."""
    with serving_daypass(installation) as server:
        target = mint_target(server, installation.mints)
        drive(target, plan.warm_up, CONNECTIONS)
        return drive(target, plan.seconds, CONNECTIONS)


def _row(results: dict[str, dict[str, Any]], database: str, name: str) -> tuple[Any, ...]:
    mine, other = results[f"{database}/{name}"], results[f"{database}/{THERE}"]
    speed, cost = (ratio(mine[figure]["median"] / other[figure]["median"]) for figure in ("per_second", "cpu_us"))
    return database, name, median(mine["per_second"]), speed, cpu(mine), cost, mine["failed"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.mints", description="Compare mints with another checkout.")
    parser.add_argument("--against", type=_checkout, required=True, metavar="DIR", help="the other checkout")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn (default %(default)s)")
    parser.add_argument("--tokens", type=int, default=10_000, help="refresh tokens (default %(default)s)")
    return parser.parse_args()


def _checkout(text: str) -> Path:
    folder = Path(text).resolve()
    for needed in ("app/__main__.py", ".venv/bin/python"):
        if not (folder / needed).exists():
            raise argparse.ArgumentTypeError(f"{folder} has no {needed}")
    return folder


if __name__ == "__main__":
    sys.exit(main())
