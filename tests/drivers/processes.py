"""Whether processes have ended; a zombie has, also while its parent has not waited for it."""

import time
from collections.abc import Iterable

import psutil


def still_running(processes: Iterable[psutil.Process], most_seconds: float) -> list[psutil.Process]:
    """Those that run after so many seconds. A zombie does not: it holds nothing, and its new parent may be slow."""
    deadline = time.monotonic() + most_seconds
    while (running := [each for each in processes if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
