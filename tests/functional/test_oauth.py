"""The OAuth dialect on a real server with two workers, by a plain client: `requests` with a form and HTTP Basic."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from app.domain.identity import Role, User
from app.services import Services
from tests.drivers.oauth import OAuth
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

pytestmark = pytest.mark.shares_server


@dataclass
class World:
    """A user with tokens, and the API that is asked to serve them."""

    server: LiveServer
    user: User
    refresh_token: str
    access_token: str
    api: OAuth
    anybody: OAuth


@pytest.fixture
def world(live_server: LiveServer, services: Services) -> Iterator[World]:
    name = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD).username
    refresh = issue(services, user := make_user(services))
    api = OAuth.signed_in(live_server.url, name, PASSWORD)
    with api.session, requests.Session() as session:
        secrets = refresh.secret, mint(services, refresh).secret
        yield World(live_server, user, *secrets, api, OAuth(live_server.url, session))


@pytest.mark.both_databases
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_holder_revokes_and_every_worker_refuses_at_once(world: World, which: str) -> None:
    with WorkerClients(world.server) as clients:
        workers = [OAuth(world.server.url, each.session) for each in clients.each()]
        for each in workers:
            each.session.auth = world.api.session.auth
        assert [each.introspect(world.access_token).json()["username"] for each in workers] == [world.user.username] * 2
        answer = world.anybody.revoke(getattr(world, which))
        assert (answer.status_code, answer.content) == (200, b"")
        assert [each.introspect(world.access_token).json() for each in workers] == [{"active": False}] * 2
        assert clients.are_still_apart()


def test_a_wrong_password_is_challenged_and_stands_in_no_log(world: World) -> None:
    """The fixture of the server looks for the passwords of the tests, and this test for HTTP Basic's spelling."""
    name = world.api.session.auth[0].decode()  # type: ignore[index,union-attr]
    wrong = OAuth.signed_in(world.server.url, name, f"{PASSWORD_MARK}-wrong")
    with wrong.session:
        answer = wrong.introspect(world.access_token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="daypass", charset="UTF-8"'
    sent = answer.request.headers["Authorization"]
    log = world.server.log()
    assert "/oauth/introspect" in log
    assert sent.split()[1] not in log
