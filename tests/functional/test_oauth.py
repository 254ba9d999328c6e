"""The OAuth API on a real server with two workers, by a plain client: `requests` with a form and HTTP Basic."""

import pytest
import requests

from app.domain.identity import Role
from app.services import Services
from tests.drivers.oauth import OAuth
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK


@pytest.mark.shares_server
def test_a_holder_revokes_every_worker_refuses_at_once_and_no_password_stands_in_the_log(
    live_server: LiveServer, services: Services
) -> None:
    """The fixture of the server looks for the passwords of the tests, and this test for HTTP Basic's spelling."""
    name = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD).username
    user = make_user(services)
    access_token = mint(services, issue(services, user)).secret
    with WorkerClients(live_server) as clients, requests.Session() as anybody, requests.Session() as wrong:
        workers = [OAuth.signed_in(live_server.url, name, PASSWORD, each.session) for each in clients.each()]
        assert [each.introspect(access_token).json()["username"] for each in workers] == [user.username] * 2
        answer = OAuth(live_server.url, anybody).revoke(access_token)
        assert (answer.status_code, answer.content) == (200, b"")
        answers = [each.introspect(access_token) for each in workers]
        assert [answer.json() for answer in answers] == [{"active": False}] * 2
        assert clients.are_still_apart()
        refused = OAuth.signed_in(live_server.url, name, f"{PASSWORD_MARK}-wrong", wrong).introspect(access_token)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    log = live_server.log()
    assert "/oauth/introspect" in log
    assert not [each for each in (*answers, refused) if each.request.headers["Authorization"].split()[1] in log]
