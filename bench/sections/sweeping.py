"""A sweep in the middle of checks: many tokens expire at once and are marked so by a process of its own.

Idle and sweep take turns; after each sweep its marks are undone.
"""

import time
from contextlib import ExitStack
from functools import partial
from typing import Any

from sqlalchemy import func, select, text, update

from app.domain.tokens import TokenStatus
from app.storage.tables import AccessTokenRow
from bench.installations import Installation
from bench.load import CALM_CONNECTIONS, Measured, Target, begin, drive
from bench.rounds import spread, summarize, take_turns
from bench.servers import serving_daypass
from bench.subjects import verify_target
from bench.workspace import DATABASES, Workspace

TIMEOUT_SECONDS = 30


def prepare(workspace: Workspace) -> None:
    """Fill databases with tokens that have expired."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens, workspace.plan.due)


def measure(workspace: Workspace) -> dict[str, Any]:
    """How long checks take, idle and during a sweep, per database; and how long the sweep took."""
    figures: dict[str, Any] = {}
    for database in DATABASES:
        installation = workspace.daypass(database, workspace.plan.tokens, workspace.plan.due)
        sweeps: list[float] = []
        with ExitStack() as running:
            server = running.enter_context(serving_daypass(installation))
            target = verify_target(server, installation.tokens, workspace.server_of(database))
            drive(target, workspace.plan.warm_up, CALM_CONNECTIONS)
            turns = {
                f"{database}/idle": partial(drive, target, workspace.plan.seconds, CALM_CONNECTIONS),
                f"{database}/sweep": partial(_swept, installation, target, workspace.plan.seconds, sweeps),
            }
            found = take_turns(turns, workspace.plan.rounds)
        figures |= {name: summarize(measured) for name, measured in found.items()}
        figures[f"{database}/sweep"] |= {"due": workspace.plan.due, "sweep_seconds": spread(sweeps, 2)}
    return figures


def _swept(installation: Installation, target: Target, seconds: float, sweeps: list[float]) -> Measured:
    """Load while the sweep runs, from its first batch on."""
    sweep = installation.command("job", "run", "expire_tokens")
    _wait_for_first_batch(installation)
    started = time.monotonic()
    load = begin(target, seconds, CALM_CONNECTIONS)
    _, errors = sweep.communicate()
    if sweep.returncode:
        raise RuntimeError(f"the sweep failed: {errors.decode()}")
    sweeps.append(time.monotonic() - started)
    measured = load.finish()
    _restore(installation)
    return measured


def _marked(installation: Installation) -> int:
    engine = installation.engine()
    with engine.connect() as connection:
        marked = select(func.count()).where(AccessTokenRow.status == TokenStatus.EXPIRED)
        count = connection.scalar(marked)
    engine.dispose()
    return count or 0


def _wait_for_first_batch(installation: Installation) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not _marked(installation):
        if time.monotonic() > deadline:
            raise RuntimeError("the sweep marks nothing")
        time.sleep(0.01)


def _restore(installation: Installation) -> None:
    engine = installation.engine()
    with engine.begin() as connection:
        expired = AccessTokenRow.status == TokenStatus.EXPIRED
        connection.execute(update(AccessTokenRow).where(expired).values(status=TokenStatus.ACTIVE))
    # So that the next turn, which may be an idle one, does not pay for this.
    settle = "PRAGMA wal_checkpoint(TRUNCATE)" if engine.dialect.name == "sqlite" else "VACUUM access_tokens"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(settle))
    engine.dispose()
