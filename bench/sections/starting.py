"""Start-up: from the command to the first good answer of ``/readyz``.

Not here: what happens afterwards.
"""

import time
from typing import Any

from bench.ground import DATABASES, Ground, say
from bench.rounds import spread
from bench.servers import serving_daypass


def measure(ground: Ground) -> dict[str, Any]:
    """Seconds, per database."""
    figures = {}
    for database in DATABASES:
        installation = ground.daypass(database, ground.plan.tokens)
        taken = []
        for _ in range(ground.plan.starts):
            started = time.monotonic()
            with serving_daypass(installation):
                taken.append(time.monotonic() - started)
        figures[database] = {"seconds": spread(taken, 2)}
        say(f"  {database}: {figures[database]['seconds']['median']} s")
    return figures
