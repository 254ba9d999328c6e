"""The supervisor's side of a worker's process.

Not multiprocessing: that would import the whole command line into a worker before its first own line, so that it could
outlive its supervisor by seconds, and start a process of its own beside them.
"""

import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from app.server.spawning import Spawned

WorkerTarget = Callable[[int, int], None]
"""What a worker runs: with its number, and the descriptor for its report."""

START_SECONDS = 60
"""How long a worker may take until it serves; much longer than on a slow machine that is busy."""

SERVES = b"\0"
"""The report that a worker serves. Any other names what keeps it from that."""

LONGEST_REPORT = 500
"""Bytes: written and read as one (PIPE_BUF of pipe(7) is at least 512)."""


@dataclass(eq=False)
class Worker:
    """A process. `up_at`: when it reported that it serves. `serve_by`, `stop_by`: when it must have. All monotonic.

    `reports`: readable when it has reported, and when it has ended.
    """

    number: int
    process: subprocess.Popen[bytes]
    reports: int
    serve_by: float
    stop_by: float = math.inf
    up_at: float | None = None
    problem: str | None = None

    def has_reported(self) -> bool:
        """Whether it has reported just now that it serves."""
        try:
            report = os.read(self.reports, LONGEST_REPORT)
        except BlockingIOError:
            return False
        if report and report != SERVES:
            self.problem = report.decode(errors="replace")
        if report != SERVES:
            return False
        self.up_at, self.serve_by = time.monotonic(), math.inf
        return True

    @property
    def deadline(self) -> float:
        return min(self.serve_by, self.stop_by)

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def ending(self) -> dict[str, object]:
        """How it ended, for the log."""
        code = self.process.returncode
        ending: dict[str, object] = {"pid": self.process.pid}
        ending |= {"signal": _signal_name(-code)} if code < 0 else {"exit_code": code}
        return ending | ({"problem": self.problem} if self.problem else {})

    def terminate(self, patience: float) -> None:
        """Ask it to finish its requests and stop, within these seconds."""
        self.process.terminate()
        self.stop_by = time.monotonic() + patience

    def kill_if_late(self) -> None:
        """Kill it if it neither serves nor has stopped within its time."""
        now = time.monotonic()
        if now >= self.serve_by:
            self.problem = f"it did not serve within {START_SECONDS} seconds"
        if now >= self.deadline:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.serve_by = self.stop_by = math.inf

    def close(self) -> None:
        """Release what is kept of a process that has ended."""
        os.close(self.reports)
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()


def start_worker(target: WorkerTarget, number: int, descriptors: Sequence[int], early: Spawned | None = None) -> Worker:
    """A process that runs `target`, with these open files: `early` where it can, else a new one.

    Raises OSError where the system allows no more.
    """
    if early and (descriptors or early.process.poll() is not None):
        early.end()
        early = None
    spawned = early or Spawned(number, descriptors)
    spawned.give(partial(target, number, spawned.writer))
    return Worker(number, spawned.process, spawned.reports, serve_by=time.monotonic() + START_SECONDS)


def reap_orphans(workers: set[int]) -> None:
    """Take away ended processes that are not workers: process 1 of a container inherits them from others."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in workers:
            return
        os.waitpid(ended.si_pid, 0)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
