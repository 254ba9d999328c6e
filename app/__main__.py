"""The entry point of ``daypass`` and ``python -m app``."""

import gc
import os
import resource
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.server.spawning import Spawned

FIRST_PASSWORD = "DAYPASS_ADMIN_PASSWORD"
"""Only ``init`` needs it."""

LONG_RUNNING = ("serve", "scheduler")


def main() -> None:
    with suppress(OSError, ValueError):  # a dump of the memory would hold the keys; workers inherit this
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.argv[1:2] and sys.argv[1] in LONG_RUNNING and FIRST_PASSWORD in os.environ:
        _start_again_without(FIRST_PASSWORD)
    if os.getpid() == 1:
        # The kernel ignores signals without a handler for the first process of a container. `serve` and `scheduler`
        # have handlers of their own, as soon as they have started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if sys.argv[1:2] == ["serve"]:
        # A reload reads again what is about to be read. Systemd takes its end by SIGHUP for one in order.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _serve_early()
    else:
        _run(None)


def _serve_early() -> None:
    """Start the first worker before anything is imported: both then import at once."""
    from app.server.spawning import first_worker

    early = None
    try:
        early = first_worker()
        _run(early)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        if early:
            early.end()


def _run(first_worker: "Spawned | None") -> None:
    try:
        gc.disable()  # imports leave no garbage: looking for it takes a seventh of their time
        from app.cli import command_line  # takes half a second, in which somebody may press Ctrl-C
        from app.factory import create_app

        gc.freeze()
        gc.enable()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except ImportError as error:
        sys.exit(f"Error: the installation is incomplete ({error}): install the packages of requirements/run.txt again")
    except MemoryError:
        sys.exit("Error: there is not enough memory to start: raise its limit (ulimit -v)")
    command_line(partial(create_app, has_routes=False), first_worker)()


def _start_again_without(name: str) -> None:
    """Replace this process by itself without that variable: /proc/PID/environ shows what a process began with."""
    os.environ.pop(name)
    with suppress(OSError):  # without it, at least the workers do not get the variable
        os.execv(sys.executable, sys.orig_argv)


if __name__ == "__main__":
    main()
