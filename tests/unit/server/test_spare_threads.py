"""How many bodies a worker receives at once where the machine has few threads."""

import threading

import pytest

from app.server import spare_threads
from app.server.spare_threads import MOST_BODIES, OTHER_THREADS, bodies_at_once, startable

WANTED = 2 * (16 + MOST_BODIES + OTHER_THREADS)


@pytest.mark.parametrize(
    ("had", "bodies"), [(WANTED, MOST_BODIES), (WANTED - 1, MOST_BODIES - 1), (2 * (16 + OTHER_THREADS) + 7, 0), (5, 0)]
)
def test_fewer_threads_are_fewer_bodies_but_never_fewer_for_work(
    had: int, bodies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_threads, "startable", lambda wanted: min(wanted, had))
    assert bodies_at_once(workers=2, threads=16) == bodies


def test_threads_are_tried_until_one_is_refused_and_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start, left = threading.active_count(), threading.Thread.start, iter(range(20))

    def start_unless_refused(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    assert startable(30) == 30
    monkeypatch.setattr(threading.Thread, "start", start_unless_refused)
    assert startable(30) == 20
    assert threading.active_count() == before
    assert threading.stack_size() == 0, "the default"
