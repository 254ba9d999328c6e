"""Minting at the same moment through a real server."""

from functools import partial

import pytest
import requests

from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import issue, make_user

MINTS = 64


@pytest.mark.both_databases
@pytest.mark.shares_server
def test_64_simultaneous_mints_are_all_answered_and_leave_exactly_one_access_token(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails on PostgreSQL when the write that counts the generation becomes a read and then a write.

    And on SQLite with a plain ``BEGIN`` besides.
    """
    refresh = issue(services, make_user(services))
    clients = [Alation(live_server.url, requests.Session()) for _ in range(MINTS)]
    proof = (refresh.secret, refresh.token.user_id)

    minted = all_at_once([partial(client.mint, *proof) for client in clients])
    served = connections_of_workers(live_server)

    assert [answer.status_code for answer in minted] == [201] * MINTS
    assert all(served.values()), "one worker had all the mints"
    secrets = [answer.json()["api_access_token"] for answer in minted]
    uses = [client.use(secret) for client, secret in zip(clients, secrets, strict=True)]
    assert sorted(use.status_code for use in uses) == [200] + [403] * (MINTS - 1)
    assert {use.json()["reason"] for use in uses if use.status_code == 403} == {"token_superseded"}
    assert len(rows.alive_under(database, refresh.token.id)) == 1
    assert rows.generation_of(database, refresh.token.id) == MINTS
    for client in clients:
        client.session.close()
