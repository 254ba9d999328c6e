"""What more tokens cost: the check with few, many, and very many live ones.

Not here: other things that grow.
"""

from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.ground import DATABASES, Ground
from bench.load import Measured, Target, drive
from bench.rounds import sum_up, take_turns
from bench.servers import serving_daypass
from bench.subjects import verify_target


def measure(ground: Ground) -> dict[str, Any]:
    """Checks a second, per database and size."""
    plan = ground.plan
    with ExitStack() as running:
        turns = {}
        for size in plan.sizes:
            for database in DATABASES:
                installation = ground.daypass(database, size)
                server = running.enter_context(serving_daypass(installation))
                target = verify_target(server, installation.tokens)
                turns[f"{database}/{size}"] = partial(_turn, ground, target)
        found = take_turns(turns, plan.rounds)
    return {name: sum_up(measured) for name, measured in found.items()}


def _turn(ground: Ground, target: Target) -> Measured:
    drive(target, ground.plan.warm_up)
    return drive(target, ground.plan.seconds)
