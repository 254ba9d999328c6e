"""What has ended is refused by every worker, at once and whatever races with it."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

import pytest
import requests

from app.domain.identity import Role, User
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import PATIENCE_SECONDS, all_at_once
from tests.drivers.alation import Alation
from tests.drivers.gate import GateConnection, GateConnections
from tests.drivers.native import Native
from tests.drivers.oauth import OAuth
from tests.drivers.raw import Answer
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import OPERATOR, Access, Refresh, disable, enable, issue, make_user, mint, revoke

ROUNDS, CONNECTIONS, PIPELINED = 70, 6, 10
"""Rounds on each database, connections to each worker, checks or introspections at once on each."""

INTROSPECTING, ALL_THE_WHILE = (2, 5, 7), (6, 7)
"""Numbers of connections: those that introspect; and those further ones that also ask while the token is ended."""

REVOKED_IN_BATCHES = 25

RACES = 15
RACING_MINTS = 16
MOMENT_SECONDS = 0.02
"""Within which all mints begin; together they take longer. At the very same time, the one that waits first is first."""

pytestmark = [pytest.mark.shares_server, pytest.mark.both_databases]


@dataclass(frozen=True)
class Round:
    """An access token that works, and what is needed to end it. `gateway`: who introspects it, if anybody does."""

    services: Services
    owner: User
    refresh: Refresh
    access: Access
    client: Alation
    gateway: Access | None = None

    @property
    def oauth(self) -> OAuth:
        return OAuth.of_client(self.client.url, self.refresh.token.public_id, self.refresh.secret, self.client.session)

    @property
    def proof(self) -> tuple[str, int]:
        return self.refresh.secret, self.owner.id

    def send(self, number: int, connection: GateConnection, times: int = 1) -> None:
        """Ask about the token. Every other connection uses Alation's header."""
        gateway = self.gateway if number in INTROSPECTING else None
        secret = (gateway or self.access).secret
        header = ("TOKEN", secret) if number % 2 else ("Authorization", f"Bearer {secret}")
        if gateway is None:
            connection.send(header, times=times)
            return
        form = ("Content-Type", "application/x-www-form-urlencoded")
        body = f"token={self.access.secret}".encode()
        connection.send(header, form, times=times, method="POST", target="/oauth/introspect", body=body)


def begin_round(services: Services, owner: User, client: Alation, gateway: Access | None = None) -> Round:
    refresh = issue(services, owner)
    return Round(services, owner, refresh, mint(services, refresh), client, gateway)


ENDINGS: dict[str, tuple[Callable[[Round], object], str]] = {
    "its public id is revoked": (lambda now: revoke(now.services, now.access), "token_revoked"),
    "its refresh token is revoked": (lambda now: revoke(now.services, now.refresh), "token_revoked"),
    "all of its owner's are revoked": (
        lambda now: now.services.revoking.revoke_user(now.owner.username, "", OPERATOR),
        "token_revoked",
    ),
    "its owner is disabled": (lambda now: disable(now.services, now.owner.username), "owner_disabled"),
    "a client revokes": (lambda now: now.client.revoke_access_tokens(*now.proof), "token_revoked"),
    "a client regenerates": (lambda now: now.client.regenerate(*now.proof), "token_revoked"),
    "an OAuth client revokes": (lambda now: now.oauth.revoke(now.access.secret), "token_revoked"),
    "an OAuth client mints again": (lambda now: now.oauth.mint(), "token_superseded"),
    "a client mints again": (lambda now: now.client.mint(*now.proof), "token_superseded"),
}


def test_a_token_that_has_ended_is_refused_by_every_worker_from_the_first_check_on(
    live_server: LiveServer, services: Services
) -> None:
    """◆ Fails when ``TokenVerifier.verify`` or ``Introspecting.introspect`` keeps its answers for one second: the first
    round finds it accepted.

    Each round shows that the token is good on every connection to both workers, has checks and introspections under way
    while the token is ended in one of nine ways, and then checks it 80 times and introspects it 40 times, with either
    header; and once on a resource, through Flask, on each worker.
    """
    owners = {how: make_user(services) for how in ENDINGS}
    gateway = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR)))
    with GateConnections([live_server], each=CONNECTIONS + len(ALL_THE_WHILE)) as gates, requests.Session() as session:
        assert len(gates.of_workers) == 2
        connections = [(number, each) for worker in gates.of_workers for number, each in enumerate(worker)]
        client = Alation(live_server.url, session)
        for how in islice(cycle(ENDINGS), ROUNDS):
            end_and_check(begin_round(services, owners[how], client, gateway), how, connections)
            enable(services, owners[how].username)
        assert gates.are_still_apart()


def end_and_check(now: Round, how: str, connections: list[tuple[int, GateConnection]]) -> None:
    act, reason = ENDINGS[how]
    for number, each in connections:
        now.send(number, each)
    for number, each in connections:
        answer = each.receive()
        assert (answer.status, b'"active":true' in answer.body) == (200, number in INTROSPECTING), how

    for number, each in connections:
        if number in ALL_THE_WHILE:  # who keeps an answer of theirs, keeps an old one
            now.send(number, each, PIPELINED)
    act(now)
    for number, each in connections:
        if number not in ALL_THE_WHILE:
            now.send(number, each, PIPELINED)
    for number, each in connections:
        answers = [each.receive() for _ in range(PIPELINED)]
        if number not in ALL_THE_WHILE:
            assert {seen(answer) for answer in answers} == {refusal(number, reason)}, how
        if number == 0:
            userinfo = each.ask(("TOKEN", now.access.secret), target="/integration/v1/userinfo/")
            assert userinfo.status == 403, how


def seen(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers.get("x-auth-reason") or answer.body.decode()


def refusal(number: int, reason: str) -> tuple[int, str]:
    if number in INTROSPECTING:
        return 200, '{"active":false}\n'
    return (403 if number % 2 else 401), reason


def test_a_batch_that_begins_after_a_revocation_refuses_that_token_on_every_worker(
    live_server: LiveServer, services: Services
) -> None:
    """◆ Both workers check 500 tokens again and again while this process revokes one after the other of 25 among them.

    Fails when the rows of a batch are kept for the next one (tried).
    """
    owner, asker = make_user(services), make_user(services, role=Role.INTROSPECTOR)
    issued = [mint(services, issue(services, owner)) for _ in range(REVOKED_IN_BATCHES)]
    texts, secret, ended = [each.secret for each in issued], mint(services, issue(services, asker)).secret, [0]
    answered = threading.Semaphore(0)

    def check_until_all_have_ended(client: Alation) -> list[tuple[int, list[str | None]]]:
        asked, native = [], Native(client.url, secret, client.session)
        while not asked or asked[-1][0] < len(texts):
            before = ended[0]
            verdicts = native.verify_batch(texts * 20)
            asked.append((before, [each.get("reason") for each in verdicts]))
            answered.release()
        return asked

    def revoke_each() -> list[tuple[int, list[str | None]]]:
        for each in issued:
            assert answered.acquire(timeout=PATIENCE_SECONDS)
            revoke(services, each)
            ended[0] += 1
        return []

    with WorkerClients(live_server) as clients:
        asked = all_at_once([*(partial(check_until_all_have_ended, each) for each in clients.each()), revoke_each])
        assert clients.are_still_apart()
    for before, reasons in (batch for worker in asked for batch in worker):
        for repeat in range(20):
            of_one = reasons[repeat * len(texts) : (repeat + 1) * len(texts)]
            assert of_one[:before] == ["token_revoked"] * before
            assert set(of_one[before:]) <= {None, "token_revoked"}


@pytest.mark.parametrize("how", ["its refresh token is revoked", "a client regenerates"])
def test_a_mint_that_races_with_the_end_of_its_refresh_token_never_outlives_it(
    how: str, live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Sixteen clients mint while one revokes or regenerates, in an order left to chance; nothing is active after it.

    Fails on PostgreSQL when a mint reads first and then counts up without conditions, and on SQLite when writing
    transactions begin with a plain ``BEGIN`` as well.
    """
    owner = make_user(services)
    end, _ = ENDINGS[how]
    clients = [Alation(live_server.url, requests.Session()) for _ in range(RACING_MINTS + 1)]
    answers: list[requests.Response] = []
    for _ in range(RACES):
        now = begin_round(services, owner, clients[-1])
        *answered, _ = race([partial(client.mint, *now.proof) for client in clients[:-1]], partial(end, now))
        assert rows.alive_under(database, now.refresh.token.id) == []
        for answer in answered:
            if answer.status_code == 201:
                assert clients[0].use(answer.json()["api_access_token"]).status_code == 403
            else:
                assert (answer.status_code, answer.json()["reason"]) == (401, "token_revoked")
        answers += answered
    minted = [answer.status_code == 201 for answer in answers]
    assert 0.02 < sum(minted) / len(minted) < 0.98, "it was no race"
    for client in clients:
        client.session.close()


def race(minting: list[Callable[[], requests.Response]], end: Callable[[], object]) -> list[requests.Response]:
    """What they and the end return, which begins once some of them are answered: how many, is left to chance."""
    answers = threading.Semaphore(0)

    def mint(act: Callable[[], requests.Response]) -> requests.Response:
        time.sleep(random.uniform(0, MOMENT_SECONDS))
        try:
            return act()
        finally:
            answers.release()

    def end_in_between() -> object:
        for _ in range(random.randrange(len(minting))):
            answers.acquire()
        return end()

    return all_at_once([*(partial(mint, act) for act in minting), end_in_between])
