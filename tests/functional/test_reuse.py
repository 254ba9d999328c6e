"""The policy `reuse` through real servers: many processes that share a refresh token are given one access token.

Not here: when it is another one (``tests/unit/services/test_reissuing.py``).
"""

import json
import os
import subprocess
import sys

import pytest
import requests

from app.domain.identity import Caller
from app.domain.policy import Reissue
from app.services import Services
from tests.drivers.server import LiveServer
from tests.factories import make_user

PROCESSES, ASKS = 8, 200

SCRIPT = """
import json, os, requests
url, proof, asks = json.loads(os.environ["ASKING"])
given = set()
with requests.Session() as session:
    for _ in range(asks):
        answer = session.post(f"{url}/integration/v1/createAPIAccessToken/", json=proof, timeout=60)
        given.add((answer.status_code, answer.json().get("api_access_token")))
print(json.dumps(sorted(given)))
"""


@pytest.mark.shares_server
def test_many_processes_are_given_one_access_token_and_none_is_refused(
    live_server: LiveServer, services: Services
) -> None:
    """Fails under `replace`, with as many tokens as there were asks."""
    user = make_user(services)
    refresh = services.issuing.issue(user, "shared", Caller(user.username, user.id), Reissue.REUSE)
    sent = json.dumps([live_server.url, {"refresh_token": refresh.secret, "user_id": user.id}, ASKS])
    words, environment = [sys.executable, "-c", SCRIPT], os.environ | {"ASKING": sent}
    running = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    told = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    given = {tuple(each) for told_by_one in told for each in json.loads(told_by_one)}
    ((status, secret),) = given
    assert status == 201
    assert requests.get(f"{live_server.url}/auth/verify", headers={"TOKEN": secret}, timeout=5).ok
