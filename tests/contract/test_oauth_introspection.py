"""What introspection says of a token (RFC 7662, section 2.2), to the byte; and of those that do not work: nothing.

Here belong successes and inactive tokens. Not here: who may ask (``test_oauth_askers``), and requests that can't be
understood (``test_oauth_requests``).
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import update

from app.domain.identity import Role, User
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests import rows
from tests.contract.asking_oauth import INACTIVE, Headers, OAuth
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, issue, make_user, mint

THEN = datetime(2031, 2, 3, 4, 5, 6, 999_999, UTC)
THEN_IN_SECONDS = 1_927_857_906
MICROSECOND = timedelta(microseconds=1)
DAY = 24 * 60 * 60
TEXT = TokenFormat(("dp",))

ACCESS = ["active", "token_type", "sub", "username", "iat", "exp", "jti", "name", "role", "email"]
"""RFC 7662's members, and three of our own."""


def members(oauth: OAuth, asker: Headers, token: str, hint: str | None = None) -> dict[str, Any]:
    answer = oauth.introspect(token, hint, asker)
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.data)
    assert isinstance(found, dict)
    return found


# What is told of a token that works


def test_an_access_token_that_works_is_told_to_the_byte(
    oauth: OAuth, services: Services, clock: MovableClock, as_introspector: Headers
) -> None:
    with clock.stopped_at(THEN):
        anna = make_user(services, role=Role.STEWARD, email="anna@example.org")
        access = mint(services, issue(services, anna, "nightly etl"))
        asker = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR)))
        answer = oauth.introspect(access.secret, headers={"TOKEN": asker.secret})
    assert answer.data == (
        f'{{"active":true,"token_type":"Bearer","sub":"{anna.id}","username":"{anna.username}",'
        f'"iat":{THEN_IN_SECONDS},"exp":{THEN_IN_SECONDS + DAY},"jti":"{access.token.public_id}",'
        f'"name":"nightly etl","role":"STEWARD","email":"anna@example.org"}}\n'
    ).encode("ascii")


def test_a_refresh_token_that_works_is_told_to_the_byte_to_whoever_asks_for_one(
    oauth: OAuth, services: Services, clock: MovableClock, setting: Setting
) -> None:
    with clock.stopped_at(THEN), setting(refresh_token_lifespan="7"):
        anna = make_user(services)
        refresh = issue(services, anna)
        asker = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR)))
        answer = oauth.introspect(refresh.secret, "refresh_token", {"TOKEN": asker.secret})
    assert answer.data == (
        f'{{"active":true,"token_type":"refresh_token","sub":"{anna.id}","username":"{anna.username}",'
        f'"iat":{THEN_IN_SECONDS},"exp":{THEN_IN_SECONDS + 7 * DAY},"jti":"{refresh.token.public_id}",'
        f'"name":"nightly-etl","role":"VIEWER","email":""}}\n'
    ).encode("ascii")


def test_the_members_have_the_types_of_the_standard(oauth: OAuth, services: Services, as_introspector: Headers) -> None:
    """`active` a boolean, `iat` and `exp` integers, the rest text. Fails when `sub` is a number (tried)."""
    refresh = issue(services, make_user(services))
    for token, hint in ((mint(services, refresh).secret, None), (refresh.secret, "refresh_token")):
        found = members(oauth, as_introspector, token, hint)
        assert list(found) == ACCESS
        types = {name: type(value) for name, value in found.items()}
        assert types == dict.fromkeys(ACCESS, str) | {"active": bool, "iat": int, "exp": int}


def test_a_token_that_never_ends_has_no_exp(
    oauth: OAuth, services: Services, database: Database, as_introspector: Headers
) -> None:
    """Planted, as there is no way to make one yet: without a refresh token, and with a description for a name."""
    access = mint(services, issue(services, make_user(services)))
    with database.transaction() as session:
        change = {"expires_at": None, "refresh_token_id": None, "description": "for the nightly job"}
        session.execute(update(AccessTokenRow).where(AccessTokenRow.id == access.token.id).values(change))
    found = members(oauth, as_introspector, access.secret)
    assert list(found) == [name for name in ACCESS if name != "exp"]
    assert found["name"] == "for the nightly job"


def test_what_is_not_ascii_is_escaped(oauth: OAuth, services: Services, as_introspector: Headers) -> None:
    anna = make_user(services, email="änna@example.org")
    access = mint(services, issue(services, anna))
    assert rb'"email":"\u00e4nna@example.org"' in oauth.introspect(access.secret, headers=as_introspector).data


@pytest.mark.parametrize("hint", [None, "", "access_token", "refresh_token", "nonsense", "ACCESS_TOKEN", "é"])
def test_an_access_token_is_found_whatever_the_hint(
    oauth: OAuth, services: Services, as_introspector: Headers, hint: str | None
) -> None:
    """RFC 7662, section 2.1: where the hint leads to nothing, all tokens must be searched."""
    access = mint(services, issue(services, make_user(services)))
    found = members(oauth, as_introspector, access.secret, hint)
    assert (found["active"], found["token_type"], found["jti"]) == (True, "Bearer", access.token.public_id)


def test_a_role_and_a_profile_are_told_as_they_are_now(
    oauth: OAuth, services: Services, as_introspector: Headers
) -> None:
    anna = make_user(services)
    access = mint(services, issue(services, anna))
    assert members(oauth, as_introspector, access.secret)["role"] == "VIEWER"
    services.accounts.set_role(anna.username, Role.EXPLORER, OPERATOR)
    assert members(oauth, as_introspector, access.secret)["role"] == "EXPLORER"


def test_an_api_may_ask_about_the_refresh_token_of_its_own_account(oauth: OAuth, services: Services) -> None:
    refresh = issue(services, make_user(services, role=Role.INTROSPECTOR))
    asker = {"TOKEN": mint(services, refresh).secret}
    assert members(oauth, asker, refresh.secret, "refresh_token")["role"] == "INTROSPECTOR"


# What is told of one that does not: nothing


class World:
    """What a state of an access token is made with."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.owner = make_user(services)
        self.refresh = issue(services, self.owner)
        self.access = mint(services, self.refresh)


def _revoked(world: World) -> None:
    world.services.revoking.revoke(world.access.token.public_id, "", OPERATOR)


def _refresh_token_revoked(world: World) -> None:
    world.services.revoking.revoke(world.refresh.token.public_id, "", OPERATOR)


def _all_of_the_owner_revoked(world: World) -> None:
    world.services.revoking.revoke_user(world.owner.username, "", OPERATOR)


def _superseded(world: World) -> None:
    mint(world.services, world.refresh)


def _refresh_token_regenerated(world: World) -> None:
    world.services.issuing.regenerate(world.refresh.secret, None, OPERATOR)


def _owner_disabled(world: World) -> None:
    world.services.accounts.disable(world.owner.username, OPERATOR)


def _owner_an_introspector(world: World) -> None:
    world.services.accounts.set_role(world.owner.username, Role.INTROSPECTOR, OPERATOR)


ENDINGS = (
    _revoked, _refresh_token_revoked, _all_of_the_owner_revoked, _superseded, _refresh_token_regenerated,
    _owner_disabled, _owner_an_introspector,
)  # fmt: skip


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__.strip("_"))
def test_an_access_token_that_has_ended_is_inactive_and_nothing_more(
    oauth: OAuth, services: Services, as_introspector: Headers, end: Callable[[World], object]
) -> None:
    """Whatever the hint. Fails when `TokenRefused` is let through, or the reason is told (tried both)."""
    world = World(services)
    assert members(oauth, as_introspector, world.access.secret)["active"] is True
    end(world)
    for hint in (None, "access_token", "refresh_token"):
        assert oauth.introspect(world.access.secret, hint, as_introspector).data == INACTIVE


REFRESH_ENDINGS = (_refresh_token_revoked, _all_of_the_owner_revoked, _refresh_token_regenerated, _owner_disabled)


@pytest.mark.parametrize("end", REFRESH_ENDINGS, ids=lambda end: end.__name__.strip("_"))
def test_a_refresh_token_that_has_ended_is_inactive_and_nothing_more(
    oauth: OAuth, services: Services, as_introspector: Headers, end: Callable[[World], object]
) -> None:
    world = World(services)
    assert members(oauth, as_introspector, world.refresh.secret, "refresh_token")["active"] is True
    end(world)
    assert oauth.introspect(world.refresh.secret, "refresh_token", as_introspector).data == INACTIVE


@pytest.mark.parametrize("hint", [None, "", "access_token", "nonsense", "REFRESH_TOKEN", "refresh_token "])
def test_a_refresh_token_is_inactive_unless_one_is_asked_for(
    oauth: OAuth, services: Services, as_introspector: Headers, hint: str | None
) -> None:
    """An API that takes "active" for "may enter" must not let it in. Fails when the hint is ignored (tried)."""
    refresh = issue(services, make_user(services))
    assert oauth.introspect(refresh.secret, hint, as_introspector).data == INACTIVE


def test_an_introspectors_own_access_token_is_inactive(oauth: OAuth, services: Services) -> None:
    """To itself, to another one, and to an administrator: it opens nothing."""
    own, other, admin = (
        mint(services, issue(services, make_user(services, role=role))).secret
        for role in (Role.INTROSPECTOR, Role.INTROSPECTOR, Role.SERVER_ADMIN)
    )
    for asker in (own, other, admin):
        assert oauth.introspect(own, headers={"TOKEN": asker}).data == INACTIVE
    assert members(oauth, {"TOKEN": own}, admin)["role"] == "SERVER_ADMIN"


def _not_tokens(access: Issued[AccessToken]) -> list[str]:
    made_up, known = new_token_text(TokenKind.ACCESS), TEXT.parse(access.secret)
    assert known is not None
    secret = access.secret
    return [
        TEXT.compose(made_up),
        TEXT.compose(new_token_text(TokenKind.REFRESH)),
        TEXT.compose(made_up.with_public_id(access.token.public_id)),
        TEXT.compose(known.with_public_id(made_up.public_id)),
        access.token.public_id,
        secret[:-1], f"{secret}0", secret.upper(), f" {secret}", f"{secret} ", f"{secret}\n", f"Bearer {secret}",
        f"{secret}{secret}", f"{secret},{secret}", secret.replace("_", "-"), secret.replace("d", "\uff44"),
        "nonsense", " ", "\0", "é", "\U0001f511", "x" * 15_000, "null", "' OR 1=1 --", "%00",
    ]  # fmt: skip


def test_what_is_no_token_of_ours_is_inactive(oauth: OAuth, services: Services, as_introspector: Headers) -> None:
    access = mint(services, issue(services, make_user(services)))
    for text in _not_tokens(access):
        for hint in (None, "refresh_token", "access_token"):
            assert oauth.introspect(text, hint, as_introspector).data == INACTIVE, repr(text)
    assert members(oauth, as_introspector, access.secret)["active"] is True


@pytest.mark.parametrize("hint", ["access_token", "refresh_token"])
def test_a_token_is_active_to_its_last_microsecond(oauth: OAuth, services: Services, hint: str) -> None:
    """`exp` is the second in which it ends. Fails when it ends after `expires_at`, not at it (tried)."""
    with freeze_time(THEN.replace(microsecond=123_456)) as clock:
        refresh = issue(services, make_user(services))
        issued = refresh if hint == "refresh_token" else mint(services, refresh)
        end = issued.token.expires_at
        assert end is not None
        clock.move_to(end - timedelta(hours=1))
        asker = {"TOKEN": mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR))).secret}
        clock.move_to(end - MICROSECOND)
        assert members(oauth, asker, issued.secret, hint)["exp"] == int(end.timestamp())
        for elapsed in (timedelta(0), MICROSECOND, timedelta(minutes=1)):
            clock.move_to(end + elapsed)
            assert oauth.introspect(issued.secret, hint, asker).data == INACTIVE


def test_an_access_token_ends_with_its_refresh_token_at_the_latest(
    oauth: OAuth, services: Services, clock: MovableClock, setting: Setting
) -> None:
    with clock.stopped_at(THEN), setting(refresh_token_lifespan="1", access_token_lifespan="24"):
        refresh = issue(services, make_user(services))
        with clock.later(hours=1):
            access = mint(services, refresh)
            asker = {"TOKEN": mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR))).secret}
            assert members(oauth, asker, access.secret)["exp"] == THEN_IN_SECONDS + DAY
        with clock.stopped_at(refresh.token.expires_at):
            assert oauth.introspect(access.secret, headers=asker).data == INACTIVE


def test_a_replaced_token_is_active_to_the_end_of_the_overlap(
    oauth: OAuth, services: Services, clock: MovableClock, setting: Setting, as_introspector: Headers
) -> None:
    with setting(access_token_reissue="overlap"), clock.stopped_at(clock()):
        refresh = issue(services, make_user(services))
        first, second = mint(services, refresh), mint(services, refresh)
        until = members(oauth, as_introspector, first.secret)["exp"]
        assert until < members(oauth, as_introspector, second.secret)["exp"]
        with clock.stopped_at(datetime.fromtimestamp(until, UTC) + timedelta(seconds=1)):
            assert oauth.introspect(first.secret, headers=as_introspector).data == INACTIVE
            assert members(oauth, as_introspector, second.secret)["active"] is True


# What asking leaves behind


def _last_use(services: Services, access: Issued[AccessToken]) -> tuple[datetime | None, str | None]:
    services.last_use.flush()
    kept = services.listing.find(access.token.public_id).token
    return kept.last_used_at, kept.last_used_ip


def test_asking_counts_as_a_use_from_an_address_that_is_not_known(
    oauth: OAuth, services: Services, clock: MovableClock, database: Database
) -> None:
    """The API's own address and agent are the asker's, not the client's."""
    access = mint(services, issue(services, make_user(services)))
    asker = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR)))
    assert _last_use(services, access) == (None, None)
    with clock.later(minutes=5) as now:
        oauth.introspect(access.secret, headers={"TOKEN": asker.secret, "User-Agent": "an-api/1"})
        assert _last_use(services, access) == (now, None)
        assert _last_use(services, asker) == (now, "127.0.0.1")
    with database.reading() as session:
        agents = [session.get_one(AccessTokenRow, each.token.id).last_used_agent for each in (access, asker)]
    assert agents == [None, "an-api/1"]


def test_asking_about_what_does_not_work_or_about_a_refresh_token_is_no_use(
    oauth: OAuth, services: Services, as_introspector: Headers, database: Database
) -> None:
    world = World(services)
    _revoked(world)
    oauth.introspect(world.access.secret, headers=as_introspector)  # a use of the asker's
    services.last_use.flush()
    before = rows.everything(database)
    for token in (world.access.secret, world.refresh.secret, "nonsense"):
        for hint in (None, "refresh_token"):
            oauth.introspect(token, hint, as_introspector)
    services.last_use.flush()
    after = rows.everything(database)
    assert after.pop("check_counts") != before.pop("check_counts")  # the asker's own token was checked
    assert after == before


def test_a_superseded_token_that_an_api_was_sent_is_recorded_once(
    oauth: OAuth, services: Services, database: Database
) -> None:
    """As wherever else one is presented. Fails when introspection swallows the refusal (so it was at first)."""
    world = World(services)
    _superseded(world)
    api = make_user(services, role=Role.INTROSPECTOR)
    asker = {"TOKEN": mint(services, issue(services, api)).secret}
    for _ in range(3):
        assert oauth.introspect(world.access.secret, headers=asker).data == INACTIVE
    services.last_use.flush()
    public_id = world.access.token.public_id
    seen = [
        (event.actor, event.object_id)
        for event in rows.audit_events(database)
        if event.action == "access_token.superseded_presented" and event.object_id == public_id
    ]
    assert seen == [(api.username, public_id)]


def test_each_token_is_told_with_its_own_owner(oauth: OAuth, services: Services, as_introspector: Headers) -> None:
    """`sub` is the user id as text, and nobody else's."""
    owners: list[User] = [make_user(services) for _ in range(3)]
    tokens = [mint(services, issue(services, owner)) for owner in owners]
    told = [members(oauth, as_introspector, token.secret) for token in tokens]
    assert [(each["sub"], each["username"]) for each in told] == [(str(own.id), own.username) for own in owners]
