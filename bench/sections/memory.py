"""Memory of the worker: after a few checks, and after very many."""

from typing import Any

from bench.load import drive
from bench.servers import serving_daypass
from bench.subjects import verify_target
from bench.workspace import DATABASES, Workspace, progress

STEP_SECONDS = 2


def prepare(workspace: Workspace) -> None:
    """Fill the databases."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Resident megabytes of the worker, and CPU microseconds per check, per database."""
    plan = workspace.plan
    figures = {}
    for database in DATABASES:
        installation = workspace.daypass(database, plan.tokens)
        with serving_daypass(installation) as server:
            target = verify_target(server, installation.tokens, workspace.server_of(database))
            checks, failed, cpu_seconds, after = 0, 0, 0.0, {}
            for limit in (plan.few_checks, plan.many_checks):
                while checks < limit:
                    measured = drive(target, STEP_SECONDS if checks else 1)
                    checks += measured.requests
                    failed += measured.failed
                    cpu_seconds += measured.cpu_seconds
                after[limit] = {"checks": checks, "megabytes": round(server.worker_memory(), 1)}
                progress(f"  {database}: {checks:,} checks: {after[limit]['megabytes']} MB")
        few, many = after.values()
        figures[database] = {"few": few, "many": many, "failed": failed, "cpu_us": round(cpu_seconds / checks * 1e6, 1)}
    return figures
