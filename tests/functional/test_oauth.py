"""The OAuth API on a real server with two workers, by a plain client: `requests` with a form and HTTP Basic.

Not here: the libraries of others (``test_oauth_libraries``).
"""

from functools import partial

import pytest
import requests

from app.domain.identity import Role
from app.domain.policy import Reissue
from app.services import Services
from tests.crowds import all_at_once
from tests.drivers.oauth import OAuth
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, disable, issue, make_user, mint, set_password
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


@pytest.mark.shares_server
@pytest.mark.both_databases
def test_a_password_that_is_changed_here_is_refused_by_every_worker_on_the_next_request(
    live_server: LiveServer, services: Services
) -> None:
    """◆ The workers had it compared a moment before, and are told nothing: they read the account at each use.

    Two, and this process. Fails when they keep a password without looking at the account (tried).
    """
    name = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD).username
    token = mint(services, issue(services, make_user(services))).secret
    newer = f"{PASSWORD_MARK}-that-is-newer"

    def asked(password: str) -> list[int]:
        each = [OAuth.signed_in(live_server.url, name, password, worker.session) for worker in clients.each()]
        return [asker.introspect(token).status_code for asker in each]

    with WorkerClients(live_server) as clients:
        assert [*asked(PASSWORD), *asked(PASSWORD)] == [200] * 4
        set_password(services, name, newer)
        assert asked(PASSWORD) == [401] * 2
        assert asked(newer) == [200] * 2
        disable(services, name)
        assert asked(newer) == [401] * 2
        assert clients.are_still_apart()


@pytest.mark.shares_server
@pytest.mark.both_databases
def test_a_client_s_whole_life_is_the_same_at_every_worker(live_server: LiveServer, services: Services) -> None:
    """It gets access tokens in both ways, introspects and revokes them, and ends with its refresh token."""
    user = make_user(services)
    refresh = issue(services, user, "nightly-etl")
    with WorkerClients(live_server) as clients:
        first, second = (
            OAuth.of_client(live_server.url, refresh.token.public_id, refresh.secret, each.session)
            for each in clients.each()
        )
        token = first.mint().json()["access_token"]
        assert second.use(token).json()["id"] == user.id
        assert second.introspect(token).json()["client_id"] == refresh.token.public_id

        newer = second.mint(refresh.secret).json()["access_token"]
        refused = first.use(token)
        assert (refused.status_code, refused.json()["reason"]) == (401, "token_superseded")
        assert [each.introspect(newer).json()["active"] for each in (first, second)] == [True, True]

        assert first.revoke(newer).status_code == 200
        assert [each.introspect(newer).json() for each in (first, second)] == [{"active": False}] * 2
        assert second.use(second.mint().json()["access_token"]).status_code == 200

        assert second.revoke(refresh.secret, "refresh_token").status_code == 200
        for each in (first, second):
            ended = each.mint()
            assert (ended.status_code, ended.json()["error"]) == (401, "invalid_client")
            assert (each.mint(refresh.secret).status_code, each.introspect(newer).status_code) == (400, 401)
        assert clients.are_still_apart()


@pytest.mark.shares_server
@pytest.mark.both_databases
def test_many_clients_at_once_that_share_a_refresh_token_get_the_same_access_token(
    live_server: LiveServer, services: Services
) -> None:
    """◆ As the advice beside a client id says: under `reuse` none ends another's."""
    refresh = issue(services, make_user(services), reissue=Reissue.REUSE)
    clients = [OAuth.of_client(live_server.url, refresh.token.public_id, refresh.secret) for _ in range(16)]
    mints = [partial(each.mint, refresh.secret if number % 2 else None) for number, each in enumerate(clients)]
    granted = all_at_once(mints)
    (token,) = {answer.json()["access_token"] for answer in granted}
    assert {each.use(token).status_code for each in clients} == {200}
    for each in clients:
        each.session.close()
