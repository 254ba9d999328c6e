"""Places for slow bodies: given back however they are left, and waited for if asked."""

import threading
import time

import pytest

from app.domain.errors import Unavailable
from app.http.places import Places


def test_when_all_places_are_taken_the_next_is_refused_and_then_admitted_again() -> None:
    places = Places(2)
    with places.taken(), places.taken():
        with pytest.raises(Unavailable) as refused, places.taken():
            pass
        assert refused.value.retry_after == 1
    with places.taken():
        pass


def test_a_place_that_is_given_back_in_time_is_waited_for() -> None:
    places, is_held = Places(1), threading.Event()

    def hold() -> None:
        with places.taken():
            is_held.set()
            time.sleep(0.05)

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_held.wait(60)
    with places.taken(patience=60):
        pass
    thread.join(60)


def test_a_place_is_given_back_when_an_exception_leaves_it() -> None:
    places = Places(1)
    for _ in range(3):
        with pytest.raises(KeyError), places.taken():
            raise KeyError
