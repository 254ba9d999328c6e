"""CPU time of processes, and of the whole machine (Linux)."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields

import psutil


def cpu_time(pid: int) -> float:
    """Seconds of user and system time of a process and all below it, those that have ended included.

    Of a running process from its CPU clock, because ``/proc/PID/stat`` counts in hundredths of a second; of ended
    children from there.
    """
    root = psutil.Process(pid)
    return sum(map(_of_one, (root, *root.children(recursive=True))))


def _of_one(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess, OSError):  # it has ended meanwhile, and counts as its parent's ended child
        times = process.cpu_times()
        own: float = time.clock_gettime(_cpu_clock(process.pid))
        ended: float = times.children_user + times.children_system
        return own + ended
    return 0.0


def _cpu_clock(pid: int) -> int:
    """The clock of a process, as ``clock_getcpuclockid(3)`` makes it."""
    return (~pid << 3) | 2


@dataclass(frozen=True)
class Machine:
    """Seconds that all processors together have spent. `stolen`: what the hypervisor gave to other machines.

    The kernel counts its work for interrupts, which belongs to no process, apart from `processes`.
    """

    processes: float
    stolen: float
    all: float

    @classmethod
    def read(cls) -> "Machine":
        """Since the machine was started."""
        times = psutil.cpu_times()
        everything = sum(getattr(times, name) for name in times._fields if not name.startswith("guest"))
        return cls(times.user + times.nice + times.system, getattr(times, "steal", 0.0), everything)

    def since(self, before: "Machine") -> "Machine":
        return Machine(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


def of_all(pids: Iterable[int]) -> float:
    """The CPU time of several processes, none of which is below another."""
    return sum(map(cpu_time, pids))
