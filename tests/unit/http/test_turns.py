"""Turns of requests: how many are in the application at once, and who is not counted."""

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app.domain.errors import Unavailable
from app.http.turns import BUSY, BUSY_PAGE, TURNS, Turns
from tests.patience import PATIENCE_SECONDS

BROWSER = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT": "text/html,*/*;q=0.8"}


class Application:
    """What a request does is in its environment: `work` is called in its turn, `body` while it receives."""

    def __init__(self, at_once: int, bodies: int, **options: Any) -> None:
        self._turns = Turns(self._answer, at_once, bodies, **options)
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0

    def ask(self, **environ: Any) -> Iterable[bytes]:
        return self._turns(environ, lambda *_: lambda _: None)

    def _answer(self, environ: dict[str, Any], _start_response: object) -> Iterable[bytes]:
        self._count(1)
        try:
            if "body" in environ:
                self._count(-1)
                try:
                    with environ[TURNS].receiving():
                        environ["body"]()
                finally:
                    self._count(1)
            environ.get("work", lambda: None)()
            return [b"done"]
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._inside += change
            self.most = max(self.most, self._inside)


def test_clients_that_stall_hold_no_turn_and_beyond_their_places_others_are_refused() -> None:
    """◆ Fails when a request keeps its turn while its body is received: the one turn is never free again."""
    application, may_come = Application(at_once=1, bodies=3), threading.Event()
    stalls = threading.Semaphore(0)

    def stall() -> None:
        stalls.release()
        may_come.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(4) as threads:
        stalled = [threads.submit(application.ask, body=stall) for _ in range(3)]
        try:
            assert all([stalls.acquire(timeout=PATIENCE_SECONDS) for _ in range(3)])
            check = threads.submit(application.ask)
            assert check.result(PATIENCE_SECONDS) == [b"done"]
            with pytest.raises(Unavailable):
                application.ask(body=stall)
            assert application.ask() == [b"done"], "the one that was refused kept no turn"
        finally:
            may_come.set()
        assert [each.result(PATIENCE_SECONDS) for each in stalled] == [[b"done"]] * 3
    assert application.ask(body=lambda: None) == [b"done"], "the places are free again"


def test_no_more_are_worked_on_at_once_than_there_are_turns() -> None:
    application = Application(at_once=3, bodies=16)
    with ThreadPoolExecutor(16) as threads:
        asked = [
            threads.submit(application.ask, body=threading.Event().is_set, work=lambda: threading.Event().wait(0.002))
            for _ in range(64)
        ]
        assert [each.result(PATIENCE_SECONDS) for each in asked] == [[b"done"]] * 64
    assert application.most == 3


def test_turns_go_to_those_that_wait_in_their_order() -> None:
    """Fails when one that has just come can take the turn: at a busy server others would wait for ever."""
    application, may_end, order = Application(at_once=1, bodies=1), threading.Event(), list[int]()
    has_turn = threading.Event()

    def hold() -> None:
        has_turn.set()
        may_end.wait(PATIENCE_SECONDS)

    asked: list[Future[Iterable[bytes]]] = []
    with ThreadPoolExecutor(9) as threads:
        threads.submit(application.ask, work=hold)
        assert has_turn.wait(PATIENCE_SECONDS)
        for number in range(8):
            asked.append(threads.submit(application.ask, work=lambda number=number: order.append(number)))
            while len(application._turns._waiting) <= number:
                assert not asked[-1].done()
        may_end.set()
        for each in asked:
            each.result(PATIENCE_SECONDS)
    assert order == list(range(8))


@pytest.mark.parametrize("where", ["work", "body"])
def test_what_fails_gives_back_its_turn_and_its_place(where: str) -> None:
    def fail() -> None:
        raise KeyError

    application = Application(at_once=1, bodies=1)
    for _ in range(3):
        with pytest.raises(KeyError):
            application.ask(**{where: fail})
    assert application.ask(body=lambda: None) == [b"done"]


def test_what_would_wait_is_refused_at_once_while_memory_is_short() -> None:
    """◆ Fails when requests of clients that have left can wait without end. One that finds a turn free is answered."""
    is_short = True
    application = Application(at_once=1, bodies=1, is_memory_short=lambda: is_short)
    assert application.ask() == [b"done"]
    began, may_end = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        may_end.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        working = threads.submit(application.ask, work=work)
        try:
            assert began.wait(PATIENCE_SECONDS)
            assert application.ask(**BROWSER, PATH_INFO="/api/v1/me") == [BUSY]
            assert application.ask(**BROWSER, PATH_INFO="///integration/v1/userinfo") == [BUSY]
            assert application.ask(**BROWSER | {"HTTP_ACCEPT": "*/*"}, PATH_INFO="/account/auth") == [BUSY]
            assert application.ask(**BROWSER, PATH_INFO="/account/auth") == [BUSY_PAGE]
            is_short = False
            waiting = threads.submit(application.ask)
        finally:
            may_end.set()
        assert working.result() == waiting.result() == [b"done"]
