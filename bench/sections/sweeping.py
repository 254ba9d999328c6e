"""A sweep in the middle of checks: many tokens expire at once and are marked so by a process of its own.

Idle and sweep take turns; after each sweep its marks are taken back. Not here: what the sweep does (``app.jobs``).
"""

import time
from contextlib import ExitStack
from functools import partial
from typing import Any

from sqlalchemy import func, select, text, update

from app.domain.tokens import TokenStatus
from app.storage.tables import AccessTokenRow
from bench.ground import DATABASES, Ground
from bench.installations import Installation
from bench.load import CALM_CONNECTIONS, Measured, Target, begin, drive, finish
from bench.rounds import spread, sum_up, take_turns
from bench.servers import serving_daypass
from bench.subjects import verify_target

PATIENCE_SECONDS = 30


def measure(ground: Ground) -> dict[str, Any]:
    """How long checks take, idle and during a sweep, per database; and how long the sweep took."""
    figures: dict[str, Any] = {}
    for database in DATABASES:
        installation = ground.daypass(database, ground.plan.tokens, ground.plan.due)
        sweeps: list[float] = []
        with ExitStack() as running:
            server = running.enter_context(serving_daypass(installation))
            target = verify_target(server, installation.tokens)
            drive(target, ground.plan.warm_up, CALM_CONNECTIONS)
            turns = {
                f"{database}/idle": partial(drive, target, ground.plan.seconds, CALM_CONNECTIONS),
                f"{database}/sweep": partial(_swept, installation, target, ground.plan.seconds, sweeps),
            }
            found = take_turns(turns, ground.plan.rounds)
        figures |= {name: sum_up(measured) for name, measured in found.items()}
        figures[f"{database}/sweep"] |= {"due": ground.plan.due, "sweep_seconds": spread(sweeps, 2)}
    return figures


def _swept(installation: Installation, target: Target, seconds: float, sweeps: list[float]) -> Measured:
    """Load while the sweep is at work, from its first batch on."""
    sweep = installation.command("job", "run", "expire_tokens")
    _wait_for_first_batch(installation)
    started = time.monotonic()
    load = begin(target, seconds, CALM_CONNECTIONS)
    _, said = sweep.communicate()
    if sweep.returncode:
        raise RuntimeError(f"the sweep failed: {said.decode()}")
    sweeps.append(time.monotonic() - started)
    measured = finish(load)
    _take_back(installation)
    return measured


def _marked(installation: Installation) -> int:
    engine = installation.engine()
    with engine.connect() as connection:
        marked = select(func.count()).where(AccessTokenRow.status == TokenStatus.EXPIRED)
        count = connection.scalar(marked)
    engine.dispose()
    return count or 0


def _wait_for_first_batch(installation: Installation) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _marked(installation):
        if time.monotonic() > deadline:
            raise RuntimeError("the sweep marks nothing")
        time.sleep(0.01)


def _take_back(installation: Installation) -> None:
    engine = installation.engine()
    with engine.begin() as connection:
        expired = AccessTokenRow.status == TokenStatus.EXPIRED
        connection.execute(update(AccessTokenRow).where(expired).values(status=TokenStatus.ACTIVE))
    # So that what this has stirred up is not in the way of the next turn, which may be an idle one.
    settle = "PRAGMA wal_checkpoint(TRUNCATE)" if engine.dialect.name == "sqlite" else "VACUUM access_tokens"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(settle))
    engine.dispose()
