"""The load: wrk, with one script for every subject, and the CPU time that server and database spend meanwhile.

A fixed number of requests a second is in ``bench.pacing``.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import cpu_time

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
    """Where the load goes: the address, the file of tokens, one a line, and how a request carries one.

    The CPU time of the processes `pid` and `database` (a server's, if it has one) is counted.
    """

    url: str
    tokens: Path
    carrier: Carrier
    pid: int
    database: int | None = None

    def cpu_times(self) -> tuple[float, float]:
        """Seconds that server and database have spent."""
        return cpu_time(self.pid), cpu_time(self.database) if self.database else 0.0


@dataclass(frozen=True)
class Measured:
    """One measurement. `refused`: answers of 400 and above. `broken`: connections that failed or timed out.

    `cpu_seconds`, `database_seconds`: user and system time of all processes of the server, and of the database server.
    """

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cpu_seconds: float
    database_seconds: float

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

    @property
    def database_us(self) -> float:
        """CPU microseconds of the database server per answer."""
        return self.database_seconds / max(1, self.requests) * 1e6


@dataclass(frozen=True)
class Load:
    """A program that makes load and prints its result, and the CPU times when it began."""

    program: "subprocess.Popen[str]"
    target: Target
    before: tuple[float, float]

    @classmethod
    def begin(cls, command: list[str], target: Target) -> "Load":
        before = target.cpu_times()
        return cls(subprocess.Popen(command, stdout=subprocess.PIPE, text=True), target, before)

    def finish(self) -> Measured:
        """Wait for the end of the load and read its result."""
        output, _ = self.program.communicate()
        server, database = self.target.cpu_times()
        results = [line for line in output.splitlines() if line.startswith("RESULT ")]
        if self.program.returncode or not results:
            raise RuntimeError(f"{self.program.args!r} failed with {self.program.returncode}:\n{output}")
        found = json.loads(results[-1].removeprefix("RESULT "))
        return Measured(**found, cpu_seconds=server - self.before[0], database_seconds=database - self.before[1])


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
    return Load.begin(["wrk", *options, target.url, "--", *arguments], target)
