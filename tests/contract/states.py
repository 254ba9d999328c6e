"""Tokens in every state that a request may present, each with the reason for which it is refused."""

from collections.abc import Callable
from datetime import UTC, datetime

from app.domain.tokens import TokenKind
from app.services import Services
from tests.contract.asking import TEXT
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, disable, issue, make_user, mint, regenerate, revoke

Proof = tuple[str, int]
"""A secret and the user id that is sent beside it."""


class World:
    """What a state of a token is made with: a user with a refresh token."""

    def __init__(self, services: Services, clock: MovableClock, setting: Setting) -> None:
        self.services, self.clock, self.setting = services, clock, setting
        self.user = make_user(services)
        self.refresh = issue(services, self.user)

    def proof(self, secret: str) -> Proof:
        return secret, self.user.id


Make = Callable[[World], Proof]


def forgotten(world: World, kind: TokenKind) -> Proof:
    """Good token text of a row that was purged."""
    with world.clock.stopped_at(datetime(2020, 1, 1, tzinfo=UTC)):
        refresh = issue(world.services, world.user)
        access = mint(world.services, refresh)
        revoke(world.services, refresh)
    world.services.expiring.purge(OPERATOR)
    return world.proof(refresh.secret if kind is TokenKind.REFRESH else access.secret)


def crossed(text: str, other: str) -> str:
    """The public id of one token with the secret of another, and the right checksum."""
    one, two = TEXT.parse(text), TEXT.parse(other)
    assert one is not None and two is not None
    return TEXT.compose(one.with_secret(two.secret))


def refresh_with_the_secret_of_another(world: World) -> Proof:
    return world.proof(crossed(world.refresh.secret, issue(world.services, world.user).secret))


def of_another_user(world: World) -> Proof:
    return world.refresh.secret, make_user(world.services).id


def refresh_revoked(world: World) -> Proof:
    revoke(world.services, world.refresh)
    return world.proof(world.refresh.secret)


def refresh_regenerated(world: World) -> Proof:
    regenerate(world.services, world.refresh)
    return world.proof(world.refresh.secret)


def refresh_regenerated_twice(world: World) -> Proof:
    regenerate(world.services, regenerate(world.services, world.refresh))
    return world.proof(world.refresh.secret)


def refresh_regenerated_and_revoked(world: World) -> Proof:
    regenerate(world.services, world.refresh)
    return refresh_revoked(world)


def refresh_regenerated_after_expiry(world: World) -> Proof:
    with world.clock.stopped_at(world.refresh.token.expires_at):
        return refresh_regenerated(world)


def refresh_of_a_disabled_user(world: World) -> Proof:
    disable(world.services, world.user)
    return world.proof(world.refresh.secret)


REFRESH_STATES: list[tuple[Make, str]] = [
    (lambda world: forgotten(world, TokenKind.REFRESH), "token_unknown"),
    (refresh_with_the_secret_of_another, "token_unknown"),
    (lambda world: world.proof(world.refresh.secret[:-1]), "token_unknown"),
    (lambda world: world.proof(mint(world.services, world.refresh).secret), "token_unknown"),
    (of_another_user, "user_id_mismatch"),
    (refresh_revoked, "token_revoked"),
    (refresh_regenerated, "token_revoked"),
    (refresh_regenerated_twice, "token_revoked"),
    (refresh_regenerated_and_revoked, "token_revoked"),
    (refresh_regenerated_after_expiry, "token_revoked"),
    (refresh_of_a_disabled_user, "owner_disabled"),
]
"""Where a refresh token belongs."""


def access_with_the_secret_of_another(world: World) -> Proof:
    other = mint(world.services, issue(world.services, world.user)).secret
    return world.proof(crossed(mint(world.services, world.refresh).secret, other))


def access_revoked(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    revoke(world.services, access)
    return world.proof(access.secret)


def access_revoked_with_its_refresh_token(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    revoke(world.services, world.refresh)
    return world.proof(access.secret)


def access_ended_by_regeneration(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    regenerate(world.services, world.refresh)
    return world.proof(access.secret)


def access_superseded(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    mint(world.services, world.refresh)
    return world.proof(access.secret)


def access_superseded_after_its_overlap(world: World) -> Proof:
    with world.clock.later(minutes=-2), world.setting(access_token_reissue="overlap"):
        return access_superseded(world)


def access_expired(world: World) -> Proof:
    with world.clock.later(hours=-25):  # by more than clocks may differ
        world.refresh = issue(world.services, world.user)
        return world.proof(mint(world.services, world.refresh).secret)


def access_of_a_disabled_user(world: World) -> Proof:
    access = mint(world.services, world.refresh)
    disable(world.services, world.user)
    return world.proof(access.secret)


ACCESS_STATES: list[tuple[Make, str]] = [
    (lambda world: forgotten(world, TokenKind.ACCESS), "token_unknown"),
    (access_with_the_secret_of_another, "token_unknown"),
    (lambda world: world.proof(mint(world.services, world.refresh).secret[:-1]), "token_malformed"),
    (lambda world: world.proof(world.refresh.secret), "token_malformed"),
    (access_revoked, "token_revoked"),
    (access_revoked_with_its_refresh_token, "token_revoked"),
    (access_ended_by_regeneration, "token_revoked"),
    (access_superseded, "token_superseded"),
    (access_superseded_after_its_overlap, "token_superseded"),
    (access_expired, "token_expired"),
    (access_of_a_disabled_user, "owner_disabled"),
]
"""Where an access token belongs."""
