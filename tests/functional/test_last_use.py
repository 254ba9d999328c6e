"""Last use on a real server: written every few seconds and at its end, never by a check, lost only by a kill."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from app.domain.clock import system_clock
from app.domain.tokens import AccessToken, Issued
from app.services import Services
from app.storage.database import Base, Database
from app.storage.tables import CheckCountRow
from tests import rows
from tests.drivers.gate import GateConnections, connected
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import issue, make_user, mint

LONGEST_WAIT_SECONDS = 30
"""What was noted is written within five; killed workers take longer to come back on a busy machine."""


def fresh_token(services: Services) -> Issued[AccessToken]:
    return mint(services, issue(services, make_user(services)))


def last_uses(database: Database) -> list[Any]:
    """The last use of every access token, in the order they were made."""
    with database.engine.connect() as connection:
        return list(
            connection.exec_driver_sql(
                "SELECT last_used_at, last_used_ip, last_used_agent FROM access_tokens ORDER BY id"
            ).all()
        )


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_is_killed_loses_last_uses_and_nothing_else_and_one_that_stops_loses_none(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """The uses of a moment ago are written at the end, by every worker and before their next batch is due.

    Fails when the process does not close what it noted with at its end: so it was broken, and none was there.
    """
    lost, *tokens = (fresh_token(services) for _ in range(9))
    before = rows.everything(database)
    with connected(live_server) as connection:
        assert connection.ask(("TOKEN", lost.secret)).status == 200
    workers = set(connections_of_workers(live_server))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(connections_of_workers(live_server)) - workers) == 2)
    after = rows.everything(database)
    for name in before.keys() - {"job_leases"}:
        assert after[name] == before[name]

    started = system_clock()
    with GateConnections([live_server], each=1) as gates:
        for number, token in enumerate(tokens):
            (connection,) = gates.of_workers[number % 2]
            resource = "/auth/verify" if number < 6 else "/integration/v1/userinfo/"
            answer = connection.ask(("TOKEN", token.secret), ("User-Agent", "curl/8.5"), target=resource)
            assert answer.status == 200
    assert live_server.stop() == 0
    never, *uses = last_uses(database)
    assert never[0] is None
    for at, address, agent in uses:
        instant = at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=UTC)
        assert started <= instant <= system_clock()
        assert (address, agent) == ("127.0.0.1", "curl/8.5")


@pytest.mark.both_databases
def test_a_check_never_writes(database_url: str, tmp_path: Path, services: Services, database: Database) -> None:
    """Once the uses of a first round are written, a thousand checks of the same tokens write nothing at all.

    Nor does the server when it stops. The tokens are good, superseded (audited at first) and made up.

    Fails when each check writes its use at once: so it was broken, on both databases.
    """
    refresh = issue(services, make_user(services))
    superseded, *tokens = mint(services, refresh), mint(services, refresh), fresh_token(services)
    sent = [("TOKEN", token.secret) for token in (superseded, *tokens)] + [("TOKEN", "made-up")]
    with (
        LiveServer(database_url, tmp_path, workers=1, DAYPASS_SCHEDULER="off") as server,
        connected(server) as connection,
        database.engine.connect() as watching,
    ):
        assert [connection.ask(each).status for each in sent] == [403, 200, 200, 403]
        wait_until(lambda: sum(at is not None for at, _, _ in last_uses(database)) == len(tokens))
        before = writes_so_far(watching)
        for _ in range(250):
            for each in sent:
                connection.send(each)
            assert [connection.receive().status for _ in sent] == [403, 200, 200, 403]
        assert server.stop() == 0
        assert writes_so_far(watching) == before


def writes_so_far(watching: Connection) -> object:
    """Every row but the hours' counts, which are written in batches; PostgreSQL keeps its place and transaction too."""
    watching.rollback()
    tables = [table for table in Base.metadata.tables if table != CheckCountRow.__tablename__]
    if watching.dialect.name == "sqlite":
        return [watching.exec_driver_sql(f"SELECT * FROM {table}").fetchall() for table in tables]
    places = (f"SELECT tableoid, ctid, xmin::text FROM {table}" for table in tables)
    return sorted(map(str, watching.exec_driver_sql(" UNION ALL ".join(places))))
