"""What has ended is refused by every worker and host, at once and whatever races with it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import pytest
import requests

from app.domain.identity import User
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.drivers.alation import Alation
from tests.drivers.gate import GateConnection, GateConnections
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, issue, make_user, mint
from tests.secrecy import secrets_in

GATE_ROUNDS, CONNECTIONS, PIPELINED = 210, 6, 10
"""On each of the two databases: rounds, connections to each worker, checks at once on each."""

CHECKS_OF_A_ROUND = 2 * CONNECTIONS * PIPELINED
assert 2 * GATE_ROUNDS * CHECKS_OF_A_ROUND >= 50_000

RACES = 25
"""With a revocation, and again with a regeneration, on each of the two databases: 100."""

RACING_MINTS = 16
MOMENT_SECONDS = 0.02
"""Within which all that race begin; together they take longer. At the very same time, whoever waits first is first."""

pytestmark = [pytest.mark.shares_server, pytest.mark.both_databases]

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Round:
    """An access token that works, and what is needed to end it."""

    services: Services
    owner: User
    refresh: Issued[RefreshToken]
    access: Issued[AccessToken]
    client: Alation

    @property
    def proof(self) -> tuple[str, int]:
        return self.refresh.secret, self.owner.id


ENDINGS: dict[str, tuple[Callable[[Round], object], str]] = {
    "its public id is revoked": (
        lambda now: now.services.revoking.revoke(now.access.token.public_id, "", OPERATOR),
        "token_revoked",
    ),
    "its refresh token is revoked": (
        lambda now: now.services.revoking.revoke(now.refresh.token.public_id, "", OPERATOR),
        "token_revoked",
    ),
    "all of its owner's are revoked": (
        lambda now: now.services.revoking.revoke_user(now.owner.username, "", OPERATOR),
        "token_revoked",
    ),
    "its owner is disabled": (
        lambda now: now.services.accounts.change(now.owner.username, {"is_active": False}, OPERATOR),
        "owner_disabled",
    ),
    "a client revokes": (lambda now: now.client.revoke_access_tokens(*now.proof), "token_revoked"),
    "a client regenerates": (lambda now: now.client.regenerate(*now.proof), "token_revoked"),
    "a client mints again": (lambda now: now.client.mint(*now.proof), "token_superseded"),
}


@pytest.fixture
def servers(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[list[LiveServer]]:
    """Two processes that answer on one database: two workers on SQLite, two servers of one worker on PostgreSQL."""
    if database_url.startswith("sqlite"):
        yield [request.getfixturevalue("live_server")]
        return
    made = [LiveServer(database_url, _made(tmp_path / name), workers=1) for name in ("one", "another")]
    with ExitStack() as running:
        yield [running.enter_context(server) for server in made]
    assert not any(secrets_in(server.log()) for server in made)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_token_that_has_ended_is_refused_by_every_worker_from_the_first_check_on(
    servers: list[LiveServer], services: Services
) -> None:
    """◆ None of 25,200 checks on each database, begun after the end of a token was acknowledged, is answered with 200.

    Each round shows that the token is good on every connection to both workers, has checks under way while the
    token is ended in one of seven ways, and then checks it 120 times, in either header; and once on a resource, through
    Flask, on each worker.

    Fails when ``TokenVerifier.verify`` keeps its answers for one second: so it was broken, and the first round
    already found the revoked token accepted, on both databases.
    """
    owners = {how: make_user(services) for how in ENDINGS}
    accepted: Counter[str] = Counter()
    with GateConnections(servers, each=CONNECTIONS + 1) as gates, requests.Session() as session:
        clients = [Alation(server.url, session) for server in servers]
        assert len(gates.of_workers) == 2
        connections = [(number, each) for worker in gates.of_workers for number, each in enumerate(worker)]
        for how in islice(cycle(ENDINGS), GATE_ROUNDS):
            now = begin_round(services, owners[how], random.choice(clients))
            accepted[how] += _end_and_check(now, how, connections)
            if ENDINGS[how][1] == "owner_disabled":
                services.accounts.change(now.owner.username, {"is_active": True}, OPERATOR)
        assert gates.are_still_apart()
    assert sum(accepted.values()) == 0, accepted


def _end_and_check(now: Round, how: str, connections: list[tuple[int, GateConnection]]) -> int:
    """How many checks that began after the end found the token good; all others are refused for the right reason."""
    act, reason = ENDINGS[how]
    for number, each in connections:
        each.send(_credential(now, number))
    assert {each.receive().status for _, each in connections} == {200}, how

    for number, each in connections:
        if number == CONNECTIONS:  # these ask all the while: who keeps an answer of theirs, keeps an old one
            each.send(_credential(now, number), times=PIPELINED)
    act(now)
    for number, each in connections:
        if number < CONNECTIONS:
            each.send(_credential(now, number), times=PIPELINED)
    answers = []
    through_flask = []
    for number, each in connections:
        received = [(number % 2, each.receive()) for _ in range(PIPELINED)]
        answers += received if number < CONNECTIONS else []
        if number == 0:
            through_flask.append(each.ask(("TOKEN", now.access.secret), target="/integration/v1/userinfo/").status)
    assert through_flask == [403, 403], how
    assert len(answers) == CHECKS_OF_A_ROUND
    refused = [(by_token, answer) for by_token, answer in answers if answer.status != 200]
    assert {(by_token, each.status, each.headers["x-auth-reason"]) for by_token, each in refused} <= {
        (0, 401, reason),
        (1, 403, reason),
    }, how
    return len(answers) - len(refused)


def _credential(now: Round, number: int) -> tuple[str, str]:
    """Every other connection uses Alation's header."""
    return ("TOKEN", now.access.secret) if number % 2 else ("Authorization", f"Bearer {now.access.secret}")


def begin_round(services: Services, owner: User, client: Alation) -> Round:
    refresh = issue(services, owner)
    return Round(services, owner, refresh, mint(services, refresh), client)


@pytest.mark.parametrize("how", ["its refresh token is revoked", "a client regenerates"])
def test_a_mint_that_races_with_the_end_of_its_refresh_token_never_outlives_it(
    how: str, live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Sixteen clients mint while one revokes or regenerates, in an order left to chance; nothing is active after it.

    Fails when ``RefreshTokenVerifier.recognise_and_lock`` only reads first and then counts up without conditions: so
    it was broken, and on PostgreSQL an access token that was minted after the revocation stayed active; on SQLite when
    writing transactions begin with a plain ``BEGIN`` as well: mints were answered 503.
    """
    owner = make_user(services)
    end, _ = ENDINGS[how]
    clients = [Alation(live_server.url, requests.Session()) for _ in range(RACING_MINTS + 1)]
    answers: list[requests.Response] = []
    for _ in range(RACES):
        now = begin_round(services, owner, clients[-1])
        minting = [partial(client.mint, *now.proof) for client in clients[:-1]]
        answered = _race(minting, partial(end, now))
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


def _race(minting: Sequence[Callable[[], Outcome]], end: Callable[[], object]) -> list[Outcome]:
    """Let all mints and the end begin within a moment, in an order left to chance; what became of the mints."""
    *outcomes, _ = all_at_once([partial(_in_a_moment, act) for act in (*minting, end)])
    return outcomes


def _in_a_moment(act: Callable[[], Outcome]) -> Outcome:
    time.sleep(random.uniform(0, MOMENT_SECONDS))
    return act()
