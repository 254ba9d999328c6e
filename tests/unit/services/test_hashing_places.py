"""Who gets a place to compare a password, who waits, who is next, and who is refused."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.domain.errors import Refusal, Unavailable
from app.services import hashing_places as module
from app.services.hashing_places import HashingPlaces
from tests.unit.services.verdicts import refusal_of

Result = Future[type[Refusal] | None]


class Crowd:
    """Threads that take a turn each and keep it until the test goes on. `order`: who had a turn, in order."""

    def __init__(self, at_once: int, queue: int) -> None:
        self.places = HashingPlaces(at_once, queue)
        self.go_on = threading.Event()
        self.order: list[str] = []
        self._threads = ThreadPoolExecutor(32)
        self._inside = self.most_inside = 0
        self._counting = threading.Lock()

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._threads.shutdown()

    def join(self, *names: str, is_known: bool = True) -> list[Result]:
        """One after the other; `names`: of account and address, joined by ``@``. Each has its place, or none, then."""
        return [self._join(name, is_known) for name in names]

    def _join(self, name: str, is_known: bool) -> Result:
        with self._counting:
            before = set(self.places._places)
        result = self._threads.submit(refusal_of, lambda: self._take_a_turn(name, is_known))
        for _ in range(10_000):
            places = self.places._places
            if result.done():
                return result
            if set(places) != before and all(each.is_waiting or each.has_turn for each in places):
                return result
            threading.Event().wait(0.001)
        raise AssertionError(f"{name} neither waits nor is refused")

    def _take_a_turn(self, name: str, is_known: bool) -> None:
        with self.places.place(tuple(name.split("@")), is_known) as place, place.turn():
            with self._counting:
                self.order.append(name)
                self._inside += 1
                self.most_inside = max(self.most_inside, self._inside)
            assert self.go_on.wait(60)
            with self._counting:
                self._inside -= 1


def served(results: list[Result]) -> int:
    return [each.result() for each in results].count(None)


@pytest.fixture(autouse=True)
def patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a refusal that waits is noticed."""
    monkeypatch.setattr(module, "QUEUE_PATIENCE_SECONDS", 60)


@pytest.mark.parametrize(("at_once", "queue"), [(1, 2), (2, 3)])
def test_no_more_turns_are_given_at_once_than_agreed_and_the_queue_is_bounded(at_once: int, queue: int) -> None:
    for _ in range(2):
        with Crowd(at_once, queue) as crowd:
            members = crowd.join(*["anna@home"] * (at_once + queue + 8))
            assert len(crowd.order) == at_once and sum(each.done() for each in members) == 8
            crowd.go_on.set()
        results = [member.result() for member in members]
        assert results == [None] * (at_once + queue) + [Unavailable] * 8
        assert crowd.most_inside == at_once
        assert crowd.places._places == []


@pytest.mark.parametrize("theirs", ["anna@{}", "user-{}@home"], ids=["account", "address"])
def test_one_valid_account_or_address_keeps_only_what_nobody_else_wants(theirs: str) -> None:
    """◆ Fails when a place that is taken is never given to another: the others are all refused."""
    with Crowd(1, 5) as crowd:
        busy = crowd.join(*[theirs.format(number) for number in range(12)])
        assert sum(each.done() for each in busy) == 6
        others = crowd.join("berta@a", "carl@b", "dora@c", "dora@c", is_known=False)
        crowd.go_on.set()
    assert [each.result() for each in others] == [None, None, None, Unavailable]
    assert served(busy) == 3
    assert crowd.order[1:4] == [theirs.format(1), theirs.format(2), "berta@a"]


def test_every_third_turn_is_a_strangers() -> None:
    """◆ Who has a valid account and more requests than there are turns does not have all of them."""
    with Crowd(1, 8) as crowd:
        crowd.join(*["anna@home"] * 6)
        crowd.join("berta@a", "carl@b", is_known=False)
        crowd.go_on.set()
    assert [crowd.order.index(name) for name in ("berta@a", "carl@b")] == [3, 6]


def test_of_those_who_are_known_the_one_with_the_fewest_is_next() -> None:
    with Crowd(1, 5) as crowd:
        crowd.join("anna@home", "anna@home", "anna@home", "berta@work", "carl@work")
        crowd.go_on.set()
    assert crowd.order == ["anna@home", "anna@home", "berta@work", "anna@home", "carl@work"]


def test_known_ones_come_first_and_take_the_places_of_strangers() -> None:
    """◆ Fails when strangers weigh as much as those who are known."""
    with Crowd(1, 5) as crowd:
        strangers = crowd.join(*[f"user-{number}@{number}" for number in range(10)], is_known=False)
        assert sum(each.done() for each in strangers) == 4
        known = crowd.join("anna@home", "berta@home", "carl@work")
        crowd.go_on.set()
    assert (served(known), served(strangers)) == (3, 3)
    assert crowd.order[1:3] == ["anna@home", "carl@work"]


def test_a_crowd_on_one_account_does_not_weigh_on_its_owner_elsewhere() -> None:
    with Crowd(1, 3) as crowd:
        strangers = crowd.join(*[f"anna new@{number}" for number in range(6)], is_known=False)
        (owner,) = crowd.join("anna known@home")
        crowd.go_on.set()
    assert owner.result() is None and served(strangers) == 3
    assert crowd.order[1] == "anna known@home"


def test_a_turn_that_fails_gives_its_place_back() -> None:
    places = HashingPlaces(1, 0)
    for _ in range(3):
        with pytest.raises(ValueError, match="within"), places.place() as place, place.turn():
            raise ValueError("within")


def test_a_wait_for_a_turn_ends_and_so_does_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_PATIENCE_SECONDS", 0.01)
    places = HashingPlaces(1, 2)
    with places.place() as first, first.turn():
        with places.place() as second:
            assert refusal_of(lambda: second.turn().__enter__()) is Unavailable
            assert refusal_of(second.rest) is Unavailable
        with places.place() as second:
            second.rest()
    with places.place() as third, third.turn():
        pass
