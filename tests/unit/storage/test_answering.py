"""What a doubt about a server of PostgreSQL needs besides connections; ``test_postgresql`` has those."""

import threading

import pytest

from app.storage.postgresql import Answering


def test_a_doubt_that_nobody_can_look_into_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when it stays: without a further answer, every request would be refused for ever."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    answering = Answering()
    answering.doubt((), {})
    assert answering.wait_for_verdict() and not answering.hangs
