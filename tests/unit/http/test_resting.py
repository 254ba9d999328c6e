"""Which threads rest after an answer, and what ends their rest: with threads, each at a request as the test lets it."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.http.resting import RESTING, LongRequests, Resting
from app.http.turns import TURNS, Turns
from tests.patience import PATIENCE_SECONDS


class Worker:
    """Threads that answer requests; each request does what it is given, and is answered when that ends."""

    def __init__(self, threads: ThreadPoolExecutor, resting: Resting) -> None:
        self.resting = resting
        self._threads = threads
        self._answer = resting.around(lambda _protocol, environ: environ["work"](environ))

    def answer(self, work: Callable[[dict[str, object]], object]) -> Future[object]:
        return self._threads.submit(self._answer, None, {"work": work})

    def resting_threads(self) -> int:
        return len(self.resting._resting)

    def until(self, is_true: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(round(PATIENCE_SECONDS / 0.01)):
            if is_true():
                return
            pause.wait(0.01)
        raise AssertionError("it never was")


class Step:
    """Work that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.began, self._may_end = threading.Event(), threading.Event()

    def __call__(self, _environ: dict[str, object]) -> str:
        self.began.set()
        assert self._may_end.wait(PATIENCE_SECONDS)
        return "answered"

    def ends(self) -> None:
        self._may_end.set()


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4)


def test_who_has_answered_rests_while_another_is_at_a_short_request_and_the_last_one_never(
    threads: ThreadPoolExecutor,
) -> None:
    worker, short = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS)), Step()
    with threads:
        at_it = worker.answer(short)
        assert short.began.wait(PATIENCE_SECONDS)
        done = worker.answer(lambda _: "answered")
        worker.until(lambda: worker.resting_threads() == 1)
        assert not done.done()
        short.ends()
        assert at_it.result() == "answered", "it goes on at once: nobody else is there"
        worker.answer(lambda environ: LongRequests(lambda *_: [])(environ, lambda *_: lambda _: None)).result()
        assert done.result() == "answered"
        assert worker.resting_threads() == 0


def test_a_request_that_becomes_long_wakes_a_thread_and_lets_none_rest(threads: ThreadPoolExecutor) -> None:
    """Fails when it stays counted as short: while it lasts, each further answer would be followed by a rest."""
    worker, short, long = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS)), Step(), Step()

    def become_long(environ: dict[str, object]) -> object:
        assert short.began.wait(PATIENCE_SECONDS)
        worker.until(lambda: worker.resting_threads() == 1)
        return LongRequests(lambda turned, _: [long(turned)])(environ, lambda *_: lambda _: None)  # type: ignore

    with threads:
        becomes_long, first = worker.answer(become_long), worker.answer(short)
        assert short.began.wait(PATIENCE_SECONDS)
        rested = worker.answer(lambda _: "answered")
        assert rested.result(PATIENCE_SECONDS) == "answered"
        short.ends()
        assert first.result(PATIENCE_SECONDS) == "answered"
        assert [worker.answer(lambda _: "answered").result(PATIENCE_SECONDS) for _ in range(3)] == ["answered"] * 3
        long.ends()
        becomes_long.result(PATIENCE_SECONDS)
        assert worker.resting_threads() == 0


def test_the_last_one_at_a_short_request_wakes_a_thread_before_it_waits_for_a_body(
    threads: ThreadPoolExecutor,
) -> None:
    """◆ However many bodies come slowly, a thread goes on: fails when none is woken, and when those who wait count."""
    worker = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS))
    bodies, may_read = [Step(), Step()], [Step(), Step()]

    def receive(number: int) -> Callable[[dict[str, object]], object]:
        return lambda environ: (may_read[number](environ), receive_in_turn(worker, environ, bodies[number]))

    with threads:
        slow = [worker.answer(receive(number)) for number in range(2)]
        assert all(each.began.wait(PATIENCE_SECONDS) for each in may_read)
        rested = worker.answer(lambda _: "answered")
        worker.until(lambda: worker.resting_threads() == 1)
        may_read[0].ends()
        assert bodies[0].began.wait(PATIENCE_SECONDS)
        assert not rested.done(), "another is at a short request"
        may_read[1].ends()
        assert rested.result(PATIENCE_SECONDS) == "answered"
        assert [worker.answer(lambda _: "answered").result(PATIENCE_SECONDS) for _ in range(3)] == ["answered"] * 3
        for each in bodies:
            each.ends()
        assert all(each.result(PATIENCE_SECONDS) for each in slow)


def test_who_has_its_body_is_at_a_short_request_again(threads: ThreadPoolExecutor) -> None:
    """So that others rest beside it: fails when a body makes its request long."""
    worker, body, rest = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS)), Step(), Step()
    body.ends()
    with threads:
        at_it = worker.answer(lambda environ: (receive_in_turn(worker, environ, body), rest(environ)))
        assert rest.began.wait(PATIENCE_SECONDS)
        done = worker.answer(lambda _: "answered")
        worker.until(lambda: worker.resting_threads() == 1)
        rest.ends()
        assert at_it.result() and not done.done()
        worker.answer(lambda environ: LongRequests(lambda *_: [])(environ, lambda *_: lambda _: None)).result()
        assert done.result() == "answered"


def test_a_long_request_stays_long_after_its_body(threads: ThreadPoolExecutor) -> None:
    """Fails when who has received a body rests others that nobody wakes."""
    worker, body, long = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS)), Step(), Step()
    body.ends()

    def work(environ: dict[str, object]) -> object:
        behind = LongRequests(lambda turned, _: [receive_in_turn(worker, turned, body), long(turned)])  # type: ignore
        return behind(environ, lambda *_: lambda _: None)  # type: ignore

    with threads:
        at_it = worker.answer(work)
        assert long.began.wait(PATIENCE_SECONDS)
        assert worker.answer(lambda _: "answered").result(PATIENCE_SECONDS) == "answered"
        long.ends()
        assert at_it.result()


def test_nobody_rests_for_a_request_that_became_long_just_before(threads: ThreadPoolExecutor) -> None:
    """Fails when the others are looked at before a thread can be woken, and not again: all would rest."""
    worker, short, long = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS)), Step(), Step()

    class Late(deque[threading.Lock]):
        def append(self, thread: threading.Lock) -> None:
            short.ends()
            assert long.began.wait(PATIENCE_SECONDS)
            super().append(thread)

    def become_long(environ: dict[str, object]) -> object:
        short(environ)
        return LongRequests(lambda turned, _: [long(turned)])(environ, lambda *_: lambda _: None)  # type: ignore

    worker.resting._resting = Late()
    with threads:
        at_it = worker.answer(become_long)
        assert short.began.wait(PATIENCE_SECONDS)
        rested = worker.answer(lambda _: "answered")
        worker.until(rested.done)
        long.ends()
        at_it.result(PATIENCE_SECONDS)
    assert worker.resting_threads() == 0


def receive_in_turn(worker: Worker, environ: dict[str, object], body: Step) -> list[bytes]:
    turns = Turns(lambda turned, _: _receive(turned, body), 1, 1, before_waiting=worker.resting.begin_body)
    return list(turns(environ, lambda *_: lambda _: None))  # type: ignore


def _receive(environ: dict[str, object], body: Step) -> list[bytes]:
    turns = environ[TURNS]
    assert isinstance(turns, Turns)
    with turns.receiving():
        body(environ)
    return [b"answered"]


def test_a_rest_ends_by_itself(threads: ThreadPoolExecutor) -> None:
    """A request may take longer than it looked."""
    worker, slow = Worker(threads, Resting(0.01, 0.01)), Step()
    with threads:
        at_it = worker.answer(slow)
        assert slow.began.wait(PATIENCE_SECONDS)
        assert worker.answer(lambda _: "answered").result(PATIENCE_SECONDS) == "answered"
        slow.ends()
        assert at_it.result() == "answered" and worker.resting_threads() == 0


def test_one_of_those_that_rest_goes_on_soon_while_a_request_is_not_as_short_as_it_looked(
    threads: ThreadPoolExecutor,
) -> None:
    """Fails when nobody watches: all threads but the slow one would rest, and no request be answered meanwhile."""
    worker, slow = Worker(threads, Resting(10 * PATIENCE_SECONDS, 0.01)), Step()
    with threads:
        at_it = worker.answer(slow)
        assert slow.began.wait(PATIENCE_SECONDS)
        begun: list[str] = []
        answered = [worker.answer(lambda _: begun.append("answered")) for _ in range(12)]
        try:
            worker.until(lambda: len(begun) == len(answered))
            assert not at_it.done(), "they were answered by its thread"
        finally:
            slow.ends()
            worker.until(at_it.done)
            while worker.resting_threads():
                worker.resting.begin_long()


def test_a_request_that_fails_is_over(threads: ThreadPoolExecutor) -> None:
    worker = Worker(threads, Resting(PATIENCE_SECONDS, PATIENCE_SECONDS))
    with threads:
        assert isinstance(worker.answer(lambda environ: environ["nothing"]).exception(), KeyError)
        assert worker.answer(lambda _: "answered").result(PATIENCE_SECONDS) == "answered"


def test_a_server_whose_threads_do_not_rest_has_nothing_to_wake() -> None:
    assert RESTING not in (environ := {"PATH_INFO": "/"})
    assert LongRequests(lambda *_: [b"answered"])(environ, lambda *_: lambda _: None) == [b"answered"]  # type: ignore
