"""How much memory this process has."""

import pytest

from app.server import memory
from app.server.memory import LOOK_SECONDS, MOST_BYTES, Memory


@pytest.mark.skipif(not memory.STATM.exists(), reason="known on Linux only")
def test_memory_is_short_beyond_the_most_and_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now)
    assert not Memory(1 << 40).is_short()
    small = Memory(1 << 20)
    assert small.is_short()
    small._most_pages = 1 << 30
    assert small.is_short(), "it has just looked"
    now += LOOK_SECONDS
    assert not small.is_short()
    assert MOST_BYTES < 300_000_000
