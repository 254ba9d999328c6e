"""``python -m bench.calibration CORE``: how long a loop of fixed work takes on that processor, as JSON."""

import json
import os
import sys
import time

TURNS = 4_000_000
"""About a quarter of a second on a processor of 2020."""


def run(core: int) -> dict[str, float]:
    """Milliseconds of the loop, and of CPU time in it."""
    os.sched_setaffinity(0, {core})
    started, cpu_before = time.perf_counter(), time.process_time()
    left = TURNS
    while left:
        left -= 1
    cpu_ms, taken_ms = (time.process_time() - cpu_before) * 1e3, (time.perf_counter() - started) * 1e3
    return {"taken_ms": taken_ms, "cpu_ms": cpu_ms}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))
