"""The load: wrk, with the same script for every subject, so that making requests costs the same for all.

Here belongs running wrk and reading what it found. Not here: what is asked (``bench.subjects``), and how often
(``bench.sections``).
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")

BUSY_CONNECTIONS = 16
"""For throughput: as many as the server has threads."""

CALM_CONNECTIONS = 4
"""For how long an answer takes: enough to be disturbed by what else happens, too few to queue for long by itself."""


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
    """Where the load goes: the address, the file of tokens, one a line, and how a request carries one."""

    url: str
    tokens: Path
    carrier: Carrier


@dataclass(frozen=True)
class Measured:
    """What wrk found. `refused`: answers of 400 and above. `broken`: connections that failed, answers too late."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        return self.refused + self.broken


def require_wrk() -> None:
    """Refuse with :class:`NoLoad` where wrk is missing."""
    if shutil.which("wrk") is None:
        raise NoLoad("wrk is missing: apt-get install wrk")


def wrk_version() -> str:
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return said.split(" [")[0].removeprefix("wrk ").strip()


def drive(target: Target, seconds: float, connections: int = BUSY_CONNECTIONS) -> Measured:
    """Load the target for that long; each connection asks again as soon as it has its answer."""
    return finish(begin(target, seconds, connections))


def begin(target: Target, seconds: float, connections: int) -> "subprocess.Popen[str]":
    """The same, without waiting for its end."""
    carrier = target.carrier
    # wrk counts in whole seconds, and in milliseconds not at all.
    duration = f"{max(1, round(seconds))}s"
    options = ["-t", "1", "-c", str(connections), "-d", duration, "--timeout", "10s", "-s", str(SCRIPT)]
    arguments = [str(target.tokens), carrier.name, carrier.before, carrier.body]
    return subprocess.Popen(["wrk", *options, target.url, "--", *arguments], stdout=subprocess.PIPE, text=True)


def finish(running: "subprocess.Popen[str]") -> Measured:
    """What a load that was begun has found."""
    said, _ = running.communicate()
    found = [line for line in said.splitlines() if line.startswith("RESULT ")]
    if running.returncode or not found:
        raise RuntimeError(f"wrk failed with {running.returncode}:\n{said}")
    return Measured(**json.loads(found[-1].removeprefix("RESULT ")))
