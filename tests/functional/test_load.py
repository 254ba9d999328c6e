"""Honest clients on a busy machine: none is refused, whatever a single wait took (``make honest-load`` measures)."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from app.services import Services
from app.storage.database import Database, sqlite
from tests.drivers.crowd import Crowd
from tests.drivers.honest import CONNECTIONS, KINDS, Honest
from tests.drivers.raw import RawHttp
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server, pytest.mark.fills_machine]

SECONDS = 3.0

LATE_SECONDS = 0.15
"""Longer than a body waits for a place where there are few."""


def test_sixty_four_honest_clients_are_never_refused_not_even_while_a_worker_stands_still(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """All kinds of requests at once. On PostgreSQL the worker stands still for longer than any patience.

    With SQLite it may hold the one lock of all writers, so it stands still for less; then another program, such as a
    backup, holds the lock for a second. Fails when the time that a wait took is all that counts.
    """
    # Mints of one refresh token wait for its row, which the worker that stands still may have locked.
    kinds = [kind for kind in KINDS if database.is_sqlite or kind != "mint, one shared"]
    honest = Honest.of(services)
    asked = [honest.questions(kinds[client % len(kinds)])[client] for client in range(CONNECTIONS)]
    with ThreadPoolExecutor(1) as thread:
        crowd = thread.submit(Crowd(live_server.port, asked).ask, SECONDS)
        time.sleep(0.3)
        stand_still(live_server, 1.0 if database.is_sqlite else 2.5)
        if database.is_sqlite:
            time.sleep(0.5)
            hold_the_write_lock(database, 1.0)
        tallies = crowd.result()
    assert {kind: tally.others for kind, tally in tallies.items() if tally.others} == {}, server_complaints(live_server)
    assert {kind for kind, tally in tallies.items() if tally.answers} == set(kinds)


def test_sixty_four_bodies_that_come_later_than_their_headers_are_all_answered(
    live_server: LiveServer, services: Services
) -> None:
    """◆ As over slow lines, or from proxies that do not buffer. Fails when few may be received at once."""
    questions = [asked.raw for kind in ("introspect", "mint") for [asked] in Honest.of(services).questions(kind)]
    server = RawHttp(live_server.port)
    for asked in (questions[:CONNECTIONS], questions[CONNECTIONS:]):
        with ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in asked]
            parts = [raw.partition(b"\r\n\r\n") for raw in asked]
            for connection, (head, end, _) in zip(connections, parts, strict=True):
                connection.sendall(head + end)
            time.sleep(LATE_SECONDS)
            for connection, (_, _, body) in zip(connections, parts, strict=True):
                connection.sendall(body)
            for connection in connections:
                connection.settimeout(PATIENCE_SECONDS)
            answers = Counter(connection.recv(65536)[9:12] for connection in connections)
        assert set(answers) <= {b"200", b"201"} and answers.total() == CONNECTIONS, answers


def stand_still(server: LiveServer, seconds: float) -> None:
    """Stop the worker with the most connections, as a machine does that has no processor for it."""
    workers = connections_of_workers(server)
    busiest = max(workers, key=lambda worker: len(workers[worker]))
    os.kill(busiest, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(busiest, signal.SIGCONT)


def hold_the_write_lock(database: Database, seconds: float) -> None:
    with closing(sqlite.connect(database.engine.url.database, isolation_level=None, timeout=PATIENCE_SECONDS)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")


def server_complaints(server: LiveServer) -> str:
    """The first of them, for the message of a test that fails."""
    return "\n".join([line for line in server.log().splitlines() if "unavailable" in line][:10])
