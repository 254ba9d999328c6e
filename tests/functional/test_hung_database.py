"""A PostgreSQL server that hangs: its processes are stopped, connections stay open, nothing answers.

Here belongs what a client sees then. Not here: a database that is gone (``test_faults``), and SQLite, which has
no server that could hang.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from tests.databases import PostgresDatabases
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD


@contextmanager
def hung(postgres: PostgresDatabases) -> Iterator[None]:
    """Stop every process of the server, and let them go on in the end."""
    master = psutil.Process(postgres.pid)
    processes = [master, *master.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def test_a_hung_database_is_told_within_seconds_and_recovers_without_a_restart(
    own_postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """Never 200, 401 or 403: those would let somebody in, or make every client mint again.

    Fails when connections have no patience of their own (``PatientConnection.wait``): nothing is answered then.
    """
    with own_postgres.fresh() as url, LiveServer(url, tmp_path) as server, requests.Session() as session:
        server.json("user", "add", "anna", stdin=PASSWORD)
        client = Alation(server.url, session)
        refresh = client.issue("anna", PASSWORD, "nightly-etl").json()
        proof = (refresh["refresh_token"], refresh["user_id"])
        access = client.mint(*proof).json()["api_access_token"]
        assert client.use(access).status_code == 200
        with hung(own_postgres):
            for _ in range(4):  # kept connections, and then fresh ones
                _assert_unavailable(lambda: client.use(access), 2.5)
            _assert_unavailable(lambda: client.mint(*proof), 5)
            assert session.get(f"{server.url}/healthz", timeout=2).status_code == 200
        deadline = time.monotonic() + 5
        while client.use(access).status_code != 200:
            assert time.monotonic() < deadline, "it did not recover"
        assert client.mint(*proof).status_code == 201


def _assert_unavailable(call, most_seconds: float) -> None:
    started = time.monotonic()
    answer = call()
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert time.monotonic() - started < most_seconds
