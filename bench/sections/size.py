"""What more tokens cost: the check with few, many, and very many active ones, and the room they take."""

from functools import partial
from typing import Any

from bench.load import Measured, drive
from bench.rounds import summarize, take_turns
from bench.servers import serving_daypass
from bench.subjects import verify_target
from bench.workspace import DATABASES, Workspace


def prepare(workspace: Workspace) -> None:
    """Fill the databases."""
    for size in workspace.plan.sizes:
        for database in DATABASES:
            workspace.daypass(database, size)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Checks a second, and bytes of the database, per database and size."""
    plan = workspace.plan
    turns = {
        f"{database}/{size}": partial(_turn, workspace, database, size) for size in plan.sizes for database in DATABASES
    }
    found = take_turns(turns, plan.rounds)
    return {
        f"{database}/{size}": summarize(found[f"{database}/{size}"])
        | {"bytes": workspace.daypass(database, size).size()}
        for size in plan.sizes
        for database in DATABASES
    }


def _turn(workspace: Workspace, database: str, size: int) -> Measured:
    """With a server that runs for this turn only: each worker takes a core, and there are too few for all."""
    installation = workspace.daypass(database, size)
    with serving_daypass(installation) as server:
        target = verify_target(server, installation.tokens, workspace.server_of(database))
        drive(target, workspace.plan.warm_up)
        return drive(target, workspace.plan.seconds)
