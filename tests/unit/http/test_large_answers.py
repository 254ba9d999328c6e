"""Large answers take a place while they are sent, and small ones none."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, Response
from werkzeug.test import Client

from app.domain.errors import Unavailable
from app.http.large_answers import LARGE_BYTES, PIECE_BYTES, install_large_answers
from app.http.turns import Turns

Ask = Callable[..., Iterable[bytes]]


@pytest.fixture
def served() -> Iterator[tuple[Turns, Client]]:
    app = Flask("large")
    answers = {
        "small": lambda: Response(b"x" * (LARGE_BYTES - 1)),
        "large": lambda: Response(bytes(range(256)) * (LARGE_BYTES // 64)),
        "stream": lambda: Response(iter([b"a", b"b"])),
        "list": lambda: Response(bytes(LARGE_BYTES * number) for number in (1, 0, 2)),
    }
    app.add_url_rule("/<name>", "answer", lambda name: answers[name]())
    app.register_error_handler(Unavailable, lambda refusal: (refusal.what, 503))
    install_large_answers(app)
    turns = Turns(app, at_once=1, waiting=4)
    yield turns, Client(turns)


def test_clients_that_take_nothing_of_a_large_answer_leave_the_others_theirs(served: tuple[Turns, Client]) -> None:
    """◆ Beyond the places such an answer is refused. Fails when it is kept for each of thousands of connections."""
    turns, client = served
    slow = [client.get(f"/{name}", buffered=False) for name in ("large", "stream")]
    refused = client.get("/large")
    assert (refused.status_code, "at once" in refused.text) == (503, True)
    assert client.get("/small").status_code == 200
    with turns.receiving(), turns.receiving(), pytest.raises(Unavailable), turns.receiving():
        pass  # half of the places are for bodies
    slow[0].close()
    assert client.get("/large", buffered=True).status_code == 200
    assert client.get("/large", buffered=True).status_code == 200, "a place is given back at the end"
    slow[1].close()


def test_it_arrives_whole_and_in_pieces(served: tuple[Turns, Client]) -> None:
    _, client = served
    answer = client.get("/large", buffered=False)
    pieces = list(answer.iter_encoded())
    assert {len(piece) for piece in pieces} == {PIECE_BYTES}
    assert b"".join(pieces) == bytes(range(256)) * (LARGE_BYTES // 64)
    assert answer.content_length == LARGE_BYTES * 4
    answer.close()
    for _ in range(3):
        assert client.head("/large", buffered=True).content_length == LARGE_BYTES * 4
        assert client.get("/stream", buffered=True).data == b"ab"


def test_what_is_read_while_it_is_sent_is_read_in_a_turn_and_waits_for_its_client_without(
    served: tuple[Turns, Client],
) -> None:
    """◆ Fails when lists that are exported use more connections to the database than there are."""
    turns, client = served
    answer = client.get("/list", buffered=False)
    pieces = answer.iter_encoded()
    assert len(next(pieces)) == PIECE_BYTES, "however much was read at once"
    assert client.get("/small").status_code == 200, "the only turn is free while the client takes a piece"
    with ThreadPoolExecutor(1) as threads, turns.reading_on():
        others = threads.submit(lambda: sum(len(piece) for piece in pieces))
        with pytest.raises(TimeoutError):
            others.result(0.05)
    assert others.result() == 3 * LARGE_BYTES - PIECE_BYTES
    answer.close()
