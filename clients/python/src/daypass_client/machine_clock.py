"""Seconds since this machine started, the same for all its processes and independent of the wall clock."""

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], float]

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former only on Linux


def machine_clock() -> float:
    """Seconds since the machine started; on Linux including those in which it slept."""
    return time.clock_gettime(_CLOCK)


def boot_id() -> str:
    """The id of this run of the machine, from Linux; elsewhere an empty string."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
