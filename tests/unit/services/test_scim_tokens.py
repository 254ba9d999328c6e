"""The tokens of directories: two at a time, revoked at once, kept as a digest."""

import threading
from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import (
    BadRequest,
    LimitReached,
    NotFound,
    TokenExpired,
    TokenMalformed,
    TokenRefused,
    TokenRevoked,
    TokenUnknown,
)
from app.domain.identity import Caller
from app.domain.provisioned import Person
from app.domain.scim_tokens import ScimTokenFormat, new_scim_text
from app.services import Services
from tests import factories
from tests.factories import ANONYMOUS, OPERATOR
from tests.unit.services.verdicts import NOW

pytestmark = pytest.mark.both_databases


def accepted(services: Services, secret: str) -> bool:
    try:
        services.scim.tokens.accept(secret, ANONYMOUS)
    except TokenRefused:
        return False
    return True


def test_a_token_is_accepted_until_it_is_revoked(services: Services) -> None:
    token, secret = services.scim.tokens.create(" Entra ID ", None, OPERATOR)
    assert token.name == "Entra ID"
    assert services.scim.tokens.accept(secret, Caller("", address="192.0.2.7")).public_id == token.public_id
    assert services.scim.tokens.list()[0].last_used_ip == "192.0.2.7"

    services.scim.tokens.revoke(token.public_id, OPERATOR)
    services.scim.tokens.revoke(token.public_id, OPERATOR)
    with pytest.raises(TokenRevoked):
        services.scim.tokens.accept(secret, ANONYMOUS)
    with pytest.raises(NotFound):
        services.scim.tokens.revoke("0123456789ab", OPERATOR)


def test_it_expires_at_the_instant_if_it_has_one(services: Services) -> None:
    with freeze_time(NOW) as time:
        _, secret = services.scim.tokens.create("Okta", 7, OPERATOR)
        time.move_to(NOW + timedelta(days=7) - timedelta(microseconds=1))
        assert accepted(services, secret)
        time.move_to(NOW + timedelta(days=7))
        with pytest.raises(TokenExpired):
            services.scim.tokens.accept(secret, ANONYMOUS)
    for days in (0, -1, 3651):
        with pytest.raises(BadRequest):
            services.scim.tokens.create("Okta", days, OPERATOR)


def test_two_are_active_at_a_time_so_that_one_replaces_the_other_without_a_gap(services: Services) -> None:
    first, secret = services.scim.tokens.create("Entra ID", None, OPERATOR)
    _, successor = services.scim.tokens.create("Entra ID, new", None, OPERATOR)
    assert accepted(services, secret) and accepted(services, successor)
    with pytest.raises(LimitReached):
        services.scim.tokens.create("third", None, OPERATOR)

    services.scim.tokens.revoke(first.public_id, OPERATOR)
    services.scim.tokens.create("third", None, OPERATOR)


def test_eight_at_once_make_no_more_than_two(services: Services) -> None:
    """Fails without the lock in ``create`` (tried on PostgreSQL); there is no administrator, whose row could be one."""

    def create() -> None:
        try:
            services.scim.tokens.create("at once", None, OPERATOR)
        except LimitReached:
            return

    threads = [threading.Thread(target=create) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(services.scim.tokens.list()) == 2


def test_other_text_is_refused(services: Services) -> None:
    token, secret = services.scim.tokens.create("Entra ID", None, OPERATOR)
    formats, made = ScimTokenFormat(("dp",)), new_scim_text()
    forged = formats.compose(type(made)(token.public_id, made.secret))
    for text, kind in ((forged, TokenUnknown), (formats.compose(made), TokenUnknown), (secret[:-1], TokenMalformed)):
        with pytest.raises(kind):
            services.scim.tokens.accept(text, ANONYMOUS)

    user = factories.make_user(services)
    refresh = factories.issue(services, user)
    for issued in (refresh, factories.mint(services, refresh)):
        with pytest.raises(TokenMalformed):
            services.scim.tokens.accept(issued.secret, ANONYMOUS)
    with pytest.raises(TokenMalformed):
        services.verifier.verify(secret)
    with pytest.raises(TokenMalformed):
        factories.validate(services, secret)


def test_a_request_whose_token_is_revoked_meanwhile_changes_nothing(services: Services) -> None:
    """Fails without ``hold_token`` in the transaction."""
    token, _ = services.scim.tokens.create("Entra ID", None, OPERATOR)
    directory = Caller("scim:Entra ID", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id))
    services.scim.users.add(Person("berta"), directory)

    services.scim.tokens.revoke(token.public_id, OPERATOR)
    with pytest.raises(TokenRevoked):
        services.scim.users.add(Person("carl"), directory)
    assert services.scim.users.search(None, 1, 10).total == 1
