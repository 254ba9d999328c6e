"""The supervisor's side of a worker's process.

Not multiprocessing: that would import the whole command line into a worker before its first own line, so that it could
outlive its supervisor by seconds, and start a process of its own beside them.
"""

import binascii
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from app.server.socket_holders import WORKER_NAME

WorkerTarget = Callable[[int, int], None]
"""What a worker runs: with its number, and the descriptor for its report."""

PROGRAM = (
    "import binascii, pickle, sys; line = sys.stdin.buffer.readline(); line.endswith(b'\\n') or sys.exit(1); "
    "sys.path[:], work = pickle.loads(binascii.a2b_base64(line)); pickle.loads(work)()"
)
"""Reads its work from standard input, a pipe that the supervisor keeps open for as long as it lives.

A line that does not end is of a supervisor that was killed within it.
"""

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


def start_worker(target: WorkerTarget, number: int, descriptors: Iterable[int]) -> Worker:
    """A new process that runs `target`, with these open files. Raises OSError where the system allows no more."""
    reports, writer = os.pipe()
    os.set_blocking(reports, False)
    # Until it has a handler of its own, Ctrl-C would end it with a traceback.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, WORKER_NAME, str(number)],
            stdin=subprocess.PIPE,
            pass_fds=(writer, *descriptors),
        )
    except OSError:
        os.close(reports)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writer)
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has died already
        work = pickle.dumps(partial(target, number, writer))  # by itself: its modules are found by the path
        process.stdin.write(binascii.b2a_base64(pickle.dumps((sys.path, work))))
        process.stdin.flush()
    return Worker(number, process, reports, serve_by=time.monotonic() + START_SECONDS)


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
