"""Introspection and revocation at the gate wait for their clients as all bodies do: without a turn."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from app.gate import Gate
from app.http.context import parts
from app.http.turns import Turns
from tests.unit.gate.test_gate import ask, environ_for

PATIENCE_SECONDS = 60
BODY = b"token=nonsense"
FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(BODY))}


class Slow:
    """A body that comes when it may."""

    def __init__(self) -> None:
        self.is_awaited, self.may_come = threading.Event(), threading.Event()

    def read(self, _size: int) -> bytes:
        self.is_awaited.set()
        self.may_come.wait(PATIENCE_SECONDS)
        return BODY


def revoke(application: Any, body: Slow) -> str:
    environ = environ_for("/oauth/revoke", "POST", SERVER_PROTOCOL="HTTP/1.1", **FORM, **{"wsgi.input": body})
    return ask(application, environ)[0]


def test_a_form_that_comes_slowly_holds_no_turn_and_beyond_the_places_others_are_refused(app: Flask) -> None:
    """◆ Fails when the gate reads a body in its turn: the check then waits for ever."""
    served = Turns(Gate(app.wsgi_app, parts(app)), at_once=1, waiting=1)
    slow, other = Slow(), Slow()
    with ThreadPoolExecutor(2) as threads:
        try:
            revoking = threads.submit(revoke, served, slow)
            assert slow.is_awaited.wait(PATIENCE_SECONDS)
            check = threads.submit(ask, served, environ_for("/auth/verify"))
            assert check.result(PATIENCE_SECONDS)[0] == "401 Unauthorized"
            assert revoke(served, other) == "503 SERVICE UNAVAILABLE"
            assert not other.is_awaited.is_set()
        finally:
            slow.may_come.set()
        assert revoking.result(PATIENCE_SECONDS) == "200 OK"
