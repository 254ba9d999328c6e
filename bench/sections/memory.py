"""Memory of the worker: after a few checks, and after very many.

Not here: time.
"""

from typing import Any

from bench.ground import DATABASES, Ground, say
from bench.load import drive
from bench.servers import serving_daypass
from bench.subjects import verify_target

STEP_SECONDS = 2


def measure(ground: Ground) -> dict[str, Any]:
    """Resident megabytes of the worker, per database."""
    plan = ground.plan
    figures = {}
    for database in DATABASES:
        installation = ground.daypass(database, plan.tokens)
        with serving_daypass(installation) as server:
            target = verify_target(server, installation.tokens)
            checks, failed, after = 0, 0, {}
            for wanted in (plan.few_checks, plan.many_checks):
                while checks < wanted:
                    measured = drive(target, STEP_SECONDS if checks else 1)
                    checks += measured.requests
                    failed += measured.failed
                after[wanted] = {"checks": checks, "megabytes": round(server.worker_memory(), 1)}
                say(f"  {database}: {checks:,} checks: {after[wanted]['megabytes']} MB")
        few, many = after.values()
        figures[database] = {"few": few, "many": many, "failed": failed}
    return figures
