"""Whether the machine was quiet during a measurement: decided by measuring, not by the load average alone.

A loop of fixed work runs on every processor at once, before and after; meanwhile it is counted what processes did that
are not the benchmark's, and what the hypervisor took.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.cpu import Machine, of_all
from bench.environment import ROOT, load_average

Figures = dict[str, Any]

MOST_OF_OTHERS = 0.03
MOST_STOLEN = 0.01
"""Of the time of all processors, during the measurement."""

MOST_SHARED = 0.05
"""Of the time of a processor, while the loop runs on it."""

MOST_CHANGE = 0.1
"""Between the loop before and the loop after, as CPU time."""


@dataclass(frozen=True)
class Loop:
    """Of the processor that was worst: milliseconds of CPU time for the loop, and the share of time it had to wait."""

    cpu_ms: float
    waited: float


@dataclass(frozen=True)
class Conditions:
    """`others`, `stolen`: shares of the time of all processors. `load`: the load average before."""

    before: Loop
    after: Loop
    others: float
    stolen: float
    load: float

    @property
    def is_quiet(self) -> bool:
        return not list(self.disturbances())

    def disturbances(self) -> Iterable[str]:
        """What was not quiet, in words."""
        if self.others > MOST_OF_OTHERS:
            yield f"other programs took {self.others:.0%} of the processors"
        if self.stolen > MOST_STOLEN:
            yield f"the hypervisor took {self.stolen:.0%} of the processors"
        for when, loop in (("before", self.before), ("after", self.after)):
            if loop.waited > MOST_SHARED:
                yield f"a loop {when} it had to wait {loop.waited:.0%} of its time for a processor"
        if abs(self.after.cpu_ms / self.before.cpu_ms - 1) > MOST_CHANGE:
            yield f"the same loop cost {self.before.cpu_ms:.0f} ms before and {self.after.cpu_ms:.0f} ms after"

    def sentence(self) -> str:
        """For the page of results."""
        if disturbances := ", ".join(self.disturbances()):
            return f"**The machine was not quiet**: {disturbances}."
        return (
            f"The machine was quiet: other programs took {self.others:.1%} of the processors, the hypervisor "
            f"{self.stolen:.1%}; the same loop cost {self.before.cpu_ms:.0f} ms before and {self.after.cpu_ms:.0f} ms "
            "after."
        )

    def stored(self) -> dict[str, Any]:
        """For ``results.json``."""
        loops = {
            f"{name}_{when}": round(value, 3)
            for when, loop in (("before", self.before), ("after", self.after))
            for name, value in (("loop_cpu_ms", loop.cpu_ms), ("loop_waited", loop.waited))
        }
        return loops | {"others": round(self.others, 4), "stolen": round(self.stolen, 4), "load_average": self.load}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Conditions":
        """From ``results.json``."""
        before, after = (
            Loop(stored[f"loop_cpu_ms_{when}"], stored[f"loop_waited_{when}"]) for when in ("before", "after")
        )
        return cls(before, after, stored["others"], stored["stolen"], stored["load_average"])


def watched(measure: Callable[[], Figures], ours: Callable[[], Iterable[int]]) -> tuple[Figures, Conditions]:
    """What `measure` returns, and how quiet the machine was. `ours`: the processes that belong to the benchmark."""
    load, before = round(load_average(), 1), loop()
    machine, own = Machine.read(), of_all(ours())
    found = measure()
    own, spent = of_all(ours()) - own, Machine.read().since(machine)
    after = loop()
    return found, Conditions(before, after, max(0.0, spent.processes - own) / spent.all, spent.stolen / spent.all, load)


def loop() -> Loop:
    """Run it on all processors at once."""
    command = [sys.executable, "-m", "bench.calibration"]
    running = [
        subprocess.Popen([*command, str(core)], cwd=ROOT, stdout=subprocess.PIPE)
        for core in sorted(os.sched_getaffinity(0))
    ]
    found = [json.loads(each.communicate()[0]) for each in running]
    return Loop(max(each["cpu_ms"] for each in found), max(1 - each["cpu_ms"] / each["taken_ms"] for each in found))
