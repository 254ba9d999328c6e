"""Repeats under an idempotency key: the same call is done once, and never answered for what no longer works."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from freezegun import freeze_time

from app.domain.errors import BadCredentials, Conflict, OwnerDisabled, Refusal, TokenRevoked
from app.domain.identity import Caller
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from app.services.held_tokens import ByOwner, BySecret
from app.services.idempotency import Once, Repeated
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import OPERATOR, allowed_user, issue, mint

ONCE = Once("key", "request")

Create = Callable[[Services, Issued[RefreshToken], Once], Issued[AccessToken] | Issued[RefreshToken]]


def _caller(refresh: Issued[RefreshToken]) -> Caller:
    return Caller("anna", refresh.token.user_id)


CREATIONS: dict[str, Create] = {
    "a mint by the secret": lambda its, own, once: its.minting.mint(BySecret(own.secret), _caller(own), once),
    "a mint by the owner": lambda its, own, once: its.minting.mint(
        ByOwner(own.token.public_id, own.token.user_id), _caller(own), once
    ),
    "a regeneration": lambda its, own, once: its.issuing.regenerate(
        ByOwner(own.token.public_id, own.token.user_id), _caller(own), once
    ),
    "a refresh token": lambda its, own, once: its.issuing.issue(own.token.user_id, "etl", _caller(own), once),
    "an API token": lambda its, own, once: its.single_tier.generate(
        own.token.user_id, timedelta(days=1), None, _caller(own), once
    ),
}

creations = pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)


@pytest.fixture
def refresh(services: Services) -> Issued[RefreshToken]:
    return issue(services, allowed_user(services, username="anna"))


@creations
def test_a_repeat_creates_nothing_and_names_what_was_created(
    services: Services, database: Database, refresh: Issued[RefreshToken], create: Create
) -> None:
    created = create(services, refresh, ONCE)
    before = rows.everything(database)
    with pytest.raises(Repeated) as repeated:
        create(services, refresh, ONCE)
    assert repeated.value.handle == created.token.public_id
    assert rows.everything(database) == before


@creations
def test_another_request_under_the_same_key_is_refused(
    services: Services, refresh: Issued[RefreshToken], create: Create
) -> None:
    create(services, refresh, ONCE)
    with pytest.raises(Conflict):
        create(services, refresh, Once("key", "another request"))


@creations
def test_a_key_is_forgotten_after_a_day(services: Services, refresh: Issued[RefreshToken], create: Create) -> None:
    with freeze_time() as clock:
        create(services, refresh, ONCE)
        clock.tick(timedelta(days=1))
        create(services, refresh, ONCE)


@creations
def test_a_repeat_never_answers_for_a_token_that_was_revoked(
    services: Services, refresh: Issued[RefreshToken], create: Create
) -> None:
    """Fails when the key is looked up before the token (tried: 200 for a refresh token that was revoked)."""
    created = create(services, refresh, ONCE)
    services.revoking.revoke(created.token.public_id, "", OPERATOR)
    with pytest.raises((Conflict, TokenRevoked)):
        create(services, refresh, ONCE)


@creations
def test_a_repeat_never_answers_for_an_owner_who_was_disabled(
    services: Services, refresh: Issued[RefreshToken], create: Create
) -> None:
    create(services, refresh, ONCE)
    services.accounts.change("anna", {"is_active": False}, OPERATOR)
    with pytest.raises((BadCredentials, OwnerDisabled)):
        create(services, refresh, ONCE)


def test_a_repeated_mint_is_refused_once_its_refresh_token_was_revoked(
    services: Services, refresh: Issued[RefreshToken]
) -> None:
    create = CREATIONS["a mint by the secret"]
    create(services, refresh, ONCE)
    services.revoking.revoke(refresh.token.public_id, "", OPERATOR)
    with pytest.raises(TokenRevoked):
        create(services, refresh, ONCE)


def test_a_repeated_mint_is_refused_once_a_newer_access_token_took_its_place(
    services: Services, refresh: Issued[RefreshToken]
) -> None:
    create = CREATIONS["a mint by the secret"]
    create(services, refresh, ONCE)
    mint(services, refresh)
    with pytest.raises(Conflict):
        create(services, refresh, ONCE)


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["a mint by the secret", "a refresh token", "an API token"])
def test_the_same_call_many_times_at_once_creates_one(
    services: Services, database: Database, refresh: Issued[RefreshToken], name: str
) -> None:
    table = RefreshTokenRow if name == "a refresh token" else AccessTokenRow
    before = rows.count(database, table)

    def attempt() -> str:
        try:
            return CREATIONS[name](services, refresh, ONCE).token.public_id
        except Repeated as repeated:
            return repeated.handle
        except Refusal as refusal:
            return refusal.reason

    assert len(set(all_at_once([partial(attempt)] * 8))) == 1
    assert rows.count(database, table) == before + 1
