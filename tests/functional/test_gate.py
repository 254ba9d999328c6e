"""The gate on a real server: what a proxy's connection sees, and many users at once.

Here belongs what needs real HTTP: bodies that nobody reads, HEAD, raw bytes, threads, and that ``daypass serve`` has
the gate in front. Not here: the answers to the byte (``tests/contract``), a real proxy (``test_nginx``), revocation.
"""

import json
import random
import time
from functools import partial
from itertools import product

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import IDENTITY
from tests.crowds import all_at_once
from tests.databases import destroy
from tests.drivers.gate import GateConnection, GateConnections, connected
from tests.drivers.raw import Answer
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

USERS, CLIENTS, ASKED = 40, 8, 150
MOST_SECONDS_TO_TELL = 2.5


def token_of(services: Services, role: Role = Role.VIEWER) -> str:
    return mint(services, issue(services, make_user(services, role=role))).secret


def names_nobody(answer: Answer) -> bool:
    return all(answer.headers[name.lower()] == "" for name in IDENTITY)


@pytest.mark.shares_server
@ON_SQLITE
def test_a_body_is_ignored_and_the_connection_is_good_for_the_next_check(
    live_server: LiveServer, services: Services
) -> None:
    """Neither the body nor what looks like a request in it is taken for one.

    Beyond what granian reads ahead (about 60,000 bytes), it answers and then closes the connection.
    """
    secret = token_of(services)
    smuggled = b"GET /auth/verify HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(live_server) as connection:
        for method in ("POST", "PUT", "DELETE", "GET", "BREW"):
            for body in (b"x", b"{", smuggled, b"x" * 16_384):
                good = connection.ask(("TOKEN", secret), method=method, body=body)
                assert (good.status, good.body) == (200, b"")
                assert connection.ask(method=method, body=body).status == 401
        assert connection.ask(("TOKEN", secret), target="/auth/verify/?role=VIEWER").status == 200
    for size in (100_000, 1_000_000):
        with connected(live_server) as connection:
            assert connection.ask(("TOKEN", secret), method="POST", body=b"x" * size).status == 200


@pytest.mark.shares_server
@ON_SQLITE
def test_head_is_answered_without_a_body_and_leaves_the_connection_good(
    live_server: LiveServer, services: Services
) -> None:
    secret = token_of(services)
    with connected(live_server) as connection:
        for headers, status in (((("TOKEN", secret),), 200), ((), 401), ((("TOKEN", "x"),), 403)):
            by_get, by_head = connection.ask(*headers), connection.ask(*headers, method="HEAD")
            assert by_head.status == by_get.status == status
            assert by_head.body == b""
            for name in ("content-length", "x-auth-reason", "www-authenticate", "x-auth-user"):
                assert by_head.headers.get(name) == by_get.headers.get(name)


@pytest.mark.shares_server
@ON_SQLITE
def test_many_checks_on_one_connection_are_answered_in_their_order(live_server: LiveServer, services: Services) -> None:
    secrets = [token_of(services) for _ in range(5)]
    with connected(live_server) as connection:
        for secret in secrets * 20:
            connection.send(("Authorization", f"Bearer {secret}"))
        told = [connection.receive().headers["x-auth-token-id"] for _ in secrets * 20]
    assert told == [secret.split("_")[1] for secret in secrets] * 20


@pytest.mark.shares_server
@ON_SQLITE
def test_raw_bytes_in_headers_let_nobody_in_and_break_nothing(live_server: LiveServer, services: Services) -> None:
    """What HTTP calls obs-text, in each header that is read; and two headers where one is meant."""
    one, other = token_of(services), token_of(services)
    with connected(live_server) as connection:
        for bad in ("\xff", "\xe9t\xe9", f"{one}\xa0", f"\xa0{one}", f"{one}\t\x80"):
            for header in (("TOKEN", bad), ("Authorization", f"Bearer {bad}"), ("Authorization", bad)):
                answer = connection.ask(header)
                assert answer.status in (401, 403) and names_nobody(answer), header
        for two in ([("TOKEN", one), ("TOKEN", other)], [("TOKEN", one), ("TOKEN", one)]):
            assert connection.ask(*two).status == 403
        for pair in ([("TOKEN", one), ("Authorization", f"Bearer {other}")], [("TOKEN", one), ("token", "")]):
            assert connection.ask(*pair).status == 403
        assert connection.ask(("tOkEn", one), ("User-Agent", "\xff\xfe"), ("X-Forwarded-For", "\xff")).status == 200
        assert connection.ask(("TOKEN", one), target="/auth/verify?role=%ff").status == 403


@pytest.mark.shares_server
@ON_SQLITE
def test_the_gate_is_at_its_path_and_everything_else_is_as_ever(live_server: LiveServer, services: Services) -> None:
    secret = token_of(services)
    with connected(live_server) as connection:
        for target, status in (
            ("/auth/verify", 200), ("/auth/verify/", 200), ("/auth/verify/x/y?role=NOBODY", 404),
            ("/auth/%76erify", 200), ("//auth/verify", 404), ("/auth/verifyx", 404), ("/AUTH/VERIFY", 404),
            ("/auth/verify%2fx", 404), ("/healthz", 200), ("/integration/v1/userinfo", 200), ("/nothing", 404),
        ):  # fmt: skip
            answer = connection.ask(("TOKEN", secret), target=target)
            assert answer.status == status, target
            assert ("remote-user" in answer.headers) is (status == 200 and "verify" in target.replace("%76", "v"))


@pytest.mark.shares_server
def test_a_refusals_request_id_is_found_in_the_servers_log(live_server: LiveServer, services: Services) -> None:
    secret = token_of(services)
    with connected(live_server) as connection:
        refused = [
            connection.ask(("TOKEN", "x")),
            connection.ask(("TOKEN", secret), target="/auth/verify?role=STEWARD"),
        ]
        good = connection.ask(("TOKEN", secret))
    ids = [each.headers["x-request-id"] for each in refused]
    lines = [json.loads(line) for line in live_server.log().splitlines() if any(each in line for each in ids)]
    assert [(line["event"], line["request_id"], line["status"], line["reason"]) for line in lines] == [
        ("check_refused", ids[0], 403, "token_malformed"),
        ("check_refused", ids[1], 403, "not_permitted"),
    ]
    assert "x-request-id" not in good.headers  # and no line: there are thousands a second


@pytest.mark.shares_server
def test_answers_of_many_users_at_once_are_never_mixed(live_server: LiveServer, services: Services) -> None:
    """Eight clients ask about forty users' tokens, and bad ones between, on kept connections to both workers.

    Each answer names the very user, and of a refusal all identity headers are empty. Fails when the verifier keeps
    the token it looks for in itself while it looks: so it was broken, and users were told to be others.
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
        for connection in connections * (ASKED // len(connections)):
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


@ON_POSTGRESQL
def test_without_its_database_a_server_answers_every_check_503_in_time(
    server_of_one_worker: LiveServer, services: Services, database_url: str
) -> None:
    """By either header, with conditions or without: never 200, 401 or 403.

    (Of SQLite's file, whoever has it open goes on reading what was deleted; see ``contract/test_without_database``.)

    Fails when ``TokenLookup.find`` answers None in place of refusing: so it was broken, and it was 403 and 401.
    """
    secret = token_of(services)
    with connected(server_of_one_worker) as connection:
        assert connection.ask(("TOKEN", secret)).status == 200
        destroy(database_url)
        for header, query in product((("TOKEN", secret), ("Authorization", f"Bearer {secret}")), ("", "?role=STEWARD")):
            started = time.monotonic()
            answer = connection.ask(header, target=f"/auth/verify{query}")
            assert time.monotonic() - started < MOST_SECONDS_TO_TELL
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert names_nobody(answer) and "www-authenticate" not in answer.headers
