"""Passwords in the middle of checks: as many sign-ins at once as the limit on hashing lets wait, without a pause.

Idle and flood take turns, on one server.
"""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.services.passwords import hashing_capacity
from bench.installations import PASSWORD, Installation
from bench.load import CALM_CONNECTIONS, Measured, Target, begin, drive
from bench.rounds import summarize, take_turns
from bench.serve import THREADS
from bench.servers import serving_daypass
from bench.subjects import login_target, verify_target
from bench.workspace import DATABASES, Workspace

DRAIN_SECONDS = 3
"""After a flood, in which the server finishes the sign-ins whose client has gone."""


def prepare(workspace: Workspace) -> None:
    """Fill the databases."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens)


def measure(workspace: Workspace) -> dict[str, Any]:
    """How long checks take, idle and during a flood of sign-ins, per database; and how many sign-ins there were."""
    plan = workspace.plan
    figures: dict[str, Any] = {}
    for database in DATABASES:
        installation = workspace.daypass(database, plan.tokens)
        signed_in: list[Measured] = []
        with ExitStack() as running:
            server = running.enter_context(serving_daypass(installation))
            target = verify_target(server, installation.tokens, workspace.server_of(database))
            logins = login_target(server, _logins(installation))
            drive(target, plan.warm_up, CALM_CONNECTIONS)
            drive(logins, 1, 1)  # from an address without an earlier sign-in, only half as many may wait
            turns = {
                f"{database}/idle": partial(drive, target, plan.seconds, CALM_CONNECTIONS),
                f"{database}/flood": partial(_flooded, target, logins, plan.seconds, signed_in),
            }
            found = take_turns(turns, plan.rounds)
        figures |= {name: summarize(measured) for name, measured in found.items()}
        figures[f"{database}/flood"] |= {"sign_ins": summarize(signed_in)}
    return figures


def _flooded(target: Target, logins: Target, seconds: float, signed_in: list[Measured]) -> Measured:
    flood = begin(logins, seconds + 2, sum(hashing_capacity(1, THREADS)))
    measured = drive(target, seconds, CALM_CONNECTIONS)
    signed_in.append(flood.finish())
    time.sleep(DRAIN_SECONDS)
    return measured


def _logins(installation: Installation) -> Path:
    forms = installation.folder / "logins.txt"
    forms.write_text(urlencode({"username": "admin", "password": PASSWORD, "name": "bench"}) + "\n")
    return forms
