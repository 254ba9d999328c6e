"""Clients that send too slowly, too much, or something else than HTTP/1.1, all at once: nobody else notices.

``python -m tests.hostile.edge_load`` does the same for a minute, behind nginx too, and measures it.
"""

import pytest
import requests

from app.http.large_answers import LARGE_BYTES
from app.services import Services
from tests.drivers.crowd import Crowd
from tests.drivers.honest import Honest
from tests.drivers.hostile import LONG_LIST, attacked
from tests.drivers.server import LiveServer
from tests.drivers.workers import memory_of_workers

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

SECONDS = 1.2
CLIENTS = 12
KINDS = ("verify", "mint", "native list")

LARGEST_MEGABYTES = 300

ATTACK = {"stalled_body": 60, "half_header": 300, "endless_header": 40, "http2": 8, "slow_reader": 40, "idle": 100}
"""Thirty bodies for each of the two workers."""


def test_honest_clients_are_all_answered_beside_clients_that_stall(live_server: LiveServer, services: Services) -> None:
    """◆ Fails when HTTP/2 is spoken, and when bodies are received by the threads for work."""
    honest = Honest.of(services, CLIENTS, with_reader=True)
    asked = [honest.questions(KINDS[client % len(KINDS)])[client] for client in range(CLIENTS)]
    with attacked(live_server.port, honest.reader, **ATTACK) as became:
        tallies = Crowd(live_server.port, asked).ask(SECONDS)
        memory = memory_of_workers(live_server)
    assert {kind: tally.others for kind, tally in tallies.items() if tally.others} == {}
    assert {kind for kind, tally in tallies.items() if tally.answers} == set(KINDS)
    assert max(memory.values()) < LARGEST_MEGABYTES, memory
    for kind in ("stalled-body", "slow-reader"):
        assert became["held"][kind] == ATTACK[kind.replace("-", "_")], "they were all there"
    long_list = requests.get(f"{live_server.url}{LONG_LIST}", headers={"TOKEN": honest.reader}, timeout=60)
    assert len(long_list.content) > 8 * LARGE_BYTES, "more than the kernel takes of it"
    assert became["closed"]["endless-header"] > 0 and became["opened"]["http2"] > 0, became
    with attacked(live_server.port, stalled_body=200):
        pass
    assert not Crowd(live_server.port, honest.questions("mint")).ask(0.1)["mint"].others, "no place was kept"
