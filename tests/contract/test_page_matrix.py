"""The access matrix of the pages: every page and form, and what each sort of visitor is answered.

A route that is added must be given its line here, or the walk of the URL map fails.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.identity import ApiTokens, Role, User
from app.domain.tokens import AccessToken
from app.http.context import parts
from tests.drivers.pages import Pages
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
    revoke_by_filter,
    set_api_tokens,
)

VISITORS = ("nobody", "user", "another", "administrator", "introspector", "disabled", "token holder")
"""The last one has a good access token of the user's, and no session."""


class World:
    """Visitors who are signed in, and fresh things of the user's for each request."""

    def __init__(self, app: Flask) -> None:
        self.services = services = parts(app).services
        roles = {"administrator": Role.SERVER_ADMIN, "introspector": Role.INTROSPECTOR}
        users = {
            name: allowed_user(services, role=roles.get(name, Role.VIEWER), password=PASSWORD) for name in VISITORS[1:6]
        }
        self.user = users["user"]
        self.browsers = {name: Pages(app, address=f"198.51.{number}.1") for number, name in enumerate(VISITORS)}
        for name, user in users.items():
            assert self.browsers[name].sign_in(user.username).status_code == 303
        self.another_browser = Pages(app)
        disable(services, users["disabled"].username)
        self.browsers["token holder"].client.environ_base["HTTP_TOKEN"] = mint(
            services, issue(services, self.user)
        ).secret

    def refresh_id(self) -> str:
        return issue(self.services, self.user).token.public_id

    def access_id(self) -> str:
        return mint(self.services, issue(self.services, self.user)).token.public_id

    def api_token(self) -> str:
        return generate(self.services, self.user).token.public_id

    def uuid(self) -> str:
        return generate(self.services, self.user).token.uuid

    def session_number(self) -> str:
        """Of another browser of the user's."""
        self.another_browser.sign_in(self.user.username)
        return str(self.services.sessions.of_user(self.user.id)[0].id)

    def account(self) -> str:
        """A service account that the user is responsible for, and the administrator not."""
        return str(make_service_account(self.services, self.user).id)

    def of_account(self) -> str:
        """Such an account, and a refresh token of it."""
        account = make_service_account(self.services, self.user)
        return f"{account.id} {issue(self.services, account).token.public_id}"

    def api_token_of_account(self) -> str:
        """Such an account, which may have API tokens, and one of them."""
        account, token = self._single_of_account()
        return f"{account.id} {token.public_id}"

    def uuid_of_account(self) -> str:
        account, token = self._single_of_account()
        return f"{account.id} {token.uuid}"

    def _single_of_account(self) -> tuple[User, AccessToken]:
        account = make_service_account(self.services, self.user)
        account = set_api_tokens(self.services, account.username, ApiTokens.ALLOW)
        return account, generate(self.services, account).token

    def allowed_account(self) -> str:
        return str(self._single_of_account()[0].id)

    def someone(self) -> str:
        return str(make_user(self.services).id)

    def scim_token_id(self) -> str:
        """Of the only one that is active."""
        tokens = self.services.scim.tokens
        for each in tokens.list():
            tokens.revoke(each.public_id, OPERATOR)
        return tokens.create("directory", None, OPERATOR)[0].public_id

    def revocation(self) -> str:
        """Of all tokens of somebody else."""
        return str(revoke_by_filter(self.services).id)

    def send(self, visitor: str, method: str, path: str, form: dict[str, str]) -> TestResponse:
        """A form is sent as the page that this browser read last would; the first, as one without a list."""
        browser = self.browsers[visitor]
        if method == "GET":
            return browser.get(path)
        if not browser.form_token:
            browser.get("/account/profile", follow_redirects=True)
        return browser.post(path, form)


Make = Callable[[World], str]


@dataclass(frozen=True)
class Line:
    """The statuses of the visitors; the argument in the path, and the fields of a form that is in order."""

    statuses: tuple[int, ...]
    argument: Make = lambda world: ""
    form: dict[str, str] = field(default_factory=dict)


def everyone(status: int) -> tuple[int, ...]:
    return (status,) * len(VISITORS)


def signed_in(status: int, others: int | None = None, admin: int | None = None) -> tuple[int, ...]:
    """`others`: what who is not the owner is answered, where the path names something of the user's."""
    other = status if others is None else others
    return 303, status, other, other if admin is None else admin, 403, 303, 303


def answering(status: int) -> tuple[int, ...]:
    """For who is responsible for the account that the path names, and for administrators."""
    return signed_in(status, 404, status)


def administrators(status: int) -> tuple[int, ...]:
    return 303, 403, 403, status, 403, 303, 303


MINE = "/account/auth/refresh-tokens/<public_id>"
PREFERENCES = "/preferences/access-tokens"
ACCOUNTS = "/account/service-accounts"
SINGLE_OF_ACCOUNT = f"{ACCOUNTS}/<user_id>/api-tokens"
OF_ACCOUNT = f"{ACCOUNTS}/<user_id>/refresh-tokens/<public_id>"

SCIM = "/admin/scim"

MATRIX: dict[tuple[str, str], Line] = {
    ("GET", ""): Line(everyone(303)),
    ("GET", "/login"): Line((200, 303, 303, 303, 303, 200, 200)),
    ("POST", "/login"): Line(everyone(401)),
    ("GET", "/login/code"): Line(everyone(303)),
    ("POST", "/login/code"): Line(everyone(303), form={"code": "000000"}),
    ("POST", "/logout"): Line(everyone(303)),
    ("GET", "/login/oidc/<name>"): Line(everyone(404), lambda world: "corp"),  # none is configured
    ("GET", "/login/oidc/<name>/callback"): Line(everyone(404), lambda world: "corp"),
    ("POST", "/oidc/backchannel-logout"): Line(everyone(400)),
    ("POST", "/theme"): Line(everyone(303)),
    ("GET", "/static/<name>"): Line(everyone(200), lambda world: "daypass.css"),
    ("GET", "/docs"): Line(everyone(200)),
    ("GET", "/docs/<document>"): Line(everyone(200), lambda world: "native"),
    ("GET", "/account"): Line(signed_in(303)),
    ("GET", "/preferences"): Line(signed_in(303)),
    ("GET", "/account/auth"): Line(signed_in(200)),
    ("GET", "/account/auth/export"): Line(signed_in(200)),
    ("GET", "/account/auth/refresh-tokens"): Line(signed_in(200)),
    ("POST", "/account/auth/refresh-tokens"): Line(signed_in(200), form={"name": "x"}),
    ("GET", MINE): Line(signed_in(200, 404), World.refresh_id),
    ("GET", f"{MINE}/regenerate"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/regenerate"): Line(signed_in(200, 404), World.refresh_id),
    ("GET", f"{MINE}/rotate"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/rotate"): Line(signed_in(200, 404), World.refresh_id),
    ("GET", f"{MINE}/end-old-secret"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/end-old-secret"): Line(signed_in(303, 404), World.refresh_id),
    ("GET", f"{MINE}/access-token"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/access-token"): Line(signed_in(200, 404), World.refresh_id),
    ("GET", f"{MINE}/edit"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/edit"): Line(signed_in(303, 404), World.refresh_id, {"token_name": "y", "description": "z"}),
    ("GET", f"{MINE}/move"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/move"): Line(signed_in(403, 404), World.refresh_id, {"to": "nobody"}),
    ("GET", f"{MINE}/revoke"): Line(signed_in(200, 404), World.refresh_id),
    ("POST", f"{MINE}/revoke"): Line(signed_in(303, 404), World.refresh_id),
    ("POST", "/account/auth/test-token"): Line(signed_in(409), form={"secret": "x", "kind": "access"}),
    ("GET", ACCOUNTS): Line(signed_in(200)),
    ("GET", f"{ACCOUNTS}/<user_id>"): Line(answering(200), World.account),
    ("GET", f"{ACCOUNTS}/<user_id>/export"): Line(answering(200), World.account),
    ("GET", f"{ACCOUNTS}/<user_id>/refresh-tokens"): Line(answering(200), World.account),
    ("POST", f"{ACCOUNTS}/<user_id>/refresh-tokens"): Line(answering(200), World.account, {"name": "x"}),
    ("POST", f"{ACCOUNTS}/<user_id>/test-token"): Line(
        answering(409), World.account, {"secret": "x", "kind": "access"}
    ),
    ("GET", OF_ACCOUNT): Line(answering(200), World.of_account),
    ("GET", f"{OF_ACCOUNT}/rotate"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/rotate"): Line(answering(200), World.of_account),
    ("GET", f"{OF_ACCOUNT}/end-old-secret"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/end-old-secret"): Line(answering(303), World.of_account),
    ("GET", f"{OF_ACCOUNT}/regenerate"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/regenerate"): Line(answering(200), World.of_account),
    ("GET", f"{OF_ACCOUNT}/access-token"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/access-token"): Line(answering(200), World.of_account),
    ("GET", f"{OF_ACCOUNT}/edit"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/edit"): Line(answering(303), World.of_account, {"name": "x"}),
    ("GET", f"{OF_ACCOUNT}/revoke"): Line(answering(200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/revoke"): Line(answering(303), World.of_account),
    ("GET", SINGLE_OF_ACCOUNT): Line(answering(200), World.account),
    ("GET", f"{SINGLE_OF_ACCOUNT}/export"): Line(answering(200), World.account),
    ("GET", f"{SINGLE_OF_ACCOUNT}/new"): Line(answering(200), World.account),
    ("POST", f"{SINGLE_OF_ACCOUNT}/new"): Line(answering(200), World.allowed_account, {"lifetime": "1"}),
    ("GET", f"{SINGLE_OF_ACCOUNT}/<api_token>"): Line(answering(200), World.api_token_of_account),
    ("GET", f"{SINGLE_OF_ACCOUNT}/<api_token>/edit"): Line(answering(200), World.api_token_of_account),
    ("POST", f"{SINGLE_OF_ACCOUNT}/<api_token>/edit"): Line(
        answering(303), World.api_token_of_account, {"description": "z"}
    ),
    ("GET", f"{SINGLE_OF_ACCOUNT}/<uuid>/delete"): Line(answering(200), World.uuid_of_account),
    ("POST", f"{SINGLE_OF_ACCOUNT}/<uuid>/delete"): Line(answering(303), World.uuid_of_account),
    ("GET", "/account/password"): Line(signed_in(200)),
    ("POST", "/account/password"): Line(signed_in(400), form={"current": "x", "password": "y", "repeated": "z"}),
    ("GET", "/account/profile"): Line(signed_in(200)),
    ("POST", "/account/profile"): Line(signed_in(303), form={"first_name": "Anna", "last_name": "A"}),
    ("GET", "/account/second-factor"): Line(signed_in(200)),
    ("POST", "/account/second-factor"): Line(signed_in(409), form={"code": "000000"}),
    ("POST", "/account/second-factor/new"): Line(signed_in(200)),
    ("GET", "/account/second-factor/recovery-codes"): Line(signed_in(200)),
    ("POST", "/account/second-factor/recovery-codes"): Line(signed_in(409)),
    ("GET", "/account/second-factor/remove"): Line(signed_in(200)),
    ("POST", "/account/second-factor/remove"): Line(signed_in(409)),
    ("POST", "/account/second-factor/reset-read"): Line(signed_in(303)),
    ("GET", "/account/security"): Line(signed_in(200)),
    ("POST", "/account/security/end-others"): Line(signed_in(303)),
    ("POST", "/account/security/end-all"): Line(signed_in(303)),
    ("POST", "/account/security/sessions/<session_number>/end"): Line(signed_in(303, 404), World.session_number),
    ("GET", PREFERENCES): Line(signed_in(200)),
    ("GET", f"{PREFERENCES}/export"): Line(signed_in(200)),
    ("GET", f"{PREFERENCES}/new"): Line(signed_in(200)),
    ("POST", f"{PREFERENCES}/new"): Line(signed_in(200), form={"lifetime": "1"}),
    ("GET", f"{PREFERENCES}/<api_token>"): Line(signed_in(200, 404), World.api_token),
    ("GET", f"{PREFERENCES}/<public_id>/edit"): Line(signed_in(200, 404), World.api_token),
    ("POST", f"{PREFERENCES}/<public_id>/edit"): Line(signed_in(303, 404), World.api_token, {"description": "z"}),
    ("GET", f"{PREFERENCES}/<public_id>/move"): Line(signed_in(200, 404), World.api_token),
    ("POST", f"{PREFERENCES}/<public_id>/move"): Line(signed_in(403, 404), World.api_token, {"to": "nobody"}),
    ("GET", f"{PREFERENCES}/<uuid>/delete"): Line(signed_in(200, 404), World.uuid),
    ("POST", f"{PREFERENCES}/<uuid>/delete"): Line(signed_in(303, 404), World.uuid),
    ("GET", "/admin"): Line(administrators(200)),
    ("GET", "/admin/users"): Line(administrators(200)),
    ("GET", "/admin/users/new"): Line(administrators(200)),
    ("POST", "/admin/users/new"): Line(administrators(400), form={"username": "no name", "role": "VIEWER"}),
    ("GET", "/admin/users/new-service-account"): Line(administrators(200)),
    ("POST", "/admin/users/new-service-account"): Line(
        administrators(400), form={"username": "svc", "responsible": ""}
    ),
    ("GET", "/admin/users/<user_id>/responsible"): Line(administrators(200), World.account),
    ("POST", "/admin/users/<user_id>/responsible"): Line(administrators(400), World.account, {"responsible": ""}),
    ("GET", "/admin/users/<user_id>/hand-over"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/hand-over"): Line(administrators(303), World.someone),
    ("GET", "/admin/users/<user_id>/reset-second-factor"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/reset-second-factor"): Line(administrators(409), World.someone),
    ("GET", "/admin/users/<user_id>"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>"): Line(administrators(303), World.someone, {"state": "disabled"}),
    ("POST", "/admin/users/<user_id>/role"): Line(administrators(303), World.someone, {"role": "STEWARD"}),
    ("POST", "/admin/users/<user_id>/api-tokens"): Line(administrators(303), World.someone, {"api_tokens": "deny"}),
    ("GET", "/admin/users/<user_id>/disable"): Line(administrators(200), World.someone),
    ("GET", "/admin/users/export"): Line(administrators(200)),
    ("GET", "/admin/users/<user_id>/enable"): Line(administrators(200), World.someone),
    ("GET", "/admin/users/<user_id>/role"): Line(administrators(200), World.someone),
    ("GET", "/admin/users/<user_id>/api-tokens"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/unlock"): Line(administrators(303), World.someone),
    ("GET", "/admin/users/<user_id>/password"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/password"): Line(administrators(400), World.someone, {"password": "x"}),
    ("GET", "/admin/users/<user_id>/edit"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/edit"): Line(administrators(303), World.someone, {"title": "Analyst"}),
    ("GET", "/admin/users/<user_id>/rename"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/rename"): Line(administrators(400), World.someone, {"username": "no name"}),
    ("GET", "/admin/users/<user_id>/link"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/link"): Line(administrators(400), World.someone, {"issuer": "no address"}),
    ("GET", "/admin/users/<user_id>/unlink"): Line(administrators(303), World.someone),
    ("POST", "/admin/users/<user_id>/unlink"): Line(
        administrators(404), World.someone, {"issuer": ISSUER, "subject": "nobody"}
    ),
    ("GET", "/admin/users/<user_id>/delete"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/delete"): Line(administrators(303), World.someone),
    ("GET", "/admin/users/<user_id>/end-sessions"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/end-sessions"): Line(administrators(303), World.someone),
    ("GET", "/admin/users/<user_id>/revoke-tokens"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/revoke-tokens"): Line(administrators(303), World.someone, {"reason": "x"}),
    ("GET", "/admin/tokens"): Line(administrators(200)),
    ("GET", "/admin/tokens/<public_id>"): Line(administrators(200), World.refresh_id),
    ("GET", "/admin/tokens/<public_id>/edit"): Line(administrators(200), World.refresh_id),
    ("POST", "/admin/tokens/<public_id>/edit"): Line(administrators(303), World.refresh_id, {"token_name": "y"}),
    ("GET", "/admin/tokens/<public_id>/move"): Line(administrators(200), World.refresh_id),
    ("POST", "/admin/tokens/<public_id>/move"): Line(administrators(404), World.refresh_id, {"to": "nobody"}),
    ("GET", "/admin/tokens/<public_id>/revoke"): Line(administrators(200), World.refresh_id),
    ("POST", "/admin/tokens/<public_id>/revoke"): Line(administrators(303), World.refresh_id, {"reason": "x"}),
    ("GET", "/admin/tokens/<public_id>/end-old-secret"): Line(administrators(200), World.refresh_id),
    ("POST", "/admin/tokens/<public_id>/end-old-secret"): Line(administrators(303), World.refresh_id),
    ("GET", "/admin/tokens/revoke-by-filter"): Line(administrators(400)),  # a filter narrows to something
    ("POST", "/admin/tokens/revoke-by-filter"): Line(administrators(400), form={"confirmation": "x"}),
    ("GET", "/admin/tokens/revocations/<number>"): Line(administrators(200), World.revocation),
    ("GET", "/admin/tokens/revoke-chosen"): Line(administrators(400)),  # of none
    ("POST", "/admin/tokens/revoke-chosen"): Line(administrators(400), form={"confirmation": "x"}),
    ("GET", "/admin/tokens/move-chosen"): Line(administrators(400)),  # of none
    ("POST", "/admin/tokens/move-chosen"): Line(administrators(400), form={"to": "nobody"}),
    ("GET", "/admin/tokens/export"): Line(administrators(200)),
    ("GET", "/admin/identify"): Line(administrators(200)),
    ("POST", "/admin/identify"): Line(administrators(200), form={"secret": "x"}),
    ("GET", SCIM): Line(administrators(200)),
    ("GET", f"{SCIM}/tokens/new"): Line(administrators(200)),
    ("POST", f"{SCIM}/tokens/new"): Line(administrators(400), form={"name": ""}),
    ("GET", f"{SCIM}/tokens/<public_id>/revoke"): Line(administrators(200), World.scim_token_id),
    ("POST", f"{SCIM}/tokens/<public_id>/revoke"): Line(administrators(303), World.scim_token_id),
    ("GET", f"{SCIM}/groups/new"): Line(administrators(200)),
    ("POST", f"{SCIM}/groups/new"): Line(administrators(303), form={"group": "Buyers", "role": "STEWARD"}),
    ("GET", f"{SCIM}/groups/remove"): Line(administrators(200)),
    ("POST", f"{SCIM}/groups/remove"): Line(administrators(404), form={"group": "no such group"}),
    ("GET", "/admin/users/<user_id>/scim"): Line(administrators(200), World.someone),
    ("POST", "/admin/users/<user_id>/scim"): Line(administrators(303), World.someone, {"managed": "yes"}),
    ("GET", "/admin/settings"): Line(administrators(200)),
    ("GET", "/admin/settings/<key>"): Line(administrators(200), lambda world: "retention_days"),
    ("POST", "/admin/settings/<key>"): Line(administrators(400), lambda world: "retention_days", {"value": "x"}),
    ("GET", "/admin/audit"): Line(administrators(200)),
    ("GET", "/admin/audit/export"): Line(administrators(200)),
    ("GET", "/admin/jobs"): Line(administrators(200)),
}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(app)


def test_every_page_has_its_line_and_every_line_a_page(app: Flask) -> None:
    pages = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("web_")]
    routes = {(method, rule.rule.rstrip("/")) for rule in pages for method in (rule.methods or set()) - {"HEAD"}}
    assert routes == set(MATRIX)


@pytest.mark.parametrize(("method", "path"), list(MATRIX), ids=lambda part: part or "home")
def test_each_visitor_is_answered_as_the_matrix_says(world: World, method: str, path: str) -> None:
    """Fails when a guard is exchanged for another."""
    line, found = MATRIX[method, path], {}
    for visitor in VISITORS if path not in ("/logout", "/account/security/end-all") else ("nobody",):
        ids = iter(line.argument(world).split())
        address = re.sub(r"<\w+>", lambda _, ids=ids: next(ids), path) or "/"
        answer = world.send(visitor, method, address, line.form)
        found[visitor] = answer.status_code
        if answer.status_code == 303 and path.startswith(("/account", "/admin", "/preferences")):
            leaves = visitor in ("nobody", "disabled", "token holder")
            assert answer.location.startswith("/login?next=") == leaves, visitor
    assert found == {name: status for name, status in zip(VISITORS, line.statuses, strict=True) if name in found}


OWNED = [key for key, line in MATRIX.items() if line.statuses[VISITORS.index("another")] == 404]


@pytest.mark.parametrize("key", OWNED, ids=lambda key: " ".join(key))
def test_anothers_id_an_unknown_one_and_what_is_no_id_are_answered_in_the_same_bytes(
    world: World, key: tuple[str, str]
) -> None:
    """◆ But for the request's own id and the pad of the form token.

    Fails when `_own` forgets whose a token is, or `single_tier.get` the owner.
    """
    method, path = key
    unknown = "00000000-0000-4000-8000-000000000000" if "uuid" in path else "zzzzzzzzzzzz"
    odd = ("x", "%00", "..%2f..", "%c3%a9", "'--", "a" * 300, "ZZZZZZZZZZZZ", "%f0%9f%98%80", "0" * 36)
    bodies = set()
    for each in (*odd, unknown, world.access_id(), MATRIX[key].argument(world)):
        address = re.sub(r"<\w+>", each, path)
        answer = world.send("another", method, address, MATRIX[key].form)
        assert answer.status_code == 404, each
        if each not in odd:
            shown = answer.text.replace(answer.headers["X-Request-Id"], "").replace(address, "")
            bodies.add(re.sub(r'name="form_token" value="\w+"', "", shown))  # under another pad each time
    assert len(bodies) == 1
