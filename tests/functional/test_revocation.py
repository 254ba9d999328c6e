"""What has ended is refused by every worker, at once and whatever races with it."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, product
from urllib.parse import urlencode

import pytest
import requests

from app.domain.identity import Role, User
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking import Headers, basic, bearer
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

ASKING = tuple(product(("Bearer", "its id and text", "client", "form"), ("", "/v2"), ("", "/")))
"""Who introspects, and where: each connection in another way, and in each round the next ones."""

MINT_PAUSE_SECONDS = 0.02

REVOKED_IN_BATCHES = 25

RACES = 15
RACING_MINTS = 16
MOMENT_SECONDS = 0.02
"""Within which all mints begin; together they take longer. At the very same time, the one that waits first is first."""

pytestmark = [pytest.mark.shares_server, pytest.mark.both_databases]


@dataclass(frozen=True)
class Gateway:
    """Who introspects: the tokens of an introspector."""

    refresh: Refresh
    access: Access

    def send(self, token: str, number: int, connection: GateConnection, times: int) -> None:
        """Introspect so many times, in the way of that number."""
        form = {"token": token}
        header, path = self._credential(number, form)
        headers = [("Content-Type", "application/x-www-form-urlencoded"), *header.items()]
        connection.send(*headers, times=times, method="POST", target=path, body=urlencode(form).encode())

    def _credential(self, number: int, form: dict[str, str]) -> tuple[Headers, str]:
        how, version, slash = ASKING[number % len(ASKING)]
        path, (client, access) = f"/oauth{version}/introspect{slash}", (self.refresh, self.access)
        if how == "Bearer":
            return bearer(access.secret), path
        if how == "form":
            form |= {"client_id": client.token.public_id, "client_secret": client.secret}
            return {}, path
        either = access if how == "its id and text" else client
        return basic(either.token.public_id, either.secret), path


@dataclass(frozen=True)
class Round:
    """An access token that works, and what is needed to end it. `gateway`: who introspects it, if anybody does.

    `turn`: how many rounds were before.
    """

    services: Services
    owner: User
    refresh: Refresh
    access: Access
    client: Alation
    gateway: Gateway | None = None
    turn: int = 0

    @property
    def oauth(self) -> OAuth:
        return OAuth.of_client(self.client.url, self.refresh.token.public_id, self.refresh.secret, self.client.session)

    @property
    def proof(self) -> tuple[str, int]:
        return self.refresh.secret, self.owner.id

    def send(self, number: int, connection: GateConnection, times: int = 1) -> None:
        """Ask about the token. Every other connection uses Alation's header."""
        secret = self.access.secret
        if self.gateway is not None and number in INTROSPECTING:
            way = self.turn * len(INTROSPECTING) + INTROSPECTING.index(number)
            self.gateway.send(secret, way, connection, times)
        else:
            connection.send(("TOKEN", secret) if number % 2 else ("Authorization", f"Bearer {secret}"), times=times)


def begin_round(
    services: Services, owner: User, client: Alation, gateway: Gateway | None = None, turn: int = 0
) -> Round:
    refresh = issue(services, owner)
    return Round(services, owner, refresh, mint(services, refresh), client, gateway, turn)


def revoke_natively(now: Round) -> requests.Response:
    return Native(now.client.url, now.access.secret).revoke(now.access.token.public_id)


def revoke_with_nothing_else(now: Round) -> requests.Response:
    form = {"token": now.access.secret}
    return requests.post(f"{now.client.url}/oauth/v2/revoke/", data=form, timeout=PATIENCE_SECONDS)


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
    "its holder revokes it, without another credential": (revoke_with_nothing_else, "token_revoked"),
    "its owner revokes it through the native API": (revoke_natively, "token_revoked"),
    "an OAuth client mints again": (lambda now: now.oauth.mint(), "token_superseded"),
    "a client mints again": (lambda now: now.client.mint(*now.proof), "token_superseded"),
}


def test_a_token_that_has_ended_is_refused_by_every_worker_from_the_first_check_on(
    live_server: LiveServer, services: Services
) -> None:
    """◆ Fails when ``TokenVerifier.verify`` or ``Introspecting.introspect`` keeps its answers for one second: the first
    round finds it accepted.

    Each round shows that the token is good on every connection to both workers, has checks and introspections under way
    while the token is ended in one of eleven ways, and then checks it 80 times, with either header, introspects it 40
    times, by a token and by client credentials, under each address, and uses it once on a resource, through Flask, on
    each worker. Others mint all the while.
    """
    owners = {how: make_user(services) for how in ENDINGS}
    refresh = issue(services, make_user(services, role=Role.INTROSPECTOR))
    gateway, others = Gateway(refresh, mint(services, refresh)), issue(services, make_user(services))
    with (
        GateConnections([live_server], each=CONNECTIONS + len(ALL_THE_WHILE)) as gates,
        requests.Session() as session,
        minting_goes_on(live_server, others),
    ):
        assert len(gates.of_workers) == 2
        connections = [(number, each) for worker in gates.of_workers for number, each in enumerate(worker)]
        client = Alation(live_server.url, session)
        for turn, how in enumerate(islice(cycle(ENDINGS), ROUNDS)):
            end_and_check(begin_round(services, owners[how], client, gateway, turn), how, connections)
            enable(services, owners[how].username)
        assert gates.are_still_apart()


@contextmanager
def minting_goes_on(server: LiveServer, refresh: Refresh) -> Iterator[None]:
    """Somebody else mints one token after the other, until the end."""
    client = OAuth.of_client(server.url, refresh.token.public_id, refresh.secret)
    statuses: list[int] = []
    is_over = threading.Event()

    def mint_on() -> None:
        while not is_over.wait(MINT_PAUSE_SECONDS):
            statuses.append(client.mint().status_code)

    thread = threading.Thread(target=mint_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        client.session.close()
    assert set(statuses) == {200}


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
    for _ in rounds(answers):
        now = begin_round(services, owner, clients[-1])
        *answered, _ = race([partial(client.mint, *now.proof) for client in clients[:-1]], partial(end, now))
        assert rows.alive_under(database, now.refresh.token.id) == []
        for answer in answered:
            if answer.status_code == 201:
                assert clients[0].use(answer.json()["api_access_token"]).status_code == 403
            else:
                assert (answer.status_code, answer.json()["reason"]) == (401, "token_revoked")
        answers += answered
    assert {answer.status_code for answer in answers} == {201, 401}, "it was no race"
    for client in clients:
        client.session.close()


def rounds(answers: list[requests.Response]) -> Iterator[int]:
    """As many as are wanted, and on a busy machine further ones, until mints have come before the end and after it."""
    for number in range(5 * RACES):
        if number < RACES or len({answer.status_code for answer in answers}) == 1:
            yield number


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
