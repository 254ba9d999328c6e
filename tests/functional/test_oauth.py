"""The OAuth dialect on a real server with two workers, by a plain client: `requests` with a form and HTTP Basic.

Here belongs an API that asks and revokes over the wire. Not here: each answer (``tests/contract/test_oauth_*``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests

from app.domain.identity import Role, User
from app.services import Services
from tests.drivers.alation import Alation
from tests.drivers.oauth import OAuth
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, make_user
from tests.secrecy import PASSWORD_MARK, secrets_in

API_PASSWORD = f"{PASSWORD_MARK}: of the API, ünd \U0001f511"


@dataclass
class World:
    """A user with tokens made over HTTP, and the API that is asked to serve them."""

    server: LiveServer
    name: str
    user: User
    refresh_token: str
    access_token: str
    api: OAuth
    anybody: OAuth


@pytest.fixture
def world(live_server: LiveServer, services: Services) -> Iterator[World]:
    with _world(live_server, services) as made:
        yield made


@contextmanager
def _world(server: LiveServer, services: Services) -> Iterator[World]:
    name = make_user(services, role=Role.INTROSPECTOR, password=API_PASSWORD).username
    user = make_user(services, role=Role.STEWARD, password=PASSWORD, email="anna@example.org")
    with requests.Session() as session:
        alation = Alation(server.url, session)
        issued = alation.issue(user.username, PASSWORD, "nightly etl").json()
        minted = alation.mint(issued["refresh_token"], issued["user_id"]).json()
        api = OAuth.signed_in(server.url, name, API_PASSWORD)
        secrets = issued["refresh_token"], minted["api_access_token"]
        yield World(server, name, user, *secrets, api, OAuth(server.url, session))
        api.session.close()


def verify(world: World, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{world.server.url}/auth/verify", headers=headers, timeout=30)


@pytest.mark.shares_server
def test_an_api_asks_by_its_password_and_is_told(world: World) -> None:
    answer = world.api.introspect(world.access_token)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert told.pop("exp") - told.pop("iat") == 24 * 60 * 60
    assert told.pop("jti") in world.access_token
    assert told == {
        "active": True, "token_type": "Bearer", "sub": str(world.user.id), "username": world.user.username,
        "name": "nightly etl", "role": "STEWARD", "email": "anna@example.org",
    }  # fmt: skip
    assert world.api.introspect(world.refresh_token, "refresh_token").json()["token_type"] == "refresh_token"
    assert world.api.introspect(world.refresh_token).json() == {"active": False}


@pytest.mark.shares_server
def test_plain_text_is_enough_where_a_password_is_ascii(world: World) -> None:
    """``auth=(user, password)``, as every example has it."""
    world.server.json("user", "set-password", world.name, stdin=f"{PASSWORD}\n")
    sent = {"data": {"token": world.access_token}, "auth": (world.name, PASSWORD), "timeout": 30}
    answer = requests.post(f"{world.server.url}/oauth/introspect", **sent)
    assert answer.json()["active"] is True


@pytest.mark.shares_server
def test_an_api_trades_its_password_for_a_token_and_asks_by_that(world: World) -> None:
    with requests.Session() as session:
        alation = Alation(world.server.url, session)
        own = alation.issue(world.name, API_PASSWORD, "to ask with").json()
        token = alation.mint(own["refresh_token"], own["user_id"]).json()["api_access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        assert OAuth(world.server.url, session).introspect(world.access_token).json()["username"] == world.user.username
    assert world.api.introspect(token).json() == {"active": False}
    answer = verify(world, token)
    assert (answer.status_code, answer.headers["X-Auth-Reason"]) == (403, "not_permitted")


@pytest.mark.shares_server
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_holder_revokes_and_every_worker_refuses_at_once(world: World, which: str) -> None:
    with WorkerClients(world.server) as clients:
        workers = [OAuth(world.server.url, each.session) for each in clients.each()]
        for each in workers:
            each.session.auth = world.api.session.auth
        assert len(workers) == 2
        assert [each.introspect(world.access_token).json()["active"] for each in workers] == [True, True]
        answer = world.anybody.revoke(getattr(world, which))
        assert (answer.status_code, answer.content) == (200, b"")
        assert [each.introspect(world.access_token).json() for each in workers] == [{"active": False}] * 2
        assert clients.are_still_apart()
    refused = verify(world, world.access_token)
    assert (refused.status_code, refused.headers["X-Auth-Reason"]) == (401, "token_revoked")
    assert world.anybody.revoke(getattr(world, which)).status_code == 200
    ended = {world.refresh_token.split("_")[1], world.access_token.split("_")[1]}
    events = [each for each in world.server.json("audit", "list") if each["object_id"] in ended]
    assert {each["actor"] for each in events if each["action"].endswith(".revoked")} == {world.user.username}


@pytest.mark.shares_server
def test_a_wrong_password_is_challenged_and_stands_in_no_log(world: World) -> None:
    wrong = OAuth.signed_in(world.server.url, world.name, f"{PASSWORD_MARK}-wrong")
    with wrong.session:
        for answer in (wrong.introspect(world.access_token), wrong.revoke(world.access_token)):
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="daypass", charset="UTF-8"'
    assert verify(world, world.access_token).status_code == 200
    encoded = requests.Request("POST", world.server.url, auth=(world.name.encode(), API_PASSWORD.encode())).prepare()
    log = world.server.log()
    assert "/oauth/introspect" in log
    assert encoded.headers["Authorization"].split()[1] not in log
    assert not secrets_in(log)


def test_it_is_on_record_when_a_token_was_last_asked_about(
    server_of_one_worker: LiveServer, services: Services
) -> None:
    """Written within seconds by whichever worker was asked, and at the latest when it stops."""
    with _world(server_of_one_worker, services) as world:
        world.api.introspect(world.access_token)
    world.server.stop()
    shown = world.server.json("token", "show", world.access_token.split("_")[1])
    assert shown["last_used_at"] is not None
    assert shown["last_used_ip"] is None
