"""The gate on a real server: bodies, HEAD, kept connections, and many users at once."""

import random
from functools import partial

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import IDENTITY
from tests.crowds import all_at_once
from tests.drivers.gate import GateConnection, GateConnections, connected
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint

pytestmark = pytest.mark.shares_server

USERS, CLIENTS, ROUNDS = 20, 6, 30


def token_of(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


def test_a_body_is_ignored_and_the_connection_is_good_for_the_next_check(
    live_server: LiveServer, services: Services
) -> None:
    """Neither the body nor what looks like a request in it is taken for one.

    Beyond what granian reads ahead (about 60,000 bytes), it answers and then closes the connection.
    """
    secret = token_of(services)
    smuggled = b"GET /auth/verify HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(live_server) as connection:
        for method in ("POST", "GET", "BREW"):
            for body in (b"{", smuggled, b"x" * 16_384):
                good = connection.ask(("TOKEN", secret), method=method, body=body)
                assert (good.status, good.body) == (200, b"")
                assert connection.ask(method=method, body=body).status == 401
    with connected(live_server) as connection:
        assert connection.ask(("TOKEN", secret), method="POST", body=b"x" * 1_000_000).status == 200


def test_head_is_answered_without_a_body_and_leaves_the_connection_good(
    live_server: LiveServer, services: Services
) -> None:
    with connected(live_server) as connection:
        for headers, status in (((("TOKEN", token_of(services)),), 200), ((), 401), ((("TOKEN", "x"),), 403)):
            by_get, by_head = connection.ask(*headers), connection.ask(*headers, method="HEAD")
            assert (by_head.status, by_get.status, by_head.body) == (status, status, b"")
            for name in ("content-length", "x-auth-reason", "www-authenticate", "x-auth-user"):
                assert by_head.headers.get(name) == by_get.headers.get(name)


@pytest.mark.both_databases
def test_answers_of_many_users_at_once_are_never_mixed(live_server: LiveServer, services: Services) -> None:
    """Clients ask about many users' tokens, and bad ones between, on kept connections to both workers.

    Fails when the verifier keeps the token it looks for in itself while it looks.
    """
    known = {}
    for number in range(USERS):
        user = make_user(services, role=random.choice([Role.VIEWER, Role.STEWARD]), email=f"{number}@example.com")
        access = mint(services, issue(services, user, f"etl-{number}"))
        known[access.secret] = (
            str(user.id), user.username, user.email, user.role, access.token.public_id, f"etl-{number}", user.username,
        )  # fmt: skip
    names = [name.lower() for name in IDENTITY if name not in ("X-Auth-Token-Kind", "X-Auth-Expires-In")]

    def ask_often(connections: list[GateConnection]) -> int:
        wrong = 0
        for connection in connections * ROUNDS:
            asked = random.choices([*known, "made-up"], k=5)
            for secret in asked:
                connection.send(("TOKEN", secret))
            for secret in asked:
                headers = connection.receive().headers
                wrong += tuple(headers[name] for name in names) != known.get(secret, ("",) * len(names))
        return wrong

    with GateConnections([live_server], each=CLIENTS) as gates:
        of_clients = [list(pair) for pair in zip(*gates.of_workers, strict=True)]
        assert all_at_once([partial(ask_often, each) for each in of_clients]) == [0] * CLIENTS
