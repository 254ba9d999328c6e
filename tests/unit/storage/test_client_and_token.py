"""The rows of a client and of a token in one statement: the same as each by itself, of the ids that were asked for."""

from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import update

from app.storage.check import TokenLookup
from app.storage.client_and_token import ClientAndToken, ClientAndTokenLookup
from app.storage.client_check import ClientLookup
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests.crowds import all_at_once
from tests.unit.storage.planting import HOUR, NOW, plant_access_token, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases

NOBODY = "zzzzzzzzzzzz"


@pytest.fixture
def database(kept_database: Database) -> Database:
    """One for all tests here: each looks for tokens of its own."""
    return kept_database


@pytest.fixture
def tokens(database: Database) -> Iterator[TokenLookup]:
    lookup = TokenLookup(database)
    yield lookup
    lookup.close()


@pytest.fixture
def lookup(database: Database, tokens: TokenLookup) -> ClientAndTokenLookup:
    return ClientAndTokenLookup(database, tokens)


@pytest.fixture
def clients(database: Database, tokens: TokenLookup) -> ClientLookup:
    return ClientLookup(database, tokens)


def plant(database: Database) -> tuple[str, str]:
    """The public ids of a client, and of an access token of somebody else."""
    with database.transaction() as session:
        client = plant_refresh_token(session, plant_user(session, vouched_at=NOW), key_id="k2", mac=bytes(range(32)))
        owner = plant_user(session, email="anna@example.com", title="Dr")
        token = plant_access_token(session, owner, plant_refresh_token(session, owner), last_used_at=NOW + HOUR)
        return client.public_id, token.public_id


def test_both_are_found_as_each_by_itself(
    database: Database, lookup: ClientAndTokenLookup, clients: ClientLookup, tokens: TokenLookup
) -> None:
    """Every column, whatever its type. Fails when two columns of the client change places (tried)."""
    client, token = plant(database)
    assert lookup.find((client, token)) == ClientAndToken(clients.find(client), tokens.find(token))
    assert None not in (clients.find(client), tokens.find(token))


def test_what_is_not_there_is_none_and_hides_nothing(database: Database, lookup: ClientAndTokenLookup) -> None:
    client, token = plant(database)
    found = [lookup.find(ids) for ids in ((client, NOBODY), (NOBODY, token), (NOBODY, NOBODY), (token, client))]
    there = [each is not None and (each.client is not None, each.token is not None) for each in found]
    assert there == [(True, False), (False, True), (False, False), (False, False)]


def test_a_change_is_seen_by_the_next_look(database: Database, lookup: ClientAndTokenLookup) -> None:
    """Of the token, of the client, and of the client's owner."""
    client, token = plant(database)
    seen = []
    for change in (
        update(AccessTokenRow).where(AccessTokenRow.public_id == token).values(status="revoked"),
        update(RefreshTokenRow).where(RefreshTokenRow.public_id == client).values(status="revoked"),
        update(UserRow).values(is_active=False),
    ):
        found = lookup.find((client, token))
        assert found is not None and found.client is not None and found.token is not None
        seen.append((found.token.status, found.client.status, bool(found.client.owner_is_active)))
        with database.transaction() as session:
            session.execute(change)
    found = lookup.find((client, token))
    assert found is not None and found.client is not None
    assert seen == [("active", "active", True), ("revoked", "active", True), ("revoked", "revoked", True)]
    assert not found.client.owner_is_active


def test_each_of_a_crowd_has_its_own(
    database: Database, lookup: ClientAndTokenLookup, clients: ClientLookup, tokens: TokenLookup
) -> None:
    """◆ Where statements are shared, too: one client with several tokens, and one token with several clients."""
    planted = [plant(database) for _ in range(4)]
    pairs = [(client, token) for client, _ in planted for _, token in planted]
    expected = {ids: ClientAndToken(clients.find(ids[0]), tokens.find(ids[1])) for ids in pairs}

    def look(ids: tuple[str, str]) -> list[ClientAndToken | None]:
        return [lookup.find(ids) for _ in range(20)]

    found = all_at_once([partial(look, ids) for ids in pairs])
    assert found == [[expected[ids]] * 20 for ids in pairs]
