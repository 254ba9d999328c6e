"""Minting at the same moment through a real server: one access token is left, or is given to all."""

import json
import os
import subprocess
import sys
from functools import partial

import pytest
import requests

from app.domain.policy import Reissue
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import issue, make_user

pytestmark = pytest.mark.shares_server

MINTS = 64
PROCESSES, REQUESTS = 3, 30

SCRIPT = """
import json, os, requests
url, proof, times = json.loads(os.environ["MINTING"])
given = set()
with requests.Session() as session:
    for _ in range(times):
        answer = session.post(f"{url}/integration/v1/createAPIAccessToken/", json=proof, timeout=60)
        given.add((answer.status_code, answer.json().get("api_access_token")))
print(json.dumps(sorted(given)))
"""


@pytest.mark.both_databases
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


def test_under_reuse_many_processes_are_given_one_access_token_and_none_is_refused(
    live_server: LiveServer, services: Services
) -> None:
    """Fails under `replace`, with as many tokens as there were requests."""
    refresh = issue(services, make_user(services), reissue=Reissue.REUSE)
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    sent = json.dumps([live_server.url, proof, REQUESTS])
    words, environment = [sys.executable, "-c", SCRIPT], os.environ | {"MINTING": sent}
    running = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    printed = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    ((status, secret),) = {tuple(each) for by_one in printed for each in json.loads(by_one)}
    assert status == 201
    assert requests.get(f"{live_server.url}/auth/verify", headers={"TOKEN": secret}, timeout=5).ok
