"""Start-up: from the command to the first good answer of ``/readyz``."""

import time
from typing import Any

from bench.rounds import spread
from bench.servers import serving_daypass
from bench.workspace import DATABASES, Workspace, progress


def prepare(workspace: Workspace) -> None:
    """Fill the databases."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Seconds, and CPU seconds, per database."""
    figures = {}
    for database in DATABASES:
        installation = workspace.daypass(database, workspace.plan.tokens)
        taken, cpu_seconds = [], []
        for _ in range(workspace.plan.starts):
            started = time.monotonic()
            with serving_daypass(installation) as server:
                taken.append(time.monotonic() - started)
                cpu_seconds.append(server.cpu_time())
        figures[database] = {"seconds": spread(taken, 2), "cpu_seconds": spread(cpu_seconds, 2)}
        progress(f"  {database}: {figures[database]['seconds']['median']} s")
    return figures
