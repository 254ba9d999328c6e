"""How many bodies each worker may receive at once: as many as the machine lets it have threads for.

Limits of tasks (of a container, a unit of systemd, a user) and of memory have many places. granian ends its process
when a thread can't be started, so what can be had is tried before there are workers.
"""

import threading

import structlog

LOG = structlog.get_logger(__name__)

MOST_BODIES = 128
"""That one worker receives at once, in threads besides those of the settings."""

FEWEST_BODIES = 8
"""Below, a worker receives them in the threads of the settings."""

OTHER_THREADS = 16
"""That a worker has besides: granian's own, and those for passwords, health and what checks record."""

STACK_BYTES = 2 * 1024 * 1024
"""Of granian's threads."""


def bodies_at_once(workers: int, threads: int) -> int:
    """Of each of `workers` with `threads` for work. Takes about 20 ms for each worker."""
    each = threads + MOST_BODIES + OTHER_THREADS
    had = startable(workers * each)
    if had == workers * each:
        return MOST_BODIES
    bodies = had // workers - (threads + OTHER_THREADS)
    bodies = bodies if bodies >= FEWEST_BODIES else 0
    LOG.warning(
        "few_threads", can_be_started=had, wanted=workers * each, slow_bodies_of_a_worker=bodies,
        what_to_do="raise the limits of tasks and memory (TasksMax, pids limit, ulimit -u)",
    )  # fmt: skip
    return bodies


def startable(wanted: int) -> int:
    """How many threads this process can have besides those that run, up to `wanted`."""
    tried: list[threading.Thread] = []
    before = threading.stack_size(STACK_BYTES)
    try:
        with _STANDING_STILL:
            for _ in range(wanted):
                thread = threading.Thread(target=_stand_still, daemon=True)
                thread.start()
                tried.append(thread)
    except RuntimeError:  # "can't start new thread"
        pass
    finally:
        threading.stack_size(before)
        for thread in tried:
            thread.join()
    return len(tried)


_STANDING_STILL = threading.Lock()


def _stand_still() -> None:
    with _STANDING_STILL:  # one after the other, which costs less than to wake up all
        pass
