"""Repeats under an idempotency key: the same call is done once, and never answered for what no longer works."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import BadCredentials, Conflict, OwnerDisabled, Refusal, TokenRevoked
from app.domain.identity import Caller
from app.services import Services
from app.services.held_tokens import ByOwner, BySecret
from app.services.idempotency import IdempotencyKey, Repeated
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import OPERATOR, Access, Refresh, allowed_user, issue, mint, regenerate

ONCE = IdempotencyKey("key", "request")

Create = Callable[[Services, Refresh, IdempotencyKey], Access | Refresh]


def _caller(refresh: Refresh) -> Caller:
    in_session = Credential(CredentialKind.SESSION, "1", is_fresh=True)
    return Caller("anna", refresh.token.user_id, credential=in_session)


def _by_owner(refresh: Refresh) -> ByOwner:
    return ByOwner(refresh.token.public_id, refresh.token.user_id)


CREATIONS: dict[str, Create] = {
    "a mint by the secret": lambda its, own, once: its.minting.mint(BySecret(own.secret), _caller(own), once),
    "a mint by the owner": lambda its, own, once: its.minting.mint(_by_owner(own), _caller(own), once),
    "a regeneration": lambda its, own, once: its.issuing.regenerate(_by_owner(own), _caller(own), once),
    "a refresh token": lambda its, own, once: its.issuing.issue(own.token.user_id, "etl", _caller(own), once),
    "an API token": lambda its, own, once: its.single_tier.generate(
        own.token.user_id, timedelta(days=1), None, _caller(own), once
    ),
}

creations = pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)


@pytest.fixture
def refresh(services: Services) -> Refresh:
    return issue(services, allowed_user(services, username="anna"))


@creations
def test_a_repeat_creates_nothing_and_another_request_under_its_key_is_refused_for_a_day(
    services: Services, database: Database, refresh: Refresh, create: Create
) -> None:
    with freeze_time() as clock:
        created = create(services, refresh, ONCE)
        before = rows.everything(database)
        with pytest.raises(Repeated) as repeated:
            create(services, refresh, ONCE)
        assert repeated.value.handle == created.token.public_id
        with pytest.raises(Conflict):
            create(services, refresh, IdempotencyKey("key", "another request"))
        assert rows.everything(database) == before
        clock.tick(timedelta(days=1))
        create(services, refresh, ONCE)


@creations
def test_a_repeat_never_answers_for_a_revoked_token(services: Services, refresh: Refresh, create: Create) -> None:
    """Fails when the key is looked up before the token (tried: 200 for a refresh token that was revoked)."""
    created = create(services, refresh, ONCE)
    services.revoking.revoke(created.token.public_id, "", OPERATOR)
    with pytest.raises((Conflict, TokenRevoked)):
        create(services, refresh, ONCE)


@creations
def test_a_repeat_never_answers_for_a_disabled_owner(services: Services, refresh: Refresh, create: Create) -> None:
    create(services, refresh, ONCE)
    services.accounts.change("anna", {"is_active": False}, OPERATOR)
    with pytest.raises((BadCredentials, OwnerDisabled)):
        create(services, refresh, ONCE)


def test_a_repeated_mint_is_refused_once_another_took_its_place_or_its_refresh_token_was_revoked(
    services: Services, refresh: Refresh
) -> None:
    create = CREATIONS["a mint by the secret"]
    create(services, refresh, ONCE)
    mint(services, refresh)
    with pytest.raises(Conflict):
        create(services, refresh, ONCE)
    services.revoking.revoke(refresh.token.public_id, "", OPERATOR)
    with pytest.raises(TokenRevoked):
        create(services, refresh, ONCE)


def test_a_repeated_regeneration_is_refused_once_its_secret_was_replaced(services: Services, refresh: Refresh) -> None:
    for name in ("a regeneration", "a refresh token"):
        created = CREATIONS[name](services, refresh, IdempotencyKey(name, "request"))
        regenerate(services, created)
        with pytest.raises(Conflict):
            CREATIONS[name](services, refresh, IdempotencyKey(name, "request"))


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["a mint by the secret", "a refresh token", "an API token"])
def test_the_same_call_at_once_creates_one(services: Services, database: Database, refresh: Refresh, name: str) -> None:
    table = RefreshTokenRow if name == "a refresh token" else AccessTokenRow
    before = rows.count(database, table)

    def attempt() -> str:
        try:
            return CREATIONS[name](services, refresh, ONCE).token.public_id
        except Repeated as repeated:
            return repeated.handle
        except Refusal as refusal:
            return refusal.reason

    assert len(set(all_at_once([attempt] * 8))) == 1
    assert rows.count(database, table) == before + 1
