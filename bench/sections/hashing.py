"""Passwords in the middle of checks: as many sign-ins at once as the gate for passwords lets wait, without a pause.

Idle and flood take turns, on one server. Not here: how passwords are digested (``app.services.passwords``).
"""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.services.passwords import hashing_capacity
from bench.ground import DATABASES, Ground
from bench.installations import PASSWORD, Installation
from bench.load import CALM_CONNECTIONS, Measured, Target, begin, drive, finish
from bench.rounds import sum_up, take_turns
from bench.serve import THREADS
from bench.servers import serving_daypass
from bench.subjects import login_target, verify_target

REST_SECONDS = 3
"""After a flood: the sign-ins whose client is gone are still being worked off."""


def measure(ground: Ground) -> dict[str, Any]:
    """How long checks take, idle and during a flood of sign-ins, per database; and how many sign-ins there were."""
    plan = ground.plan
    figures: dict[str, Any] = {}
    for database in DATABASES:
        installation = ground.daypass(database, plan.tokens)
        signed_in: list[Measured] = []
        with ExitStack() as running:
            server = running.enter_context(serving_daypass(installation))
            target = verify_target(server, installation.tokens)
            logins = login_target(server, _logins(installation))
            drive(target, plan.warm_up, CALM_CONNECTIONS)
            drive(logins, 1, 1)  # from an address where nobody signed in before, only half as many may wait
            turns = {
                f"{database}/idle": partial(drive, target, plan.seconds, CALM_CONNECTIONS),
                f"{database}/flood": partial(_flooded, target, logins, plan.seconds, signed_in),
            }
            found = take_turns(turns, plan.rounds)
        figures |= {name: sum_up(measured) for name, measured in found.items()}
        figures[f"{database}/flood"] |= {"sign_ins": sum_up(signed_in)}
    return figures


def _flooded(target: Target, logins: Target, seconds: float, signed_in: list[Measured]) -> Measured:
    flood = begin(logins, seconds + 2, sum(hashing_capacity(1, THREADS)))
    measured = drive(target, seconds, CALM_CONNECTIONS)
    signed_in.append(finish(flood))
    time.sleep(REST_SECONDS)
    return measured


def _logins(installation: Installation) -> Path:
    forms = installation.folder / "logins.txt"
    forms.write_text(urlencode({"username": "admin", "password": PASSWORD, "name": "bench"}) + "\n")
    return forms
