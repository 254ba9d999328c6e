"""Places for slow bodies: a queue that moves is waited for, one that does not is no honest queue."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import Unavailable
from app.http.places import LOOK_SECONDS, LOOKS, Places

PATIENCE_SECONDS = LOOKS * LOOK_SECONDS
CROWD = 16


def test_a_crowd_whose_places_move_is_served_although_each_waits_long() -> None:
    """Fails when the patience is a time: the last of them wait many times as long."""
    places = Places(1)

    def hold_briefly() -> None:
        with places.taken():
            time.sleep(PATIENCE_SECONDS / 3)

    with ThreadPoolExecutor(CROWD) as threads:
        began = time.monotonic()
        for each in [threads.submit(hold_briefly) for _ in range(CROWD)]:
            each.result()
    assert time.monotonic() - began > 3 * PATIENCE_SECONDS


def test_while_nobody_gives_a_place_back_others_are_refused_soon_and_together() -> None:
    """Fails when a waiting request takes the threads of the checks for long."""
    places, is_over = Places(2), threading.Event()

    def hold() -> None:
        with places.taken():
            is_over.wait(10)

    def refused() -> float:
        began = time.monotonic()
        with pytest.raises(Unavailable), places.taken():
            pass
        return time.monotonic() - began

    with ThreadPoolExecutor(2 + CROWD) as threads:
        holding = [threads.submit(hold) for _ in range(2)]
        waited = [each.result() for each in [threads.submit(refused) for _ in range(CROWD)]]
        is_over.set()
        for each in holding:
            each.result()
    assert min(waited) >= PATIENCE_SECONDS and max(waited) < PATIENCE_SECONDS + 1
    with places.taken():
        pass


def test_a_place_is_given_back_when_an_exception_leaves_it() -> None:
    places = Places(1)
    for _ in range(3):
        with pytest.raises(KeyError), places.taken():
            raise KeyError
