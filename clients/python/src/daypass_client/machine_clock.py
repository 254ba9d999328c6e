"""A clock that nobody sets: seconds since this machine started, the same for all its processes.

Whoever's wall clock is an hour wrong, or is put right meanwhile, has right tokens all the same. Not here: what is
timed (``tokens``).
"""

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], float]

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former is Linux's alone


def machine_clock() -> float:
    """Seconds since the machine started; on Linux those in which it slept included."""
    return time.clock_gettime(_CLOCK)


def boot_id() -> str:
    """Tells one run of this machine from its others, where the system has such a thing; else the empty text."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
