"""What a revocation ends, for whom, and what it writes down (RFC 7009, sections 2.1 and 2.2).

Here belong its effects. Not here: bad credentials beside it (``test_oauth_askers``), and requests that can't be
understood (``test_oauth_requests``).
"""

import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.errors import TokenRefused, TokenSuperseded
from app.domain.identity import Role, User
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking_oauth import (
    BEARER_INSUFFICIENT,
    Headers,
    OAuth,
    basic,
    bearer,
    challenges,
    said,
)
from tests.contract.conftest import Setting
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint

TEXT = TokenFormat(("dp",))
REASON = "revoked with its secret"


class World:
    """Two refresh tokens of one owner, each with an access token, and one of somebody else."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.owner = make_user(services)
        self.refresh, self.other_refresh = issue(services, self.owner), issue(services, self.owner)
        self.access, self.other_access = mint(services, self.refresh), mint(services, self.other_refresh)
        self.strangers = mint(services, issue(services, make_user(services)))

    def alive(self) -> set[str]:
        """Which of them work, by the names they have here."""
        names = ("refresh", "other_refresh", "access", "other_access", "strangers")
        return {name for name in names if self._works(getattr(self, name))}

    def _works(self, issued: Issued[RefreshToken] | Issued[AccessToken]) -> bool:
        try:
            if isinstance(issued.token, RefreshToken):
                self.services.refresh_verifier.validate(issued.secret, None)
            else:
                self.services.verifier.verify(issued.secret)
        except TokenRefused:
            return False
        return True


EVERYTHING = {"refresh", "other_refresh", "access", "other_access", "strangers"}


@pytest.fixture
def world(services: Services) -> World:
    world = World(services)
    assert world.alive() == EVERYTHING
    return world


def token_of(services: Services, who: User) -> str:
    return mint(services, issue(services, who)).secret


def events_of(database: Database, public_id: str) -> list[tuple[str, str, int | None, str | None]]:
    """The revocations of a token: what was recorded, by whom, and from where."""
    return [
        (event.action, event.actor, event.actor_id, event.address)
        for event in rows.audit_events(database)
        if event.object_id == public_id and event.action.endswith(".revoked")
    ]


# Whoever holds a token may end it


@pytest.mark.parametrize("hint", [None, "", "access_token", "refresh_token", "nonsense", "é"])
def test_presenting_an_access_token_ends_it_and_nothing_else(oauth: OAuth, world: World, hint: str | None) -> None:
    """Whatever the hint: RFC 7009, section 2.1. Fails when the hint decides where to look (tried)."""
    answer = oauth.revoke(world.access.secret, hint)
    assert (answer.status_code, answer.data) == (200, b"")
    assert world.alive() == EVERYTHING - {"access"}


@pytest.mark.parametrize("hint", [None, "", "access_token", "refresh_token", "nonsense", "é"])
def test_presenting_a_refresh_token_ends_it_and_all_under_it(
    oauth: OAuth, world: World, setting: Setting, hint: str | None
) -> None:
    """RFC 7009, section 2.1. Fails when only the refresh token's own row is ended (tried)."""
    with setting(access_token_reissue="overlap"):
        newer = mint(world.services, world.refresh)
    answer = oauth.revoke(world.refresh.secret, hint)
    assert (answer.status_code, answer.data) == (200, b"")
    assert world.alive() == EVERYTHING - {"refresh", "access"}
    for issued in (world.refresh, world.access, newer):
        kept = world.services.listing.find(issued.token.public_id).token
        assert (kept.status, kept.revoked_by, kept.revoke_reason) == ("revoked", world.owner.username, REASON)


def test_an_access_token_is_not_the_end_of_its_refresh_token(oauth: OAuth, world: World) -> None:
    oauth.revoke(world.access.secret)
    world.access = mint(world.services, world.refresh)
    assert world.alive() == EVERYTHING


def test_by_possession_the_owner_is_on_record(oauth: OAuth, world: World, database: Database) -> None:
    oauth.revoke(world.access.secret)
    oauth.revoke(world.other_refresh.secret)
    by_owner = (world.owner.username, world.owner.id, "127.0.0.1")
    assert events_of(database, world.access.token.public_id) == [("access_token.revoked", *by_owner)]
    assert events_of(database, world.other_refresh.token.public_id) == [("refresh_token.revoked", *by_owner)]
    event = [each for each in rows.audit_events(database) if each.action == "refresh_token.revoked"][-1]
    assert json.loads(event.detail) == {"access_tokens": 1, "reason": REASON}


def test_a_token_of_a_disabled_owner_can_still_be_ended(oauth: OAuth, world: World) -> None:
    """It would work again when they are enabled; whoever holds it may see to it that it does not."""
    world.services.accounts.disable(world.owner.username, OPERATOR)
    assert oauth.revoke(world.access.secret).status_code == 200
    world.services.accounts.enable(world.owner.username, OPERATOR)
    assert world.alive() == EVERYTHING - {"access"}


def test_a_replaced_token_that_works_on_can_be_ended(oauth: OAuth, world: World, setting: Setting) -> None:
    with setting(access_token_reissue="overlap"):
        newer = mint(world.services, world.refresh)
        assert world.alive() == EVERYTHING
        oauth.revoke(world.access.secret)
    assert world.alive() == EVERYTHING - {"access"}
    assert world.services.verifier.verify(newer.secret).user_id == world.owner.id


# What is not there to be ended


def _revoked(world: World) -> str:
    world.services.revoking.revoke(world.access.token.public_id, "", OPERATOR)
    return world.access.secret


def _revoked_refresh_token(world: World) -> str:
    world.services.revoking.revoke(world.refresh.token.public_id, "", OPERATOR)
    return world.refresh.secret


def _superseded(world: World) -> str:
    first, world.access = world.access, mint(world.services, world.refresh)
    with pytest.raises(TokenSuperseded):
        world.services.verifier.verify(first.secret)
    return first.secret


def _replaced_secret(world: World) -> str:
    old = world.refresh.secret
    world.refresh = world.services.issuing.regenerate(old, None, OPERATOR)
    world.access = mint(world.services, world.refresh)
    return old


def _unknown(_: World) -> str:
    return TEXT.compose(new_token_text(TokenKind.ACCESS))


def _unknown_refresh_token(_: World) -> str:
    return TEXT.compose(new_token_text(TokenKind.REFRESH))


def _made_up_with_a_known_id(world: World) -> str:
    return TEXT.compose(new_token_text(TokenKind.ACCESS).with_public_id(world.access.token.public_id))


def _made_up_refresh_token_with_a_known_id(world: World) -> str:
    return TEXT.compose(new_token_text(TokenKind.REFRESH).with_public_id(world.refresh.token.public_id))


def _public_id(world: World) -> str:
    return world.access.token.public_id


def _malformed(world: World) -> str:
    return world.access.secret[:-1]


NOTHING_TO_END = (
    _revoked, _revoked_refresh_token, _superseded, _replaced_secret, _unknown, _unknown_refresh_token,
    _made_up_with_a_known_id, _made_up_refresh_token_with_a_known_id, _public_id, _malformed,
)  # fmt: skip


@pytest.mark.parametrize("make", NOTHING_TO_END, ids=lambda make: make.__name__.strip("_"))
def test_what_is_no_token_or_has_ended_is_a_200_and_changes_nothing(
    oauth: OAuth, world: World, database: Database, make: Callable[[World], str]
) -> None:
    """RFC 7009, section 2.2: an error would tell the client nothing that it could act on.

    For nobody, and for an administrator. Fails when `TokenRefused` is let through (tried).
    """
    token = make(world)
    admin = {"TOKEN": token_of(world.services, make_user(world.services, role=Role.SERVER_ADMIN))}
    oauth.revoke("nonsense", headers=admin)  # a first use of the administrator's own token
    world.services.last_use.flush()
    before, alive = rows.everything(database), world.alive()
    for headers in (None, admin):
        for hint in (None, "refresh_token"):
            answer = oauth.revoke(token, hint, headers)
            assert (answer.status_code, answer.data) == (200, b"")
    assert rows.everything(database) == before
    assert world.alive() == alive


def test_ending_a_token_twice_is_a_200_and_recorded_once(oauth: OAuth, world: World, database: Database) -> None:
    for _ in range(2):
        assert oauth.revoke(world.access.secret).status_code == 200
    assert len(events_of(database, world.access.token.public_id)) == 1


# Who says who they are


def signed_in(services: Services, who: User, how: str) -> Headers:
    if how == "Basic":
        services.accounts.set_password(who.username, PASSWORD, OPERATOR)
        return basic(who.username, PASSWORD)
    token = token_of(services, who)
    return bearer(token) if how == "Bearer" else {"TOKEN": token}


every_way_in = pytest.mark.parametrize("how", ["Basic", "Bearer", "TOKEN"])


@every_way_in
def test_an_administrator_ends_anybodys_and_is_on_record(
    oauth: OAuth, world: World, database: Database, how: str
) -> None:
    admin = make_user(world.services, role=Role.SERVER_ADMIN)
    headers = signed_in(world.services, admin, how)
    for secret in (world.strangers.secret, world.refresh.secret):
        assert oauth.revoke(secret, headers=headers).status_code == 200
    assert world.alive() == EVERYTHING - {"strangers", "refresh", "access"}
    by_admin = (admin.username, admin.id, "127.0.0.1")
    assert events_of(database, world.strangers.token.public_id) == [("access_token.revoked", *by_admin)]
    assert events_of(database, world.refresh.token.public_id) == [("refresh_token.revoked", *by_admin)]


@every_way_in
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVER_ADMIN])
def test_others_end_their_own_and_nobody_elses(oauth: OAuth, world: World, how: str, role: Role) -> None:
    """RFC 7009, section 2.1: refused, and told so. Introspectors as well. Fails without `only_of` (tried)."""
    services = world.services
    services.accounts.set_role(world.owner.username, role, OPERATOR)
    headers = signed_in(services, world.owner, how)
    answer = oauth.revoke(world.strangers.secret, headers=headers)
    if how == "Basic":
        assert (said(answer), challenges(answer)) == ((400, "unauthorized_client", "not_permitted"), [])
    else:
        assert said(answer) == (403, "insufficient_scope", "not_permitted")
        assert challenges(answer) == [BEARER_INSUFFICIENT]
    assert world.alive() == EVERYTHING
    for secret in (world.access.secret, world.other_refresh.secret):
        assert oauth.revoke(secret, headers=headers).status_code == 200
    assert world.alive() == {"refresh", "strangers"}


def test_somebody_elses_refresh_token_is_not_ended_either(oauth: OAuth, world: World) -> None:
    stranger = make_user(world.services)
    answer = oauth.revoke(world.refresh.secret, "refresh_token", signed_in(world.services, stranger, "Bearer"))
    assert answer.status_code == 403
    assert world.owner.username not in answer.text
    assert world.alive() == EVERYTHING


def test_a_token_may_end_itself(oauth: OAuth, world: World, database: Database) -> None:
    """As credential and as parameter, which is how a client signs out; after that it says nothing to anybody."""
    headers = bearer(world.access.secret)
    assert oauth.revoke(world.access.secret, headers=headers).status_code == 200
    assert world.alive() == EVERYTHING - {"access"}
    [event] = events_of(database, world.access.token.public_id)
    assert event[1:3] == (world.owner.username, world.owner.id)
    assert said(oauth.revoke(world.access.secret, headers=headers)) == (401, "invalid_token", "token_revoked")


def test_the_refresh_token_is_no_credential_in_the_headers(oauth: OAuth, world: World) -> None:
    answer = oauth.revoke(world.refresh.secret, headers=bearer(world.refresh.secret))
    assert said(answer) == (401, "invalid_token", "token_malformed")
    assert world.alive() == EVERYTHING


def test_an_administrator_who_was_demoted_ends_nobody_elses(oauth: OAuth, world: World) -> None:
    admin = make_user(world.services, role=Role.SERVER_ADMIN)
    headers = signed_in(world.services, admin, "Bearer")
    make_user(world.services, role=Role.SERVER_ADMIN)
    world.services.accounts.set_role(admin.username, Role.VIEWER, OPERATOR)
    assert oauth.revoke(world.strangers.secret, headers=headers).status_code == 403
    assert world.alive() == EVERYTHING


# On the next request


@pytest.fixture
def gate(app: Flask) -> FlaskClient:
    """The service as it is deployed, with the gate in front."""
    gated = Flask("gated", static_folder=None)
    gated.wsgi_app = Gate(app.wsgi_app, parts(app))  # type: ignore[method-assign]
    return gated.test_client(use_cookies=False)


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_what_was_revoked_is_refused_on_the_next_request(
    oauth: OAuth, gate: FlaskClient, world: World, as_introspector: Headers, which: str
) -> None:
    """At the gate, at a resource, and to whoever asks.

    Fails when the verifier keeps its answers for a second (tried).
    """
    headers = bearer(world.access.secret)
    assert gate.get("/auth/verify", headers=headers).status_code == 200
    assert gate.get("/integration/v1/userinfo", headers=headers).status_code == 200
    assert gate.post("/oauth/revoke", data={"token": getattr(world, which).secret}).status_code == 200
    answer = gate.get("/auth/verify", headers=headers)
    assert (answer.status_code, answer.headers["X-Auth-Reason"]) == (401, "token_revoked")
    assert gate.get("/integration/v1/userinfo", headers=headers).get_json()["reason"] == "token_revoked"
    assert oauth.introspect(world.access.secret, headers=as_introspector).get_json() == {"active": False}
    assert gate.get("/auth/verify", headers=bearer(world.other_access.secret)).status_code == 200


def test_a_revocation_that_cannot_be_recorded_does_not_happen(oauth: OAuth, world: World, database: Database) -> None:
    """And is not acknowledged."""
    rows.refuse_writes(database, "audit_events", "INSERT")
    try:
        answer = oauth.client.post("/oauth/revoke", data={"token": world.access.secret})
    finally:
        rows.allow_writes(database, "audit_events")
    assert answer.status_code >= 500
    assert json.loads(answer.data)["error"] in ("server_error", "temporarily_unavailable")
    assert world.alive() == EVERYTHING
