"""The matrix of acts and proofs: every route and form, each proof that its guard accepts, the settings off and on.

A route that states another act must be given its line here, or the walk of the URL map fails.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.ladder import BY_API, MANAGES, TOKENS, Act, Proof
from app.domain.provisioned import Group, Person
from app.domain.scim_tokens import ScimToken
from app.domain.token_filter import TokenFilter
from app.http.acts import CHANGING, declared_of
from app.http.context import parts
from app.http.guards import guard_of
from app.services import Services
from app.services.linking import NamedPerson
from tests.authenticators import add_second_factor
from tests.contract.asking import basic
from tests.contract.asking_pages import offered_on_page
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Pages, words
from tests.factories import (
    ISSUER,
    OPERATOR,
    PASSWORD,
    allowed_user,
    disable,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    set_api_tokens,
)

ALATION, NATIVE, V4 = "/integration/v1", "/api/v1", "/v4"
REVOCATION = ("/oauth/revoke", "/oauth/v2/revoke")
LIFESPAN = "access_token_lifespan"

Members = dict[str, Any]


class World:
    """A user and an administrator with each credential, and fresh things of the user's for each request."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.app, self.client, self.services = app, client, parts(app).services
        self.user = allowed_user(self.services, password=PASSWORD)
        self.admin = allowed_user(self.services, role=Role.SERVER_ADMIN, password=PASSWORD)

    def headers(self, who: User, proof: Proof) -> dict[str, str]:
        """What an API receives of this person."""
        if proof is Proof.PASSWORD:
            return basic(who.username, PASSWORD)
        if proof is Proof.SCIM_TOKEN:
            return {"Authorization": f"Bearer {self.scim_token()[1]}"}
        if proof in TOKENS:
            single = proof is Proof.SINGLE_TIER_TOKEN
            access = generate(self.services, who, None) if single else mint(self.services, issue(self.services, who))
            return {"TOKEN": access.secret}
        return {}

    def guarded(self) -> User:
        """A new user with a second factor."""
        user = make_user(self.services, password=PASSWORD)
        self.app_of_guarded = add_second_factor(self.services, user)
        return user

    def recovery_code(self) -> str:
        """Of the latest one."""
        return self.app_of_guarded.recovery_codes.pop()

    def refresh_id(self) -> str:
        return issue(self.services, self.user).token.public_id

    def uuid(self) -> str:
        return generate(self.services, self.user).token.uuid

    def session_number(self) -> str:
        """Of another browser of the user's."""
        Pages(self.app).sign_in(self.user.username)
        return str(self.services.sessions.of_user(self.user.id)[0].id)

    def someone(self, **about: Any) -> str:
        return str(make_user(self.services, **about).id)

    def someone_named(self) -> str:
        return make_user(self.services).username

    def steward(self) -> str:
        return self.someone(role=Role.STEWARD)

    def disabled(self) -> str:
        user = make_user(self.services)
        return str(disable(self.services, user.username).id)

    def denied(self) -> str:
        user = make_user(self.services)
        return str(set_api_tokens(self.services, user.username, "deny").id)  # type: ignore[arg-type]

    def single_id(self) -> str:
        return generate(self.services, self.user).token.public_id

    def own_account(self) -> Members:
        return {"to": make_service_account(self.services, self.user).username}

    def target(self) -> Members:
        return {"to": make_user(self.services).username}

    def account(self) -> str:
        """A service account that the user is responsible for, which may have API tokens."""
        account = make_service_account(self.services, self.user)
        return str(set_api_tokens(self.services, account.username, ApiTokens.ALLOW).id)

    def of_account(self) -> str:
        """Such an account, and a refresh token of it."""
        account = self.services.accounts.by_id(int(self.account()))
        return f"{account.id} {issue(self.services, account).token.public_id}"

    def uuid_of_account(self) -> str:
        """Such an account, and an API token of it."""
        account = self.services.accounts.by_id(int(self.account()))
        return f"{account.id} {generate(self.services, account).token.uuid}"

    def proof(self) -> Members:
        refresh = issue(self.services, self.user)
        return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}

    def secret(self) -> Members:
        return {"refresh_token": self.proof()["refresh_token"]}

    def grant(self) -> Members:
        return {"grant_type": "refresh_token", **self.secret()}

    def pasted(self) -> Members:
        return {"token": mint(self.services, issue(self.services, self.user)).secret}

    def login(self) -> Members:
        return {"username": self.user.username, "password": PASSWORD, "name": "x"}

    def new_user(self) -> Members:
        return {"username": f"made-beside-{self.someone()}"}

    def new_person(self) -> Members:
        return {"issuer": ISSUER, "subject": self.someone()}

    def linked_person(self) -> Members:
        """Of a user, whose id is ``linked``."""
        person, self.linked = self.new_person(), self.someone()
        self.services.linking.link(int(self.linked), NamedPerson(**person), OPERATOR)
        return person

    def lifespan(self, by: int) -> Members:
        return {"value": str(int(self.services.instance_settings.get(LIFESPAN).value) + by)}

    def confirmed(self) -> Members:
        owner = make_user(self.services)
        issue(self.services, owner)
        preview = self.services.revoking_by_filter.preview(TokenFilter(owner=owner.username))
        return {"owner": owner.username, "confirmation": preview.confirmation, "reason": "x"}

    def chosen(self) -> Members:
        public_id = issue(self.services, make_user(self.services)).token.public_id
        preview = self.services.revoking_by_filter.preview(TokenFilter(public_ids=[public_id]))
        return {f"pick-{public_id}": "on", "confirmation": preview.confirmation, "reason": "x"}

    def to_be_moved(self) -> Members:
        public_id, to = issue(self.services, make_user(self.services)).token.public_id, self.target()["to"]
        return {f"pick-{public_id}": "on", "to": to, "confirmed": to}

    def directory(self) -> Caller:
        """A directory, by a token of its own: all others are revoked."""
        token = self.scim_token()[0]
        return Caller("scim:tests", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id))

    def scim_token(self) -> tuple[ScimToken, str]:
        tokens = self.services.scim.tokens
        for each in tokens.list():
            tokens.revoke(each.public_id, OPERATOR)
        return tokens.create("tests", None, OPERATOR)

    def scim_token_id(self) -> str:
        return self.scim_token()[0].public_id

    def new_scim_token(self) -> Members:
        self.scim_token()
        return {"name": "tests"}

    def renamed(self) -> str:
        return self.new_user()["username"]

    def managed(self) -> str:
        return str(self.services.scim.users.add(Person(self.renamed()), self.directory()).id)

    def group_id(self) -> str:
        return str(self.services.scim.groups.add(Group(self.renamed()), self.directory()).id)

    def mapped_group(self) -> Members:
        name = self.renamed()
        self.services.scim.roles.map(name, Role.STEWARD, OPERATOR)
        return {"group": name}

    def confirmed_in_api(self) -> Members:
        sent = self.confirmed()
        return {"filter": {"owner": sent.pop("owner")}, **sent}


Make = Callable[[World], Any]


@dataclass(frozen=True)
class Line:
    """A request that does the act: what the path names, and the members of its body. `by_admin`: who sends it."""

    argument: Make = lambda world: ""
    members: Members | Make | None = None
    by_admin: bool = False


def by_admin(argument: Make = lambda world: "", members: Members | Make | None = None) -> Line:
    return Line(argument, members, by_admin=True)


def patch_of(path: str, value: str) -> Members:
    return {"Operations": [{"op": "replace", "path": path, "value": value}]}


def changes_of_users(method: str, path: str, active: Members, inactive: Members) -> dict[tuple[str, str, Act], Line]:
    return {
        (method, path, Act.RAISE_ROLE): by_admin(World.someone, {"role": "STEWARD"}),
        (method, path, Act.LOWER_ROLE): by_admin(World.steward, {"role": "VIEWER"}),
        (method, path, Act.ENABLE_USER): by_admin(World.disabled, active),
        (method, path, Act.DISABLE_USER): by_admin(World.someone, inactive),
        (method, path, Act.ALLOW_API_TOKENS): by_admin(World.denied, {"api_tokens": "inherit"}),
        (method, path, Act.DENY_API_TOKENS): by_admin(World.someone, {"api_tokens": "deny"}),
        (method, path, Act.EDIT_USER): by_admin(World.someone, {"title": "Analyst"}),
        (method, path, Act.RENAME_USER): by_admin(World.someone, World.new_user),
        (method, path, Act.MAKE_RESPONSIBLE): by_admin(World.account, lambda its: {"responsible": its.admin.username}),
    }


FACTOR = "/account/second-factor"
MINE = "/account/auth/refresh-tokens/<public_id>"
PREFERENCES = "/preferences/access-tokens"
USER = "/admin/users/<user_id>"
ACCOUNTS = "/account/service-accounts"
LINKED: Make = lambda world: world.linked  # noqa: E731
ON_PAGES = f"{ACCOUNTS}/<user_id>/refresh-tokens/<public_id>"
OF_ACCOUNT = f"{NATIVE}/users/<user_id>/refresh-tokens/<public_id>"

LINES: dict[tuple[str, str, Act], Line] = {
    ("POST", f"{ALATION}/createRefreshToken", Act.CREATE_REFRESH_TOKEN): Line(members=World.login),
    ("POST", f"{ALATION}/createAPIAccessToken", Act.MINT): Line(members=World.proof),
    ("POST", f"{ALATION}/regenRefreshToken", Act.REGENERATE): Line(members=World.proof),
    ("POST", f"{ALATION}/revokeAPIAccessTokens", Act.REVOKE_OWN): Line(members=World.proof),
    **{("POST", path, Act.MINT): Line(members=World.grant) for path in ("/oauth/token", "/oauth/v2/token")},
    **{("POST", path, Act.REVOKE_OWN): Line(members=World.pasted) for path in REVOCATION},
    **{("POST", path, Act.REVOKE_OF_OTHERS): by_admin(members=World.pasted) for path in REVOCATION},
    ("POST", f"{V4}/apiAccessTokens", Act.CREATE_API_TOKEN): Line(members={"lifetimeSeconds": 60}),
    ("DELETE", f"{V4}/apiAccessTokens/<tokenId>", Act.REVOKE_OWN): Line(World.uuid),
    ("DELETE", f"{V4}/apiAccessTokens/<tokenId>", Act.REVOKE_OF_OTHERS): by_admin(World.uuid),
    ("DELETE", f"{NATIVE}/me/token", Act.REVOKE_OWN): Line(),
    ("DELETE", f"{NATIVE}/me/tokens/<public_id>", Act.REVOKE_OWN): Line(World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens", Act.CREATE_REFRESH_TOKEN): Line(members={"name": "x"}),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/access-token", Act.MINT): Line(World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/regenerate", Act.REGENERATE): Line(World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/rotate", Act.ROTATE): Line(World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/end-old-secret", Act.REVOKE_OWN): Line(World.refresh_id),
    ("POST", f"{NATIVE}/refresh-tokens/rotate", Act.ROTATE): Line(members=World.secret),
    ("POST", f"{NATIVE}/access-tokens", Act.MINT): Line(members=World.secret),
    ("POST", f"{NATIVE}/users/<user_id>/refresh-tokens", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(
        World.account, {"name": "x"}
    ),
    ("POST", f"{NATIVE}/users/<user_id>/api-tokens", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(
        World.account, {"lifetime_days": 1}
    ),
    ("POST", f"{OF_ACCOUNT}/access-token", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{OF_ACCOUNT}/rotate", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{OF_ACCOUNT}/end-old-secret", Act.REVOKE_OF_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{OF_ACCOUNT}/regenerate", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("DELETE", f"{NATIVE}/users/<user_id>/tokens/<public_id>", Act.REVOKE_OF_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{NATIVE}/users", Act.CREATE_USER): by_admin(members=World.new_user),
    **changes_of_users("PATCH", f"{NATIVE}/users/<user_id>", {"is_active": True}, {"is_active": False}),
    ("DELETE", f"{NATIVE}/users/<user_id>", Act.DELETE_USER): by_admin(World.someone),
    ("POST", f"{NATIVE}/users/<user_id>/identities", Act.LINK_USER): by_admin(World.someone, World.new_person),
    ("DELETE", f"{NATIVE}/users/<user_id>/identities", Act.UNLINK_USER): by_admin(LINKED, World.linked_person),
    ("POST", f"{NATIVE}/users/<user_id>/end-sessions", Act.END_SESSIONS_OF_OTHERS): by_admin(World.someone),
    ("POST", f"{NATIVE}/users/<user_id>/revoke-tokens", Act.REVOKE_OF_OTHERS): by_admin(World.someone, {"reason": "x"}),
    ("POST", f"{NATIVE}/tokens/<public_id>/revoke", Act.REVOKE_OF_OTHERS): by_admin(World.refresh_id, {"reason": "x"}),
    ("POST", f"{NATIVE}/tokens/<public_id>/move", Act.MOVE_OF_OTHERS): by_admin(World.refresh_id, World.target),
    ("POST", f"{NATIVE}/tokens/revocations", Act.REVOKE_OF_OTHERS): by_admin(members=World.confirmed_in_api),
    ("PUT", f"{NATIVE}/settings/<key>", Act.WIDEN_SETTING): by_admin(lambda _: LIFESPAN, lambda its: its.lifespan(+1)),
    ("PUT", f"{NATIVE}/settings/<key>", Act.CHANGE_SETTING): by_admin(lambda _: LIFESPAN, lambda its: its.lifespan(-1)),
    ("POST", "/login", Act.SIGN_IN): Line(members=World.login),
    ("POST", "/login/code", Act.SIGN_IN): Line(members=lambda its: {"code": its.recovery_code()}),
    ("POST", "/logout", Act.SIGN_OUT): Line(),
    ("POST", f"{FACTOR}/new", Act.ADD_SECOND_FACTOR): Line(),
    ("POST", FACTOR, Act.ADD_SECOND_FACTOR): Line(),
    ("POST", f"{FACTOR}/recovery-codes", Act.REPLACE_RECOVERY_CODES): Line(),
    ("POST", f"{FACTOR}/remove", Act.REMOVE_SECOND_FACTOR): Line(),
    ("POST", f"{USER}/reset-second-factor", Act.RESET_SECOND_FACTOR): by_admin(lambda its: str(its.guarded().id)),
    ("POST", "/account/auth/refresh-tokens", Act.CREATE_REFRESH_TOKEN): Line(members={"name": "x"}),
    ("POST", f"{MINE}/regenerate", Act.REGENERATE): Line(World.refresh_id),
    ("POST", f"{MINE}/rotate", Act.ROTATE): Line(World.refresh_id),
    ("POST", f"{MINE}/end-old-secret", Act.REVOKE_OWN): Line(World.refresh_id),
    ("POST", f"{MINE}/access-token", Act.MINT): Line(World.refresh_id),
    ("POST", f"{MINE}/move", Act.MOVE_OWN): Line(World.refresh_id, World.own_account),
    ("POST", f"{PREFERENCES}/<public_id>/move", Act.MOVE_OWN): Line(World.single_id, World.own_account),
    ("POST", f"{MINE}/revoke", Act.REVOKE_OWN): Line(World.refresh_id),
    ("POST", f"{ACCOUNTS}/<user_id>/api-tokens/new", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(
        World.account, {"lifetime": "1"}
    ),
    ("POST", f"{ACCOUNTS}/<user_id>/api-tokens/<uuid>/delete", Act.REVOKE_OF_SERVICE_ACCOUNT): Line(
        World.uuid_of_account
    ),
    ("POST", f"{ACCOUNTS}/<user_id>/refresh-tokens", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(
        World.account, {"name": "x"}
    ),
    ("POST", f"{ON_PAGES}/rotate", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{ON_PAGES}/end-old-secret", Act.REVOKE_OF_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{ON_PAGES}/regenerate", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{ON_PAGES}/access-token", Act.CREATE_FOR_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", f"{ON_PAGES}/revoke", Act.REVOKE_OF_SERVICE_ACCOUNT): Line(World.of_account),
    ("POST", "/account/password", Act.CHANGE_OWN_PASSWORD): Line(
        members={"current": PASSWORD, "password": f"{PASSWORD}-2", "repeated": f"{PASSWORD}-2"}
    ),
    ("POST", "/account/security/sessions/<session_number>/end", Act.SIGN_OUT): Line(World.session_number),
    ("POST", "/account/security/end-others", Act.SIGN_OUT): Line(),
    ("POST", "/account/security/end-all", Act.SIGN_OUT): Line(),
    ("POST", f"{PREFERENCES}/new", Act.CREATE_API_TOKEN): Line(members={"lifetime": "1"}),
    ("POST", f"{PREFERENCES}/<uuid>/delete", Act.REVOKE_OWN): Line(World.uuid),
    ("POST", "/admin/users/new", Act.CREATE_USER): by_admin(members=World.new_user),
    ("POST", "/admin/users/new-service-account", Act.CREATE_USER): by_admin(
        members=lambda its: {**its.new_user(), "responsible": its.user.username}
    ),
    ("POST", f"{USER}/responsible", Act.MAKE_RESPONSIBLE): by_admin(
        World.account, lambda its: {"responsible": its.admin.username}
    ),
    ("POST", f"{USER}/hand-over", Act.MAKE_RESPONSIBLE): by_admin(
        lambda its: str(its.user.id), lambda its: {f"to-{its.account()}": its.admin.username}
    ),
    ("POST", f"{USER}/hand-over", Act.MOVE_OF_OTHERS): by_admin(
        lambda its: str(its.user.id), lambda its: {f"pick-{its.refresh_id()}": "on", "owner": its.someone_named()}
    ),
    ("POST", "/admin/users/<user_id>/unlock", Act.UNLOCK_SIGN_IN): by_admin(World.someone),
    ("POST", f"{USER}/role", Act.RAISE_ROLE): by_admin(World.someone, {"role": "STEWARD"}),
    ("POST", f"{USER}/role", Act.LOWER_ROLE): by_admin(World.steward, {"role": "VIEWER"}),
    ("POST", USER, Act.ENABLE_USER): by_admin(World.disabled, {"state": "active"}),
    ("POST", USER, Act.DISABLE_USER): by_admin(World.someone, {"state": "disabled"}),
    ("POST", f"{USER}/api-tokens", Act.ALLOW_API_TOKENS): by_admin(World.denied, {"api_tokens": "inherit"}),
    ("POST", f"{USER}/api-tokens", Act.DENY_API_TOKENS): by_admin(World.someone, {"api_tokens": "deny"}),
    ("POST", f"{USER}/edit", Act.EDIT_USER): by_admin(World.someone, {"title": "Analyst"}),
    ("POST", f"{USER}/rename", Act.RENAME_USER): by_admin(World.someone, World.new_user),
    ("POST", f"{USER}/delete", Act.DELETE_USER): by_admin(World.someone),
    ("POST", f"{USER}/link", Act.LINK_USER): by_admin(World.someone, World.new_person),
    ("POST", f"{USER}/unlink", Act.UNLINK_USER): by_admin(LINKED, World.linked_person),
    ("POST", "/admin/users/<user_id>/password", Act.SET_PASSWORD): by_admin(World.someone, {"password": PASSWORD}),
    ("POST", "/admin/users/<user_id>/password", Act.REVOKE_OF_OTHERS): by_admin(
        World.someone, {"password": PASSWORD, "revoke_tokens": "on"}
    ),
    ("POST", "/admin/users/<user_id>/end-sessions", Act.END_SESSIONS_OF_OTHERS): by_admin(World.someone),
    ("POST", "/admin/users/<user_id>/revoke-tokens", Act.REVOKE_OF_OTHERS): by_admin(World.someone, {"reason": "x"}),
    ("POST", "/admin/users/<user_id>/revoke-tokens", Act.REVOKE_ALL_OWN): by_admin(
        lambda its: str(its.admin.id), {"reason": "x"}
    ),
    ("POST", "/admin/tokens/<public_id>/revoke", Act.REVOKE_OF_OTHERS): by_admin(World.refresh_id, {"reason": "x"}),
    ("POST", "/admin/tokens/<public_id>/end-old-secret", Act.REVOKE_OF_OTHERS): by_admin(World.refresh_id),
    ("POST", "/admin/tokens/<public_id>/move", Act.MOVE_OF_OTHERS): by_admin(World.refresh_id, World.target),
    ("POST", "/admin/tokens/revoke-by-filter", Act.REVOKE_OF_OTHERS): by_admin(members=World.confirmed),
    ("POST", "/admin/tokens/move-chosen", Act.MOVE_OF_OTHERS): by_admin(members=World.to_be_moved),
    ("POST", "/admin/tokens/revoke-chosen", Act.REVOKE_OF_OTHERS): by_admin(members=World.chosen),
    ("POST", "/admin/settings/<key>", Act.WIDEN_SETTING): by_admin(lambda _: LIFESPAN, lambda its: its.lifespan(+1)),
    ("POST", "/admin/settings/<key>", Act.CHANGE_SETTING): by_admin(lambda _: LIFESPAN, lambda its: its.lifespan(-1)),
}

SCIM = "/scim/v2"
LINES |= {
    ("POST", f"{SCIM}/Users", Act.PROVISION): Line(members=lambda its: {"userName": its.new_user()["username"]}),
    ("PUT", f"{SCIM}/Users/<user_id>", Act.PROVISION): Line(World.managed, lambda its: {"userName": its.renamed()}),
    ("PATCH", f"{SCIM}/Users/<user_id>", Act.PROVISION): Line(World.managed, patch_of("title", "Buyer")),
    ("DELETE", f"{SCIM}/Users/<user_id>", Act.DEPROVISION): Line(World.managed),
    ("POST", f"{SCIM}/Groups", Act.PROVISION): Line(members=lambda its: {"displayName": its.renamed()}),
    ("PUT", f"{SCIM}/Groups/<group_id>", Act.PROVISION): Line(
        World.group_id, lambda its: {"displayName": its.renamed()}
    ),
    ("PATCH", f"{SCIM}/Groups/<group_id>", Act.PROVISION): Line(World.group_id, patch_of("externalId", "e-1")),
    ("DELETE", f"{SCIM}/Groups/<group_id>", Act.DEPROVISION): Line(World.group_id),
    ("POST", "/admin/scim/tokens/new", Act.CREATE_SCIM_TOKEN): by_admin(members=World.new_scim_token),
    ("POST", "/admin/scim/tokens/<public_id>/revoke", Act.REVOKE_SCIM_TOKEN): by_admin(World.scim_token_id),
    ("POST", "/admin/scim/groups/new", Act.MAP_GROUP): by_admin(
        members=lambda its: {"group": its.renamed(), "role": "STEWARD"}
    ),
    ("POST", "/admin/scim/groups/remove", Act.UNMAP_GROUP): by_admin(members=World.mapped_group),
    ("POST", f"{USER}/scim", Act.HAND_TO_SCIM): by_admin(World.someone, {"managed": "yes"}),
}

ASKS = ("Confirm your password", "Confirm that it is you", "Enter your own password to continue")


def test_every_act_of_a_route_has_its_line_and_every_line_a_route(app: Flask) -> None:
    """Both slash forms are one."""
    stated = {
        (method, rule.rule.rstrip("/"), act)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & CHANGING
        for declared in [declared_of(app, rule.endpoint)]
        if declared is not None
        for act in declared.acts
    }
    assert stated == set(LINES)


def test_every_act_is_one_of_a_route() -> None:
    assert set(Act) == {act for _, _, act in LINES}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(app, app.test_client(use_cookies=False))


@pytest.mark.parametrize("key", list(LINES), ids=lambda key: f"{key[2].name} {key[0]} {key[1]}")
def test_an_act_is_done_with_the_proofs_of_the_ladder_and_with_no_other(
    app: Flask, world: World, clock: MovableClock, setting: Setting, key: tuple[str, str, Act]
) -> None:
    """◆ Each page with a session whose password was entered now, and eleven minutes ago; each API with each token.

    Fails when a guard or a service leaves an act out.
    """
    _, path, act = key
    rule = next(each for each in app.url_map.iter_rules() if each.rule.rstrip("/") == path)
    guard = guard_of(app, rule.endpoint)
    assert guard is not None
    is_page = rule.endpoint.startswith("web_")
    proofs = {Proof.FRESH_SESSION, Proof.SESSION} if is_page else set(guard.proofs)
    if LINES[key].by_admin:
        proofs -= {Proof.OWN_SECRET}  # with the secret, it is an act of the owner's
    found, expected = {}, {}
    for switches in ({}, {BY_API: "on", MANAGES: "on"}):
        for proof in sorted(proofs):
            with setting(**switches):
                answer = (send_form if is_page else send)(world, clock, key, proof)
                found[proof, bool(switches)] = is_done(answer)
                expected[proof, bool(switches)] = is_enough(act, proof, switches)
    assert found == expected


def is_enough(act: Act, proof: Proof, switches: dict[str, str]) -> bool:
    """By the table. A form holds the password for what needs one; requests without a header, what their body needs."""
    needs = act.rule.needs
    if Proof.SESSION in needs or (Proof.PASSWORD in needs and Proof.FRESH_SESSION not in needs):
        return True
    creating = (Act.CREATE_REFRESH_TOKEN, Act.MINT, Act.REGENERATE, Act.ROTATE)
    if act in creating and proof in (Proof.PASSWORD, Proof.OWN_SECRET):
        return True
    switch = needs.get(proof, "")
    return switch is None or switch in switches


def is_done(answer: TestResponse) -> bool:
    if any(sentence in words(answer) for sentence in ASKS) or answer.status_code == 403:
        return False
    assert answer.status_code in (200, 201, 204, 303), (answer.status, answer.text[:300])
    assert not answer.headers.get("Location", "").startswith("/login?next"), "the session is gone"
    return True


def send(world: World, clock: MovableClock, key: tuple[str, str, Act], proof: Proof) -> TestResponse:
    """To an API."""
    method, path, _ = key
    line = LINES[key]
    who = world.admin if line.by_admin else world.user
    members = line.members(world) if callable(line.members) else line.members
    place = "query_string" if method == "DELETE" else "data" if "/oauth/" in path else "json"
    body = {} if members is None else {place: members}
    address = _filled_in(path, line, world)  # before the headers, of which a directory has one token at a time
    headers = {} if path.startswith((ALATION, f"{NATIVE}/access", f"{NATIVE}/refresh")) else world.headers(who, proof)
    return world.client.open(address, method=method, headers=headers, **body)


def send_form(world: World, clock: MovableClock, key: tuple[str, str, Act], proof: Proof) -> TestResponse:
    """From a page, with a session of its own."""
    _, path, act = key
    line = LINES[key]
    who = world.admin if line.by_admin else world.user
    if act in (Act.CHANGE_OWN_PASSWORD, Act.ADD_SECOND_FACTOR):
        who = make_user(world.services, password=PASSWORD)
    if act in (Act.REPLACE_RECOVERY_CODES, Act.REMOVE_SECOND_FACTOR) or path == "/login/code":
        who = world.guarded()
    pages = Pages(world.app)
    if path == "/login":
        pages.get("/login")
    else:
        assert pages.sign_in(who.username).status_code == 303
    if act in (Act.REPLACE_RECOVERY_CODES, Act.REMOVE_SECOND_FACTOR):
        assert pages.post("/login/code", {"code": world.recovery_code()}).status_code == 303
        pages.get(FACTOR)
    members = line.members(world) if callable(line.members) else line.members or {}
    if path == FACTOR:
        fields, app = offered_on_page(pages)
        members = fields | {"code": app.code()}
    address = _filled_in(path, line, world)
    if proof is Proof.FRESH_SESSION:
        return pages.post(address, members)
    with clock.later(minutes=11):
        return pages.post(address, members)


def _filled_in(path: str, line: Line, world: World) -> str:
    """The argument has an id for each place, divided by spaces."""
    ids = iter(line.argument(world).split())
    return re.sub(r"<\w+>", lambda _: next(ids), path)


def test_a_refusal_names_the_setting_and_how_to_turn_it_on(world: World, services: Services) -> None:
    """In each dialect, without anything having changed."""
    headers = world.headers(world.admin, Proof.TWO_TIER_TOKEN)
    native = world.client.post(f"{NATIVE}/users", json={"username": "made-by-nobody"}, headers=headers).get_json()
    assert (native["status"], native["reason"]) == (403, "not_permitted")
    assert "create a user" in native["detail"] and f"daypass conf {MANAGES} -s on" in native["detail"]
    path = f"{NATIVE}/settings/{MANAGES}"
    turned_on = world.client.put(path, json={"value": "on"}, headers=headers).get_json()["detail"]
    assert "allows more" in turned_on and f"daypass conf {MANAGES} -s on" in turned_on
    assert services.instance_settings.get(MANAGES).value == "off"
    answer = world.client.post(f"{V4}/apiAccessTokens", json={"lifetimeSeconds": 60}, headers=headers)
    refusal = answer.get_json()["exception"]
    assert (answer.status_code, refusal["name"]) == (403, "AccessControlException")
    assert f"daypass conf {BY_API} -s on" in refusal["details"]
