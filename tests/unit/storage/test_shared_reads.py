"""Who reads for whom, and what each is told: with threads, and reads that end when the test lets them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from app.storage.shared_reads import SharedReads
from tests.patience import PATIENCE_SECONDS


class ServerAway(Exception):
    """What a read raises."""


class Server:
    """Answers what it is asked, with its `state` when a question arrives, once the test lets it."""

    def __init__(self) -> None:
        self.state = "active"
        self.asked: list[list[str]] = []
        self.fails = False
        self._arrived, self._may_answer = threading.Semaphore(0), threading.Semaphore(0)
        self.reads = SharedReads[str, str](lambda asked: self.answer([asked]).get(asked), self.answer, at_once=1)

    def answer(self, public_ids: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(list(public_ids))
        state = self.state
        self._arrived.release()
        assert self._may_answer.acquire(timeout=PATIENCE_SECONDS)
        if self.fails:
            raise ServerAway
        return {each: f"{each} {state}" for each in public_ids if each != "unknown"}

    def is_asked(self) -> None:
        assert self._arrived.acquire(timeout=PATIENCE_SECONDS)

    def answers(self) -> None:
        self._may_answer.release()

    def has_waiting(self, number: int) -> bool:
        return len(self.reads._waiting) == number


@pytest.fixture
def server() -> Server:
    return Server()


def until(is_true: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(round(PATIENCE_SECONDS / 0.01)):
        if is_true():
            return
        pause.wait(0.01)
    raise AssertionError("it never was")


def begin(threads: ThreadPoolExecutor, server: Server, *public_ids: str) -> list[Future[str | None]]:
    """The first one reads; the others wait, in this order."""
    begun = [threads.submit(server.reads.find, public_ids[0])]
    server.is_asked()
    for number, public_id in enumerate(public_ids[1:], start=1):
        begun.append(threads.submit(server.reads.find, public_id))
        until(partial(server.has_waiting, number))
    return begun


def test_those_who_wait_are_answered_by_one_read_each_with_its_own_row(server: Server) -> None:
    with ThreadPoolExecutor(5) as threads:
        begun = begin(threads, server, "one", "two", "unknown", "two", "three")
        server.answers()
        server.answers()
        assert [each.result() for each in begun] == ["one active", "two active", None, "two active", "three active"]
    assert server.asked == [["one"], ["two", "unknown", "two", "three"]]


def test_nobody_is_told_what_was_true_before_they_asked(server: Server) -> None:
    """Revocation is at once. Fails when one who comes during a read is given what it finds."""
    with ThreadPoolExecutor(3) as threads:
        early = begin(threads, server, "token")
        server.state = "revoked"
        late = [threads.submit(server.reads.find, "token") for _ in range(2)]
        until(lambda: server.has_waiting(2))
        server.answers()
        server.answers()
        assert [each.result() for each in (*early, *late)] == ["token active", "token revoked", "token revoked"]


@pytest.mark.parametrize("reads_together", [False, True])
def test_a_failure_is_that_of_all_who_wait_and_the_next_one_asks_again(server: Server, reads_together: bool) -> None:
    """Nobody waits for a server twice that does not answer. Fails when one of them is forgotten: it waits for ever."""
    with ThreadPoolExecutor(8) as threads:
        begun = begin(threads, server, "one", "two", "three")
        if reads_together:
            server.answers()
            server.is_asked()
            assert begun[0].result() == "one active"
            begun = [*begun[1:], threads.submit(server.reads.find, "four")]
            until(lambda: server.has_waiting(1))
        server.fails = True
        server.answers()
        assert [type(each.exception()) for each in begun] == [ServerAway] * 3
        server.fails = False
        server.answers()
        assert server.reads.find("one") == "one active"
    assert not server.reads._waiting and server.reads._free == 1


def test_one_who_waits_alone_reads_alone(server: Server) -> None:
    with ThreadPoolExecutor(2) as threads:
        begun = begin(threads, server, "one", "two")
        server.answers()
        server.answers()
        assert [each.result() for each in begun] == ["one active", "two active"]
    assert server.asked == [["one"], ["two"]] and server.reads._free == 1
