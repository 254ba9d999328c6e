"""The policy `reuse` through real servers: many processes that share a refresh token are given one access token.

Not here: when it is another one (``tests/unit/services/test_reissuing.py``).
"""

import multiprocessing
from typing import Any

import requests

from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD

PROCESSES, ASKS = 8, 40


def _ask(url: str, proof: dict[str, Any], asks: int) -> set[str]:
    with requests.Session() as session:
        answers = [session.post(f"{url}/integration/v1/createAPIAccessToken/", json=proof, timeout=30)
                   for _ in range(asks)]  # fmt: skip
    assert {answer.status_code for answer in answers} == {201}
    return {answer.json()["api_access_token"] for answer in answers}


def test_many_processes_are_given_one_access_token_and_none_is_refused(live_server: LiveServer) -> None:
    """Fails under `replace`, with as many tokens as there were asks."""
    live_server.json("user", "add", "robot", stdin=f"{PASSWORD}\n")
    live_server.json("conf", "access_token_reissue", "-s", "reuse")
    refresh = Alation(live_server.url, requests.Session()).issue("robot", PASSWORD, "shared").json()
    proof = {"refresh_token": refresh["refresh_token"], "user_id": refresh["user_id"]}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        given = pool.starmap(_ask, [(live_server.url, proof, ASKS)] * PROCESSES)
    distinct = set().union(*given)
    assert len(distinct) == 1
    assert requests.get(f"{live_server.url}/auth/verify", headers={"TOKEN": distinct.pop()}, timeout=5).ok
