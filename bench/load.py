"""The load: wrk, with one script for every subject, and the CPU time that the server spends meanwhile."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SCRIPT = Path(__file__).with_name("load.lua")

BUSY_CONNECTIONS = 16
"""For throughput: as many as the server has threads."""

CALM_CONNECTIONS = 4
"""For latency: enough to notice a disturbance, too few to queue for long by themselves."""


class NoLoad(Exception):
    """There is nothing to make load with; the message says what to install."""


@dataclass(frozen=True)
class Carrier:
    """How a request carries its token: `before` and the token in the header `name`; with a `body` pattern, where
    ``%s`` stands for the token, it is in a POST's form and the header holds `before` alone."""

    name: str = ""
    before: str = ""
    body: str = ""


@dataclass(frozen=True)
class Target:
    """Where the load goes: the address, the file of tokens, one a line, how a request carries one, and the process id
    of the server, whose CPU time is counted."""

    url: str
    tokens: Path
    carrier: Carrier
    pid: int


@dataclass(frozen=True)
class Measured:
    """One measurement. `refused`: answers of 400 and above. `broken`: connections that failed or timed out.

    `cpu_seconds`: user and system time of all processes of the server.
    """

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        return self.refused + self.broken

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per answer."""
        return self.cpu_seconds / max(1, self.requests) * 1e6


@dataclass(frozen=True)
class Load:
    """A load that is running, and the CPU time that its server had used when it began."""

    wrk: "subprocess.Popen[str]"
    pid: int
    cpu_before: float

    def finish(self) -> Measured:
        """Wait for the end of the load and read its result."""
        output, _ = self.wrk.communicate()
        cpu_seconds = cpu_time(self.pid) - self.cpu_before
        results = [line for line in output.splitlines() if line.startswith("RESULT ")]
        if self.wrk.returncode or not results:
            raise RuntimeError(f"wrk failed with {self.wrk.returncode}:\n{output}")
        return Measured(**json.loads(results[-1].removeprefix("RESULT ")), cpu_seconds=cpu_seconds)


def require_wrk() -> None:
    """Refuse with :class:`NoLoad` where wrk is missing."""
    if shutil.which("wrk") is None:
        raise NoLoad("wrk is missing: apt-get install wrk")


def wrk_version() -> str:
    output = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return output.split(" [")[0].removeprefix("wrk ").strip()


def drive(target: Target, seconds: float, connections: int = BUSY_CONNECTIONS) -> Measured:
    """Load the target for that long; each connection sends its next request as soon as it has its answer."""
    return begin(target, seconds, connections).finish()


def begin(target: Target, seconds: float, connections: int) -> Load:
    """The same, without waiting for its end."""
    carrier = target.carrier
    # wrk takes whole seconds only.
    duration = f"{max(1, round(seconds))}s"
    options = ["-t", "1", "-c", str(connections), "-d", duration, "--timeout", "10s", "-s", str(SCRIPT)]
    arguments = [str(target.tokens), carrier.name, carrier.before, carrier.body]
    before = cpu_time(target.pid)
    wrk = subprocess.Popen(["wrk", *options, target.url, "--", *arguments], stdout=subprocess.PIPE, text=True)
    return Load(wrk, target.pid, before)


def cpu_time(pid: int) -> float:
    """Seconds of user and system time of a process and all below it, those that have ended included (Linux).

    Of a running process from its CPU clock, because ``/proc/PID/stat`` counts in hundredths of a second; of ended
    children from there.
    """
    root = psutil.Process(pid)
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        times = process.cpu_times()
        seconds += time.clock_gettime(_cpu_clock(process.pid)) + times.children_user + times.children_system
    return seconds


def _cpu_clock(pid: int) -> int:
    """The clock of a process, as ``clock_getcpuclockid(3)`` makes it."""
    return (~pid << 3) | 2
