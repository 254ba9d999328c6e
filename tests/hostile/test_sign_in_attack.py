"""A crowd that guesses at one account keeps its owner out nowhere where they were before (``sign_in_attack``)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.identity import Caller
from app.services import Services
from app.services.throttling import ACCOUNT_LIMIT, Claim
from app.storage.database import Database
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.hostile.sign_in_attack import HOME, OWNER, TRUSTING, Attack, Owner, attacked, network, rows_of
from tests.secrecy import secrets_in
from tests.unit.services.verdicts import works

GUESSES, NETWORKS = 150, 50
SIGN_INS = 10
"""Of the owner meanwhile, at most: on a busy machine, the attack takes a minute."""

ADMITTED = 10
"""How many guesses the account admits when the attack begins; earlier ones are planted, because each takes time."""


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(database_url, tmp_path, **TRUSTING) as server:
        yield server
    assert not secrets_in(server.log())


def test_a_crowd_that_guesses_keeps_the_owner_out_nowhere_where_they_were_before(
    server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Nor below the hundred at a new place; and never touches tokens or sessions. On PostgreSQL: ``unit``.

    Fails when a known place is counted with the others, or when all new networks share a counter of a few tries.
    """
    user = make_user(services, OWNER, password=PASSWORD)
    access = mint(services, issue(services, user))
    owner = Owner(server)
    assert (owner.on_device(network(50_000)), owner.in_network(HOME, "new place")) == (303, 201)
    for number in range(ACCOUNT_LIMIT - ADMITTED):
        attempt = services.accounts.throttle.begin(Claim(OWNER, network(number // 5)))
        assert attempt is not None
        services.accounts.throttle.failed(attempt, Caller(""))
    assert owner.in_network(network(50_001), "new place") == 201, "below the hundred"

    rows = rows_of(database)
    attack = Attack(server, NETWORKS, GUESSES)
    attacked(attack, owner, SIGN_INS)
    assert attack.answers[401] == ADMITTED and attack.answers[429] == GUESSES - ADMITTED, attack.answers
    of_owner = sum(waits.answers.total() for waits in owner.waits.values())
    assert rows_of(database) - rows <= 2 * ADMITTED + of_owner
    assert owner.is_signed_in() and works(services, access)

    assert owner.in_network(network(50_002), "new place") == 429
    services.accounts.throttle.unlock(OWNER, OPERATOR)
    assert owner.in_network(network(50_002), "new place") == 201
