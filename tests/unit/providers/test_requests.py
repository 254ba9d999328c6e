"""Requests to a provider: one limit of time for all of it, and of bytes. How many at once is in ``test_fetching``."""

import socket
import time
from collections.abc import Callable

import pytest

from app.domain.providers import ProviderRefused, Why
from app.providers.fetching import LARGEST, Fetching
from tests.unit.providers.answering import serving

BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Talk = Callable[[socket.socket], None]


def sending(content: bytes) -> Talk:
    return lambda connection: connection.sendall(content)


def dripping(beginning: bytes, drop: bytes) -> Talk:
    """A few bytes, again and again: no single wait is long."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return drip


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until it is closed


def why(url: str, seconds: float = 30) -> Why:
    with pytest.raises(ProviderRefused) as refused, Fetching(seconds=seconds).exchange() as exchange:
        exchange.get(url)
    return refused.value.why


def test_an_answer_is_a_status_and_a_json_object() -> None:
    with serving(sending(BEGINNING + b'Content-Length: 7\r\n\r\n{"a":1}')) as url, Fetching().exchange() as exchange:
        answer = exchange.post(url, {"code": "x"})
    assert (answer.status, answer.body) == (200, {"a": 1})


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (sending(BEGINNING + b"Content-Length: 2\r\n\r\n[]"), Why.ANSWER),
        (sending(BEGINNING + b"Content-Length: 1\r\n\r\n{"), Why.ANSWER),
        (sending(BEGINNING + b"Content-Length: 200000\r\n\r\n" + b"[" * 200000), Why.ANSWER),
        (sending(BEGINNING + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), Why.ANSWER),
        (sending(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"), Why.REDIRECTED),
        (sending(BEGINNING + b"\r\n" + b" " * (LARGEST + 1)), Why.TOO_LARGE),
        (sending(b"SSH-2.0-x\r\n"), Why.AWAY),
        (sending(b""), Why.AWAY),
    ],
)
def test_what_is_no_short_json_object_of_the_provider_itself_is_refused(talk: Talk, expected: Why) -> None:
    with serving(talk) as url:
        assert why(url) is expected


@pytest.mark.parametrize(
    "talk", [silent, dripping(BEGINNING, b"X-More: 1\r\n"), dripping(BEGINNING + b"\r\n", b" ")],
    ids=["silence", "headers", "body"],
)  # fmt: skip
def test_one_limit_holds_for_all_the_time_that_an_answer_takes(talk: Talk) -> None:
    """◆ Each of many waits is short. Fails when only single reads have a limit: then this never ends."""
    with serving(talk) as url:
        assert why(url, seconds=0.5) is Why.AWAY


def test_the_requests_of_a_sign_in_have_their_time_together() -> None:
    with serving(silent) as url, Fetching(seconds=0.2).exchange() as exchange:
        for _ in range(2):  # for the second one, nothing is left
            with pytest.raises(ProviderRefused):
                exchange.get(url)


def test_who_is_not_there_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert why(f"http://127.0.0.1:{port}/") is Why.AWAY
