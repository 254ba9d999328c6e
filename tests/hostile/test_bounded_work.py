"""One account with much time: what it piles up costs nobody anything, and its budget holds across workers."""

from collections import Counter
from functools import partial

import psutil
import pytest
import requests
from sqlalchemy import insert, update

from app.domain.clock import system_clock
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.services import Services
from app.storage.database import Database
from app.storage.secret_tables import RetiredSecretRow
from app.storage.tables import RefreshTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.databases import patient
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients, connections_of_workers
from tests.factories import Refresh, issue, make_user, regenerate, works

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

REGENERATIONS = 20_000
GUESSES = 40
MOMENT_SECONDS = 0.5
"""What workers do besides, meanwhile."""

MORE_BYTES = 4 * 2**20
"""By how much a worker may grow: reading all of the digests once takes 100 MB."""

LEFT, CROWD = 5, 64


def test_a_wrong_guess_costs_the_same_however_often_a_token_was_regenerated(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails when all replaced secrets of the token are read: a worker works a hundred times as long for a guess."""
    user = make_user(services)
    plain, regenerated = issue(services, user), issue(services, user)
    replaced, regenerated = regenerated, regenerate(services, regenerated)
    pile_up(database, regenerated)
    with WorkerClients(live_server) as clients:
        for client in clients.each() * 3:
            guess(client, plain)
        memory = memory_of_workers(live_server)
        alike, among_many = (work_of_guesses(live_server, clients, each) for each in (plain, regenerated))
        grown = {worker: used - memory[worker] for worker, used in memory_of_workers(live_server).items()}
        answer = clients.each()[0].mint(replaced.secret, user.id)
    assert among_many < 5 * alike + MOMENT_SECONDS
    assert max(grown.values()) < MORE_BYTES
    assert (answer.status_code, answer.json()["reason"]) == (401, "token_revoked")
    assert works(services, regenerated)


def test_clients_of_all_workers_together_get_exactly_what_is_left_of_a_budget(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails when each worker counts for itself, or looks before it counts."""
    refresh = issue(services, make_user(services))
    clients = [Alation(live_server.url, requests.Session()) for _ in range(CROWD)]
    proof = (refresh.secret, refresh.token.user_id)
    first = clients[0].mint(*proof)
    limit = int(services.instance_settings.get("mints_per_hour").value)
    row = RefreshTokenRow
    with database.transaction() as session:
        session.execute(update(row).where(row.id == refresh.token.id).values(mints_in_hour=limit - LEFT))
    answers = all_at_once([partial(client.mint, *proof) for client in clients])
    assert all(connections_of_workers(live_server).values()), "one worker had all the mints"
    assert Counter(answer.status_code for answer in (first, *answers)) == {201: LEFT + 1, 429: CROWD - LEFT}
    assert rows.generation_of(database, refresh.token.id) == LEFT + 1
    [alive] = rows.alive_under(database, refresh.token.id)
    assert alive.generation == LEFT + 1
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    for client in clients:
        client.session.close()


def pile_up(database: Database, refresh: Refresh) -> None:
    """The digests of that many replaced secrets."""
    usual = {"refresh_token_id": refresh.token.id, "key_id": "k1", "retired_at": system_clock()}
    digests = [usual | {"mac": b"%32d" % number} for number in range(REGENERATIONS)]
    with patient(database), database.transaction() as session:
        session.execute(insert(RetiredSecretRow.__table__), digests)


def work_of_guesses(server: LiveServer, clients: WorkerClients, refresh: Refresh) -> float:
    """The seconds of processor that all workers need for them; how busy the machine is does not count."""
    before = seconds_of_workers(server)
    for _ in range(GUESSES):
        for client in clients.each():
            guess(client, refresh)
    return seconds_of_workers(server) - before


def seconds_of_workers(server: LiveServer) -> float:
    times = [psutil.Process(worker).cpu_times() for worker in connections_of_workers(server)]
    return float(sum(each.user + each.system for each in times))


def guess(client: Alation, refresh: Refresh) -> None:
    """A secret that never was is refused, beside the public id of that token."""
    prefix = refresh.secret.partition("r_")[0]
    text = new_token_text(TokenKind.REFRESH).with_public_id(refresh.token.public_id)
    answer = client.mint(TokenFormat((prefix,)).compose(text), refresh.token.user_id)
    assert (answer.status_code, answer.json()["reason"]) == (401, "token_unknown")


def memory_of_workers(server: LiveServer) -> dict[int, int]:
    return {worker: psutil.Process(worker).memory_info().rss for worker in connections_of_workers(server)}
