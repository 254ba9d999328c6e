"""Tokens in every state that a request may present, each with the reason for which it is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.services import Services
from tests.contract.asking import TEXT
from tests.factories import (
    OPERATOR,
    configure,
    disable,
    issue,
    make_user,
    mint,
    purge,
    regenerate,
    revoke,
    rotate,
    vouch,
)

if TYPE_CHECKING:
    from tests.contract.conftest import MovableClock, Setting


class World:
    """A user with a refresh token, and an access token under it; some acts make others of them."""

    def __init__(self, services: Services, clock: "MovableClock", setting: "Setting") -> None:
        self.services, self.clock, self.setting = services, clock, setting
        self.user = make_user(services)
        self.refresh = self.latest = issue(services, self.user)
        self.access = mint(services, self.refresh)

    def revoke(self) -> None:
        revoke(self.services, self.refresh)

    def revoke_access(self) -> None:
        revoke(self.services, self.access)

    def regenerate(self) -> None:
        self.latest = regenerate(self.services, self.latest)

    def rotate(self) -> None:
        self.latest = rotate(self.services, self.latest)

    def end_old_secret(self) -> None:
        self.services.rotating.end_old_secret(self.refresh.token.public_id, OPERATOR)

    def mint(self) -> None:
        mint(self.services, self.refresh)

    def mint_with_an_overlap_that_is_over(self) -> None:
        with self.clock.later(minutes=-2), self.setting(access_token_reissue="overlap"):
            self.access = mint(self.services, self.refresh)
            self.mint()

    def disable(self) -> None:
        disable(self.services, self.user.username)

    def stay_away(self) -> None:
        """As if a provider had known the user, and last signed them in too long ago."""
        configure(self.services, sign_in_valid_days=3650)
        vouch(self.services, self.user, self.clock() - timedelta(days=3651))

    def expire(self) -> None:
        with self.clock.later(hours=-25):  # by more than clocks may differ
            self.refresh = issue(self.services, self.user)
            self.access = mint(self.services, self.refresh)

    def purge(self) -> None:
        with self.clock.stopped_at(datetime(2020, 1, 1, tzinfo=UTC)):
            self.refresh = issue(self.services, self.user)
            self.access = mint(self.services, self.refresh)
            self.revoke()
        purge(self.services)


Proof = tuple[str, int]
"""A secret and the user id that is sent beside it."""
Make = Callable[[World], Proof]


def token(name: str, *acts: Callable[[World], None]) -> Make:
    """The world's `refresh` or `access`, after these acts."""

    def make(world: World) -> Proof:
        for act in acts:
            act(world)
        return getattr(world, name).secret, world.user.id

    return make


refresh_token, access_token = partial(token, "refresh"), partial(token, "access")


def crossed(text: str, other: str) -> str:
    """The public id of one token with the secret of another, and the right checksum."""
    one, two = TEXT.parse(text), TEXT.parse(other)
    assert one is not None and two is not None
    return TEXT.compose(one.with_secret(two.secret))


def refresh_with_another_secret(world: World) -> Proof:
    return crossed(world.refresh.secret, issue(world.services, world.user).secret), world.user.id


def access_with_another_secret(world: World) -> Proof:
    other = mint(world.services, issue(world.services, world.user)).secret
    return crossed(world.access.secret, other), world.user.id


REFRESH_STATES: dict[str, tuple[Make, str]] = {
    "purged": (refresh_token(World.purge), "token_unknown"),
    "another's secret": (refresh_with_another_secret, "token_unknown"),
    "malformed": (lambda world: (world.refresh.secret[:-1], world.user.id), "token_malformed"),
    "of the other kind": (access_token(), "token_malformed"),
    "nothing like a token": (lambda world: ("nonsense", world.user.id), "token_unknown"),
    "another's": (lambda world: (world.refresh.secret, make_user(world.services).id), "user_id_mismatch"),
    "revoked": (refresh_token(World.revoke), "token_revoked"),
    "regenerated": (refresh_token(World.regenerate), "token_revoked"),
    "regenerated twice": (refresh_token(World.regenerate, World.regenerate), "token_revoked"),
    "regenerated and revoked": (refresh_token(World.regenerate, World.revoke), "token_revoked"),
    "rotated twice": (refresh_token(World.rotate, World.rotate), "token_revoked"),
    "rotated and ended": (refresh_token(World.rotate, World.end_old_secret), "token_revoked"),
    "rotated and revoked": (refresh_token(World.rotate, World.revoke), "token_revoked"),
    "rotated and regenerated": (refresh_token(World.rotate, World.regenerate), "token_revoked"),
    "of a disabled user": (refresh_token(World.disable), "owner_disabled"),
    "of a user who must sign in": (refresh_token(World.stay_away), "owner_must_sign_in"),
}
"""Where a refresh token belongs."""

ACCESS_STATES: dict[str, tuple[Make, str]] = {
    "purged": (access_token(World.purge), "token_unknown"),
    "another's secret": (access_with_another_secret, "token_unknown"),
    "malformed": (lambda world: (world.access.secret[:-1], world.user.id), "token_malformed"),
    "of the other kind": (refresh_token(), "token_malformed"),
    "revoked": (access_token(World.revoke_access), "token_revoked"),
    "revoked with its refresh token": (access_token(World.revoke), "token_revoked"),
    "ended by regeneration": (access_token(World.regenerate), "token_revoked"),
    "superseded": (access_token(World.mint), "token_superseded"),
    "superseded after its overlap": (access_token(World.mint_with_an_overlap_that_is_over), "token_superseded"),
    "expired": (access_token(World.expire), "token_expired"),
    "of a disabled user": (access_token(World.disable), "owner_disabled"),
    "of a user who must sign in": (access_token(World.stay_away), "owner_must_sign_in"),
}
"""Where an access token belongs."""
