"""What more tokens cost: the check with few, many, and very many live ones.

Not here: other things that grow.
"""

from functools import partial
from typing import Any

from bench.ground import DATABASES, Ground
from bench.installations import Installation
from bench.load import Measured, drive
from bench.rounds import sum_up, take_turns
from bench.servers import serving_daypass
from bench.subjects import verify_target


def measure(ground: Ground) -> dict[str, Any]:
    """Checks a second, per database and size."""
    plan = ground.plan
    turns = {
        f"{database}/{size}": partial(_turn, ground, ground.daypass(database, size))
        for size in plan.sizes
        for database in DATABASES
    }
    found = take_turns(turns, plan.rounds)
    return {name: sum_up(measured) for name, measured in found.items()}


def _turn(ground: Ground, installation: Installation) -> Measured:
    """With a server that runs for this turn only: each worker keeps a core to itself, and there are too few."""
    with serving_daypass(installation) as server:
        target = verify_target(server, installation.tokens)
        drive(target, ground.plan.warm_up)
        return drive(target, ground.plan.seconds)
