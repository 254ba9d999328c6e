"""A worker's process as it begins: a Python that imports what every worker needs, and waits for its work.

It imports little, so that ``daypass serve`` can start the first one before it imports anything else itself.
"""

import binascii
import gc
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module

WORKER_NAME = "daypass-worker"
"""The name of a worker's process; its parent, the supervisor, is what an administrator can stop."""

PROGRAM = """
import binascii, os, pickle, sys
def goes_on():
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\\n"):
        sys.exit(1)
    sys.path[:], environment, work = pickle.loads(binascii.a2b_base64(line))
    os.environ.clear()
    os.environ.update(environment)
    return pickle.loads(work)()
while goes_on():
    pass
"""
"""Reads its work from standard input, a pipe that the supervisor keeps open for as long as it lives.

A line that does not end is of a supervisor that was killed within it. Another follows one whose work returns true.
"""

MODULES = ("app.server.worker", "granian.server.mp", "app.factory", "app.routing", "app.gate.cpu_placement")
"""What a worker of ``wsgi`` imports, whatever its settings are."""

ALLOCATORS = {
    "MALLOC_ARENA_MAX": "1",
    "_RJEM_MALLOC_CONF": "narenas:2,lg_tcache_nslots_mul:-4,tcache_nslots_small_min:1,tcache_nslots_small_max:8,"
    "tcache_nslots_large:2",
}
"""For the workers: threads keep little memory that they do not use, in glibc and in granian's jemalloc.

With 144 threads a worker is 20 MB smaller, and answers as many checks. Names of https://jemalloc.net/jemalloc.3.html.
"""

PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h."""


class Spawned:
    """A process without work. `reports`: readable when it has reported, and when it has ended.

    Raises OSError where the system allows no more.
    """

    def __init__(self, number: int, descriptors: Iterable[int] = ()) -> None:
        self.is_given = False
        self.reports, self.writer = os.pipe()
        os.set_blocking(self.reports, False)
        for name, value in ALLOCATORS.items():
            os.environ.setdefault(name, value)
        # Until it has a handler of its own, Ctrl-C would end it with a traceback.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, WORKER_NAME, str(number)],
                stdin=subprocess.PIPE,
                pass_fds=(self.writer, *descriptors),
            )
        except OSError:
            os.close(self.reports)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(self.writer)

    def give(self, work: Callable[[], object]) -> None:
        """Let it do its work, with this process's environment; it ends afterwards."""
        self.is_given = True
        self.send(work)

    def send(self, work: Callable[[], object]) -> None:
        """Let it do something first. True is the answer of what shall not be the last."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already
            pickled = pickle.dumps(work)  # by itself: its modules are found by the path
            self.process.stdin.write(binascii.b2a_base64(pickle.dumps((sys.path, dict(os.environ), pickled))))
            self.process.stdin.flush()

    def end(self) -> None:
        """End it, unless it has work."""
        if self.is_given:
            return
        self.is_given = True
        self.process.kill()
        self.process.communicate()
        os.close(self.reports)


def first_worker() -> Spawned | None:
    """The first worker, which imports its modules while the supervisor does and looks whether it may start at all.

    None where it can't help: a worker inherits a socket that all share, which does not exist yet.
    """
    if "LISTEN_FDS" in os.environ or any("unix:" in each for each in (*sys.argv, os.environ.get("DAYPASS_HOST", ""))):
        return None
    allow_many_files()
    try:
        spawned = Spawned(1)
    except OSError:  # the supervisor tries again, and says what it is
        return None
    spawned.send(partial(prepare, MODULES))
    return spawned


def prepare(modules: Iterable[str]) -> bool:
    """Import these modules; what prevents it is found, and reported, with the work."""
    end_with_parent()
    gc.disable()  # see the worker's own imports
    with suppress(Exception):
        for name in modules:
            import_module(name)
    return True


def end_with_parent() -> None:
    """Let Linux end this process with its parent, even if it stands still."""
    if sys.platform == "linux":
        with suppress(ImportError, AttributeError, OSError):  # a Python or a C library without it
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def allow_many_files() -> None:
    """Raise the limit of open files of this process and its workers as far as it may: each client needs one.

    Many systems start programs with a low one for the sake of select(2), which nothing here uses.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems have a lower limit than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
