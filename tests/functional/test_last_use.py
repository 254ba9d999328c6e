"""Last use on a real server: recorded by the gate and by resources, lost by nothing but a kill.

Here belongs what an operator sees of it. Not here: how it is noted and written (``tests/unit/services/test_last_use``).
"""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, text

from app.domain.clock import system_clock
from app.domain.tokens import AccessToken, Issued
from app.services import Services
from app.storage.database import Base, Database
from app.storage.tables import CheckCountRow
from tests import rows
from tests.drivers.alation import Alation
from tests.drivers.gate import GateConnections, connected
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import issue, make_user, mint

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LONGEST_WAIT_SECONDS = 10
"""Twice as long as it may take until what was noted is written."""


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


def use_at_gate(server: LiveServer, token: Issued[AccessToken]) -> int:
    with connected(server) as connection:
        return connection.ask(("TOKEN", token.secret), ("User-Agent", "curl/8.5")).status


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_server_that_is_told_to_stop_writes_the_uses_of_a_moment_ago(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """Of every worker, and before their next batch is due.

    Fails when the process does not close what it noted with at its end: so it was broken, and none was there.
    """
    tokens = [fresh_token(services) for _ in range(20)]
    before = system_clock()
    with GateConnections([live_server], each=1) as gates:
        for number, token in enumerate(tokens):
            (connection,) = gates.of_workers[number % 2]
            assert connection.ask(("TOKEN", token.secret), ("User-Agent", "curl/8.5")).status == 200
    assert live_server.stop() == 0
    after = system_clock()
    uses = last_uses(database)
    assert [at is not None for at, _, _ in uses] == [True] * 20
    for at, address, agent in uses:
        instant = at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=UTC)
        assert before <= instant <= after
        assert (address, agent) == ("127.0.0.1", "curl/8.5")


def test_uses_at_the_gate_and_at_resources_are_listed_a_few_seconds_later(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """Validating a token is not using it. Whoever looks for tokens that nobody uses finds the others, of both tiers."""
    at_gate, at_resource, validated, idle = (fresh_token(services) for _ in range(4))
    long_ago = (system_clock() - timedelta(days=40)).replace(tzinfo=None).isoformat(" ")
    for table in ("access_tokens", "refresh_tokens"):
        with database.transaction() as session:
            session.execute(text(f"UPDATE {table} SET created_at = '{long_ago}', last_used_at = '{long_ago}'"))
    with requests.Session() as session:
        client = Alation(live_server.url, session)
        session.headers["User-Agent"] = "curl/8.5"
        assert client.verify_access_token(validated.secret, validated.token.user_id).status_code == 200
        assert client.use(at_resource.secret).status_code == 200
        assert use_at_gate(live_server, at_gate) == 200
    began = system_clock()
    wait_until(lambda: sum(agent == "curl/8.5" for _, _, agent in last_uses(database)) == 2)

    listed = {each["public_id"]: each for each in live_server.json("token", "list", "--kind", "access")}
    for used in (at_gate, at_resource):
        row = listed[used.token.public_id]
        assert abs(datetime.fromisoformat(row["last_used_at"]) - began) < timedelta(seconds=30)
        assert (row["last_used_ip"], row["last_used_agent"]) == ("127.0.0.1", "curl/8.5")
    unused = {each["public_id"] for each in live_server.json("token", "list", "--unused-for", "30")}
    assert {each.token.public_id for each in (validated, idle)} == unused & set(listed)
    assert len(unused) == 2 + 4, "no refresh token has minted since"


@ON_SQLITE
def test_the_address_is_the_clients_behind_a_trusted_proxy_and_the_agent_holds_no_token(
    database_url: str, tmp_path: Path, services: Services, database: Database
) -> None:
    """From the right of X-Forwarded-For, as everywhere; what a client says it came through before is not believed."""
    token, refused = fresh_token(services), fresh_token(services)
    with LiveServer(database_url, tmp_path, workers=1, DAYPASS_TRUSTED_PROXIES="127.0.0.1") as server:
        forwarded = ("X-Forwarded-For", "192.0.2.66, 198.51.100.7")
        agent = ("User-Agent", f"etl/1 token={token.secret}")
        with connected(server) as connection:
            assert connection.ask(("TOKEN", token.secret), forwarded, agent).status == 200
            condition = "/auth/verify?role=STEWARD"
            assert connection.ask(("TOKEN", refused.secret), forwarded, target=condition).status == 403
        assert server.stop() == 0
    (_, address, kept), nothing = last_uses(database)
    assert address == "198.51.100.7"
    assert kept.startswith("etl/1 token=") and token.token.public_id in kept and token.secret[17:40] not in kept
    assert list(nothing) == [None, None, None], "a token that is not let through is not used"


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
        assert writes_so_far(watching) == before
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


def test_a_worker_that_is_killed_loses_last_uses_and_nothing_else(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """What was noted in the seconds before is gone; the tokens, and the uses that were written, are as they were."""
    written, lost = fresh_token(services), fresh_token(services)
    assert use_at_gate(live_server, written) == 200
    wait_until(lambda: last_uses(database)[0][0] is not None)
    before = rows.everything(database)
    assert use_at_gate(live_server, lost) == 200
    workers = set(connections_of_workers(live_server))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(connections_of_workers(live_server)) - workers) == 2)
    after = rows.everything(database)
    assert {name: table for name, table in after.items() if name != "job_leases"} == {
        name: table for name, table in before.items() if name != "job_leases"
    }
    assert last_uses(database)[1][0] is None
    for token in (written, lost):
        assert use_at_gate(live_server, token) == 200
    assert live_server.stop() == 0
    assert last_uses(database)[1][0] is not None, "the next use is recorded as ever"
