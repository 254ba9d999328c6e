"""Many at once: threads that begin at the same moment, because races do not happen one after the other."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")


def all_at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Run each act in a thread of its own, all beginning together; their results in order, or the first failure."""
    line = threading.Barrier(len(acts))

    def begin(act: Callable[[], T]) -> T:
        line.wait(PATIENCE_SECONDS)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))
