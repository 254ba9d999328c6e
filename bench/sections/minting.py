"""Minting: access tokens a second, each committed durably before it is answered.

Many refresh tokens, so that mints seldom wait for one another's row. Not here: checks.
"""

from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.ground import DATABASES, Ground
from bench.load import drive
from bench.rounds import sum_up, take_turns
from bench.servers import serving_daypass
from bench.subjects import mint_target

CONNECTIONS = 8


def measure(ground: Ground) -> dict[str, Any]:
    """Mints a second, per database."""
    plan = ground.plan
    with ExitStack() as running:
        turns = {}
        for database in DATABASES:
            # Not the comparison's installation: a mint replaces the access token that is checked there.
            installation = ground.daypass(database, plan.tokens, due=1)
            server = running.enter_context(serving_daypass(installation))
            target = mint_target(server, installation.mints)
            drive(target, plan.warm_up, CONNECTIONS)
            turns[database] = partial(drive, target, plan.seconds, CONNECTIONS)
        found = take_turns(turns, plan.rounds)
    return {name: sum_up(measured) for name, measured in found.items()}
