"""Tokens that do not work, of both kinds, at every endpoint and on a protected resource: each with its reason.

Here belong the lines of the error table that are about a token's state. Not here: the other lines
(``test_alation_errors``), and the exact instant of expiry (``test_alation_expiry``).
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.domain.secrets import TokenFormat
from app.services import Services
from tests.contract.asking import (
    ACCESS_ENDED,
    ACCESS_INVALID,
    NO_CREDENTIALS,
    REFRESH_ENDED,
    REFRESH_INVALID,
    WITH_REFRESH_TOKEN,
    Alation,
    said,
)
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, issue, make_user, mint

Proof = tuple[str, int]
"""A secret and the user id that is sent beside it."""


class World:
    """What a state of a token is made with."""

    def __init__(self, services: Services, clock: MovableClock, setting: Setting) -> None:
        self.services = services
        self.clock = clock
        self.setting = setting
        self.user = make_user(services)
        self.refresh = issue(services, self.user)

    def disable(self) -> None:
        self.services.accounts.disable(self.user.username, OPERATOR)

    def regenerate(self, secret: str) -> str:
        return self.services.issuing.regenerate(secret, self.user.id, OPERATOR).secret

    def another_users_id(self) -> int:
        return make_user(self.services).id


@pytest.fixture
def world(services: Services, clock: MovableClock, setting: Setting) -> World:
    return World(services, clock, setting)


def unknown_refresh_token(world: World) -> Proof:
    """Good token text of a database that no longer exists."""
    with world.clock.stopped_at(datetime(2020, 1, 1, tzinfo=UTC)):
        forgotten = issue(world.services, world.user)
        world.services.revoking.revoke(forgotten.token.public_id, "test", OPERATOR)
    world.services.expiring.purge(OPERATOR)
    return forgotten.secret, world.user.id


def crossed(text: str, other: str) -> str:
    """The public id of one token with the secret of another, and the right checksum."""
    format = TokenFormat(("dp",))
    one, two = format.parse(text), format.parse(other)
    assert one is not None
    assert two is not None
    return format.compose(one.with_secret(two.secret))


def wrong_secret(world: World) -> Proof:
    return crossed(world.refresh.secret, issue(world.services, world.user).secret), world.user.id


def malformed(world: World) -> Proof:
    return world.refresh.secret[:-1], world.user.id


def other_kind(world: World) -> Proof:
    return mint(world.services, world.refresh).secret, world.user.id


def somebody_elses(world: World) -> Proof:
    return world.refresh.secret, world.another_users_id()


def revoked(world: World) -> Proof:
    world.services.revoking.revoke(world.refresh.token.public_id, "test", OPERATOR)
    return world.refresh.secret, world.user.id


def revoked_with_everything_of_its_user(world: World) -> Proof:
    world.services.revoking.revoke_user(world.user.username, "test", OPERATOR)
    return world.refresh.secret, world.user.id


def replaced(world: World) -> Proof:
    world.regenerate(world.refresh.secret)
    return world.refresh.secret, world.user.id


def replaced_twice(world: World) -> Proof:
    world.regenerate(world.regenerate(world.refresh.secret))
    return world.refresh.secret, world.user.id


def replaced_then_revoked(world: World) -> Proof:
    world.regenerate(world.refresh.secret)
    return revoked(world)


def owner_disabled(world: World) -> Proof:
    world.disable()
    return world.refresh.secret, world.user.id


REFRESH_STATES = [
    (unknown_refresh_token, REFRESH_INVALID, "token_unknown"),
    (wrong_secret, REFRESH_INVALID, "token_unknown"),
    (malformed, REFRESH_INVALID, "token_unknown"),
    (other_kind, REFRESH_INVALID, "token_unknown"),
    (somebody_elses, REFRESH_INVALID, "user_id_mismatch"),
    (revoked, REFRESH_ENDED, "token_revoked"),
    (revoked_with_everything_of_its_user, REFRESH_ENDED, "token_revoked"),
    (replaced, REFRESH_ENDED, "token_revoked"),
    (replaced_twice, REFRESH_ENDED, "token_revoked"),
    (replaced_then_revoked, REFRESH_ENDED, "token_revoked"),
    (owner_disabled, REFRESH_ENDED, "owner_disabled"),
]


@pytest.mark.parametrize(("state", "detail", "reason"), REFRESH_STATES)
def test_a_refresh_token_that_does_not_work_is_refused_with_its_reason(
    alation: Alation, world: World, state: Callable[[World], Proof], detail: str, reason: str
) -> None:
    secret, user_id = state(world)
    for endpoint in WITH_REFRESH_TOKEN:
        answer = alation.post(endpoint, refresh_token=secret, user_id=user_id)
        assert said(answer) == (401, detail, reason), endpoint


def test_an_expired_refresh_token_is_refused_but_can_be_regenerated(alation: Alation, world: World) -> None:
    proof = {"refresh_token": world.refresh.secret, "user_id": world.user.id}
    with world.clock.stopped_at(world.refresh.token.expires_at):
        for endpoint in ("createAPIAccessToken", "validateRefreshToken", "revokeAPIAccessTokens"):
            assert said(alation.post(endpoint, **proof)) == (401, REFRESH_ENDED, "token_expired"), endpoint
        assert alation.post("regenRefreshToken", **proof).status_code == 201


def test_the_secret_that_was_replaced_after_expiry_is_refused_as_revoked(alation: Alation, world: World) -> None:
    with world.clock.stopped_at(world.refresh.token.expires_at):
        world.regenerate(world.refresh.secret)
        answer = alation.post("regenRefreshToken", refresh_token=world.refresh.secret, user_id=world.user.id)
        assert said(answer) == (401, REFRESH_ENDED, "token_revoked")


def unknown_access_token(world: World) -> Proof:
    with world.clock.stopped_at(datetime(2020, 1, 1, tzinfo=UTC)):
        forgotten = issue(world.services, world.user)
        access = mint(world.services, forgotten)
        world.services.revoking.revoke(forgotten.token.public_id, "test", OPERATOR)
    world.services.expiring.purge(OPERATOR)
    return access.secret, world.user.id


def wrong_access_secret(world: World) -> Proof:
    other = mint(world.services, issue(world.services, world.user)).secret
    return crossed(mint(world.services, world.refresh).secret, other), world.user.id


def malformed_access_token(world: World) -> Proof:
    return mint(world.services, world.refresh).secret[:-1], world.user.id


def refresh_token_in_its_place(world: World) -> Proof:
    return world.refresh.secret, world.user.id


def revoked_by_its_holder(world: World) -> Proof:
    secret = mint(world.services, world.refresh).secret
    world.services.revoking.revoke_access_tokens(world.refresh.secret, world.user.id, OPERATOR)
    return secret, world.user.id


def revoked_alone(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    world.services.revoking.revoke(access.token.public_id, "test", OPERATOR)
    return access.secret, world.user.id


def revoked_with_its_refresh_token(world: World) -> Proof:
    secret = mint(world.services, world.refresh).secret
    revoked(world)
    return secret, world.user.id


def revoked_by_regeneration(world: World) -> Proof:
    secret = mint(world.services, world.refresh).secret
    replaced(world)
    return secret, world.user.id


def superseded(world: World) -> Proof:
    secret = mint(world.services, world.refresh).secret
    mint(world.services, world.refresh)
    return secret, world.user.id


def superseded_at_the_end_of_its_overlap(world: World) -> Proof:
    with world.clock.later(minutes=-2), world.setting(access_token_reissue="overlap"):
        secret = mint(world.services, world.refresh).secret
        mint(world.services, world.refresh)
    return secret, world.user.id


def expired_access_token(world: World) -> Proof:
    with world.clock.later(hours=-24):
        world.refresh = issue(world.services, world.user)
        return mint(world.services, world.refresh).secret, world.user.id


def expired_with_its_refresh_token(world: World) -> Proof:
    with world.clock.later(days=-1), world.setting(refresh_token_lifespan="1", access_token_lifespan="720"):
        world.refresh = issue(world.services, world.user)
        return mint(world.services, world.refresh).secret, world.user.id


def access_token_of_a_disabled_user(world: World) -> Proof:
    secret = mint(world.services, world.refresh).secret
    world.disable()
    return secret, world.user.id


ACCESS_STATES = [
    (unknown_access_token, ACCESS_INVALID, "token_unknown"),
    (wrong_access_secret, ACCESS_INVALID, "token_unknown"),
    (malformed_access_token, ACCESS_INVALID, "token_malformed"),
    (refresh_token_in_its_place, ACCESS_INVALID, "token_malformed"),
    (revoked_by_its_holder, ACCESS_ENDED, "token_revoked"),
    (revoked_alone, ACCESS_ENDED, "token_revoked"),
    (revoked_with_its_refresh_token, ACCESS_ENDED, "token_revoked"),
    (revoked_by_regeneration, ACCESS_ENDED, "token_revoked"),
    (superseded, ACCESS_ENDED, "token_superseded"),
    (superseded_at_the_end_of_its_overlap, ACCESS_ENDED, "token_superseded"),
    (expired_access_token, ACCESS_ENDED, "token_expired"),
    (expired_with_its_refresh_token, ACCESS_ENDED, "token_expired"),
    (access_token_of_a_disabled_user, ACCESS_ENDED, "owner_disabled"),
]


@pytest.mark.parametrize(("state", "detail", "reason"), ACCESS_STATES)
def test_an_access_token_that_does_not_work_is_refused_with_its_reason(
    alation: Alation, world: World, state: Callable[[World], Proof], detail: str, reason: str
) -> None:
    """401 where it is validated, 403 where it is used: clients mint again on both."""
    secret, user_id = state(world)
    at_endpoint = "token_unknown" if reason == "token_malformed" else reason
    answer = alation.post("validateAPIAccessToken", api_access_token=secret, user_id=user_id)
    assert said(answer) == (401, detail, at_endpoint)
    for used in (alation.use(secret), alation.use(Authorization=f"Bearer {secret}")):
        assert said(used) == (403, NO_CREDENTIALS, reason)


def test_an_access_token_with_the_user_id_of_somebody_else_is_refused(alation: Alation, world: World) -> None:
    secret = mint(world.services, world.refresh).secret
    answer = alation.post("validateAPIAccessToken", api_access_token=secret, user_id=world.another_users_id())
    assert said(answer) == (401, ACCESS_INVALID, "user_id_mismatch")
    assert alation.use(secret).status_code == 200


def test_a_protected_resource_without_any_token_answers_403(alation: Alation) -> None:
    answer = alation.use()
    assert answer.data == (
        b'{"detail":"Authentication credentials were not provided.","code":"403000",'
        b'"message":"Authentication credentials were not provided.","reason":"token_missing"}\n'
    )
