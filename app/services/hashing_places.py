"""Places to compare passwords: how many requests of a process hold one, who waits, and who is next.

Shared fairly among accounts and addresses. Not here: the digests (``passwords``), how often a password may be tried
(``throttling``).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import Unavailable

QUEUE_PATIENCE_SECONDS = 5
REST_SECONDS = 0.05

STRANGERS_WEIGHT = 2
"""One who is not known weighs as much as the second of one account or address that is."""

KNOWN_IN_A_ROW = 2
"""So many who are known have their turn before a stranger who waits."""


class HashingPlaces:
    """`at_once` compare at the same time, `queue` more wait.

    Each weighs as the number of those that its account, or its address, had when it came. Where all places are taken,
    the heaviest of those that wait gives its place to one that is lighter. Who is known has a turn first, and turns go
    in rounds: one of each account and address after the other. So one account or address can have all places, or all
    turns, only while nobody else wants one.
    """

    def __init__(self, at_once: int, queue: int) -> None:
        self._at_once = at_once
        self._size = at_once + queue
        self._lock = threading.Lock()
        self._places: list[Place] = []
        """In the order in which they came."""
        self._known_in_a_row = 0
        self._rounds = {True: 0, False: 0}
        """The round of the latest turn, of those who are known and of strangers."""

    @contextmanager
    def place(self, holders: tuple[str, ...] = (), is_known: bool = True) -> Iterator["Place"]:
        """Take a place; refuses with Unavailable where all are taken.

        `holders`: the account and the address that share the places with others; none for an administrator's act.
        `is_known`: whether the account signed in from this device or network before.
        """
        place = Place(self, holders, is_known)
        with self._lock:
            self._admit(place)
        try:
            yield place
        finally:
            with self._lock:
                if place in self._places:
                    self._places.remove(place)

    def _admit(self, place: "Place") -> None:
        self._places.append(place)
        if len(self._places) <= self._size:
            return
        weights = {each: self._weight(each) for each in self._places}
        # Of several, the last that came: those before it have waited longer.
        heaviest = max((each for each in reversed(self._places) if not each.has_turn), key=weights.__getitem__)
        self._places.remove(heaviest)
        if heaviest is place:
            raise _too_many()
        heaviest.is_lost = True
        heaviest.changed.set()

    def _weight(self, place: "Place") -> tuple[int, bool]:
        until_here = self._places[: self._places.index(place) + 1]
        shared = max((sum(holder in each.holders for each in until_here) for holder in place.holders), default=1)
        return shared * (1 if place.is_known else STRANGERS_WEIGHT), not place.is_known

    def _give_turns(self) -> None:
        while sum(each.has_turn for each in self._places) < self._at_once:
            waiting = [each for each in self._places if each.is_waiting]
            known = [each for each in waiting if each.is_known]
            strangers = [each for each in waiting if not each.is_known]
            if not known and not strangers:
                return
            is_strangers_turn = not known or (bool(strangers) and self._known_in_a_row >= KNOWN_IN_A_ROW)
            self._known_in_a_row = 0 if is_strangers_turn or not strangers else self._known_in_a_row + 1
            following = min(strangers if is_strangers_turn else known, key=lambda each: each.round)
            self._rounds[following.is_known] = following.round
            following.is_waiting, following.has_turn = False, True
            following.changed.set()

    def wait_for_turn(self, place: "Place") -> None:
        with self._lock:
            alike = (each for each in self._places if each.is_waiting and each.is_known is place.is_known)
            rounds = (each.round for each in alike if {*each.holders} & {*place.holders})
            place.round = 1 + max(rounds, default=self._rounds[place.is_known])
            place.is_waiting = not place.is_lost
            self._give_turns()
        place.changed.wait(QUEUE_PATIENCE_SECONDS)
        with self._lock:
            place.is_waiting = False
            place.changed.clear()
            if not place.has_turn:
                raise _too_many()

    def end_turn(self, place: "Place") -> None:
        with self._lock:
            place.has_turn = False
            self._give_turns()


class Place:
    """One request's, within :meth:`HashingPlaces.place`."""

    def __init__(self, places: HashingPlaces, holders: tuple[str, ...], is_known: bool) -> None:
        self.holders = holders
        self.is_known = is_known
        self.is_waiting = self.has_turn = self.is_lost = False
        self.round = 0
        self.changed = threading.Event()
        self._places = places
        self._rests_until = time.monotonic() + QUEUE_PATIENCE_SECONDS

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to digest; refuses with Unavailable where another took the place, or it takes too long."""
        self._places.wait_for_turn(self)
        try:
            yield
        finally:
            self._places.end_turn(self)

    def rest(self) -> None:
        """Wait a moment without a turn; refuses with Unavailable when this place rested long enough."""
        if time.monotonic() > self._rests_until:
            raise _too_many()
        time.sleep(REST_SECONDS)


def _too_many() -> Unavailable:
    return Unavailable("too many passwords are being checked at once")
