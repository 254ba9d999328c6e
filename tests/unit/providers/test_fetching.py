"""Who waits for a provider, how long, and what that costs others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

import pytest

from app.domain.errors import Unavailable
from app.domain.providers import ProviderRefused, Why
from app.providers import fetching
from app.providers.fetching import ASIDE, Fetching
from tests.crowds import all_at_once
from tests.patience import PATIENCE_SECONDS


def test_who_waits_for_a_place_keeps_no_other_request_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """◆ Also before the place is there. Fails when the wait begins before stepping aside."""
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    aside = threading.Semaphore(0)

    @contextmanager
    def step_aside() -> Iterator[None]:
        aside.release()
        yield

    slow, is_over = Fetching(1, step_aside), threading.Event()

    def hold() -> None:
        with slow.exchange():
            assert is_over.wait(PATIENCE_SECONDS)

    def look() -> None:
        try:
            assert all(aside.acquire(timeout=PATIENCE_SECONDS) for _ in range(ASIDE)), "somebody waits with a turn"
            with pytest.raises(ProviderRefused) as refused, slow.exchange():  # one more than may wait
                pass
            assert refused.value.why is Why.BUSY
        finally:
            is_over.set()

    all_at_once([look, *[hold] * ASIDE])


def test_a_place_that_is_not_given_back_soon_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 0.01)
    slow = Fetching(1)
    with slow.exchange():
        for _ in range(2 * ASIDE):
            with pytest.raises(ProviderRefused) as refused, slow.exchange():
                pass
            assert refused.value.why is Why.BUSY
    with slow.exchange():
        pass


def test_a_server_that_has_no_thread_to_spare_is_busy_too() -> None:
    def no_place() -> Never:
        raise Unavailable("too many request bodies are being received at once")

    for _ in range(2 * ASIDE):
        with pytest.raises(ProviderRefused) as refused, Fetching(1, no_place).exchange():
            pass
        assert refused.value.why is Why.BUSY
