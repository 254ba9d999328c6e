"""Last use on a real server: written every few seconds and at its end, never by a check, lost only by a kill."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.domain.clock import system_clock
from app.domain.tokens import AccessToken, Issued
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests import rows
from tests.drivers.gate import GateConnections, connected
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import issue, make_user, mint
from tests.patience import PATIENCE_SECONDS


def fresh_token(services: Services) -> Issued[AccessToken]:
    return mint(services, issue(services, make_user(services)))


def last_uses(database: Database) -> list[Any]:
    """The last use of every access token, in the order they were made."""
    with database.reading() as session:
        row = AccessTokenRow
        return list(session.execute(select(row.last_used_at, row.last_used_ip, row.last_used_agent).order_by(row.id)))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_is_killed_loses_last_uses_and_nothing_else_and_one_that_stops_loses_none(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """By every worker, before its next batch is due. Fails when a process that ends does not close ``LastUse``."""
    lost, *tokens = (fresh_token(services) for _ in range(9))
    before = written(database)
    with connected(live_server) as connection:
        assert connection.ask(("TOKEN", lost.secret)).status == 200
    workers = set(connections_of_workers(live_server))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(connections_of_workers(live_server)) - workers) == 2)
    assert written(database) == before

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
        assert started <= at <= system_clock()
        assert (address, agent) == ("127.0.0.1", "curl/8.5")


def test_a_check_never_writes(database_url: str, tmp_path: Path, services: Services, database: Database) -> None:
    """Once the uses of a first round are written, many checks of the same tokens write nothing, nor does stopping.

    The tokens are good, superseded (audited at first) and made up. Fails when each check writes its use at once.
    """
    refresh = issue(services, make_user(services))
    superseded, *tokens = mint(services, refresh), mint(services, refresh), fresh_token(services)
    sent = [("TOKEN", token.secret) for token in (superseded, *tokens)] + [("TOKEN", "made-up")]
    with (
        LiveServer(database_url, tmp_path, workers=1, DAYPASS_SCHEDULER="off") as server,
        connected(server) as connection,
    ):
        assert [connection.ask(each).status for each in sent] == [403, 200, 200, 403]
        wait_until(lambda: sum(at is not None for at, _, _ in last_uses(database)) == len(tokens))
        before = written(database)
        for _ in range(50):
            for each in sent:
                connection.send(each)
            assert [connection.receive().status for _ in sent] == [403, 200, 200, 403]
        assert server.stop() == 0
        assert written(database) == before


def written(database: Database) -> rows.Rows:
    """Every row but the hours' counts of checks, which are written in batches, and the leases of jobs."""
    return {
        table: found
        for table, found in rows.everything(database).items()
        if table not in ("check_counts", "job_leases")
    }
