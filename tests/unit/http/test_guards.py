"""Who may enter: a walk of the URL map, and what becomes of a route that does not say.

Here belongs what must be true of every route at once. Not here: which tokens the guard lets in
(``tests/contract``).
"""

import re
from base64 import b64encode
from dataclasses import replace

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from flask_smorest import Blueprint
from werkzeug.routing import Rule

from app.api import integration_v1
from app.api.v4.routes import WHILE_ON
from app.domain.errors import BadCredentials, Refusal, TokenMalformed, TokenMissing
from app.domain.identity import Role
from app.factory import create_app
from app.http.context import CurrentUser, caller
from app.http.guards import (
    ADMINISTRATOR,
    ANYBODY,
    CREDENTIAL_IN_BODY,
    INTROSPECTOR,
    PRESENTER,
    SIGNED_IN,
    TOKEN_HOLDER,
    GuardedBlueprint,
    authenticate_request,
    guard_of,
    refuse_unguarded_routes,
)
from app.services import Services
from app.web.guards import ADMINISTRATOR_IN_SESSION, IN_SESSION, VISITOR
from config import Settings
from tests.databases import KEYS
from tests.factories import PASSWORD, issue, make_user, mint

EVERYBODYS = (
    "me", "me/token", "me/tokens", "me/tokens/<public_id>", "me/refresh-tokens",
    "me/refresh-tokens/<public_id>/access-token", "me/refresh-tokens/<public_id>/regenerate",
)  # fmt: skip
ADMINISTRATORS = (
    "users", "users/<user_id>", "users/<user_id>/revoke-tokens", "tokens", "tokens/<public_id>",
    "tokens/<public_id>/revoke", "tokens/identify", "tokens/revocations", "tokens/revocations/preview", "settings",
    "settings/<key>", "settings/<key>/preview", "audit-events", "jobs",
)  # fmt: skip
"""The routes of the native dialect."""

OWN_PAGES = (
    "account/auth", "account/auth/refresh-tokens", "account/auth/refresh-tokens/<public_id>/access-token",
    "account/auth/refresh-tokens/<public_id>/regenerate", "account/auth/refresh-tokens/<public_id>/revoke",
    "account/auth/test-token", "account/password", "preferences/access-tokens", "preferences/access-tokens/new",
    "preferences/access-tokens/<uuid>/delete",
)  # fmt: skip
ADMIN_PAGES = (
    "", "/users", "/users/new", "/users/<user_id>", "/users/<user_id>/disable", "/users/<user_id>/revoke-tokens",
    "/tokens", "/tokens/<public_id>", "/tokens/<public_id>/revoke", "/tokens/revoke-by-filter", "/identify",
    "/settings", "/settings/<key>", "/audit", "/jobs",
)  # fmt: skip

GUARDS = {
    "/healthz": ANYBODY,
    "/readyz": ANYBODY,
    "/integration/v1/createRefreshToken": CREDENTIAL_IN_BODY,
    "/integration/v1/createAPIAccessToken": CREDENTIAL_IN_BODY,
    "/integration/v1/validateRefreshToken": CREDENTIAL_IN_BODY,
    "/integration/v1/validateAPIAccessToken": CREDENTIAL_IN_BODY,
    "/integration/v1/regenRefreshToken": CREDENTIAL_IN_BODY,
    "/integration/v1/revokeAPIAccessTokens": CREDENTIAL_IN_BODY,
    "/integration/v1/userinfo": TOKEN_HOLDER,
    "/oauth/introspect": INTROSPECTOR,
    "/oauth/revoke": PRESENTER,
    "/v4/apiAccessTokens": WHILE_ON,
    "/v4/apiAccessTokens/<tokenId>": WHILE_ON,
    "/v4/open-api-spec": SIGNED_IN,
    "/v4/people/current": SIGNED_IN,
    "/openapi/<name>": ANYBODY,
    "/docs": ANYBODY,
    "/docs/<name>": ANYBODY,
    "/docs/files/<name>": ANYBODY,
    "/api/v1/access-tokens": CREDENTIAL_IN_BODY,
    **dict.fromkeys((f"/api/v1/{path}" for path in EVERYBODYS), TOKEN_HOLDER),
    **dict.fromkeys((f"/api/v1/{path}" for path in ADMINISTRATORS), ADMINISTRATOR),
    **dict.fromkeys(("", "/login", "/logout", "/theme", "/static/<name>"), VISITOR),
    **dict.fromkeys((f"/{path}" for path in OWN_PAGES), IN_SESSION),
    **dict.fromkeys((f"/admin{path}" for path in ADMIN_PAGES), ADMINISTRATOR_IN_SESSION),
}
"""Every route of the application and who may enter. A route that is added must be added here."""


def test_every_route_states_who_may_enter(app: Flask) -> None:
    """Fails when a route is registered past the guarded blueprints (tried with `app.add_url_rule`)."""
    for rule in app.url_map.iter_rules():
        assert guard_of(app, rule.endpoint) is not None, rule


def test_the_guards_are_these_and_no_others(app: Flask) -> None:
    found = {(rule.rule.rstrip("/"), guard_of(app, rule.endpoint)) for rule in app.url_map.iter_rules()}
    assert found == set(GUARDS.items())


def test_every_route_exists_in_both_slash_forms(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert rules == {form for path in GUARDS for form in (path, f"{path}/") if form}


def test_every_route_for_token_holders_refuses_whoever_has_none(app: Flask, client: FlaskClient) -> None:
    """Fails when `TOKEN_HOLDER` lets in without looking (tried: the walk met a 200 or a 500)."""
    walked = 0
    for rule in app.url_map.iter_rules():
        if guard_of(app, rule.endpoint) is not TOKEN_HOLDER:
            continue
        refused = 403 if rule.rule.startswith("/integration/") else 401  # 403 is Alation's word for it
        for method in rule.methods or ():
            for headers in ({}, {"TOKEN": "no_token"}, {"Authorization": "Bearer no_token"}):
                assert client.open(a_path(rule), method=method, headers=headers).status_code == refused, (rule, method)
                walked += 1
    assert walked > 0


def test_every_route_for_whoever_signs_in_answers_401_to_nobody(app: Flask, client: FlaskClient) -> None:
    """Fails when `SIGNED_IN` lets in without looking (tried: the walk met a 500, for nobody is known)."""
    walked = 0
    for rule in app.url_map.iter_rules():
        if guard_of(app, rule.endpoint) not in (SIGNED_IN, WHILE_ON):
            continue
        for method in rule.methods or ():
            for headers in ({}, {"TOKEN": "no_token"}, {"Authorization": "Basic !"}):
                assert client.open(a_path(rule), method=method, headers=headers).status_code == 401, (rule, method)
                walked += 1
    assert walked > 0


def a_path(rule: Rule) -> str:
    """One that the rule matches."""
    return re.sub("<[^>]+>", "x", rule.rule)


def test_every_route_for_introspectors_answers_401_to_everybody_else(
    app: Flask, client: FlaskClient, services: Services
) -> None:
    """Fails when `INTROSPECTOR` lets in without looking (tried: the walk met a 400)."""
    user = mint(services, issue(services, make_user(services))).secret
    walked = 0
    for rule in app.url_map.iter_rules():
        if guard_of(app, rule.endpoint) is not INTROSPECTOR:
            continue
        assert not rule.arguments, "teach this walk to fill in the arguments"
        for headers in ({}, {"TOKEN": "no_token"}, {"TOKEN": user}, {"Authorization": f"Bearer {user}"}):
            for method in rule.methods or ():
                assert client.open(rule.rule, method=method, headers=headers).status_code == 401, (rule, method)
                walked += 1
    assert walked > 0


def test_who_asks_is_nobody_the_user_of_the_password_or_the_owner_of_the_token(app: Flask, services: Services) -> None:
    anna = make_user(services, "anna", Role.STEWARD, PASSWORD)
    access = mint(services, issue(services, anna)).secret
    by_password = {"Authorization": f"Basic {b64encode(f'anna:{PASSWORD}'.encode()).decode()}"}
    for headers in (by_password, {"TOKEN": access}, {"Authorization": f"Bearer {access}"}):
        assert asker(app, headers) == (CurrentUser(anna.id, "anna", Role.STEWARD), ("anna", anna.id))
    assert asker(app, {}) == (None, ("", None))


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"TOKEN": ""}, TokenMissing),
        ({"Authorization": ""}, TokenMissing),
        ({"Authorization": "Bearer"}, TokenMissing),
        ({"Authorization": "Digest a=b"}, TokenMissing),
        ({"Authorization": "Basic"}, BadCredentials),
        ({"TOKEN": "", "Authorization": "Basic !"}, TokenMissing),
        ({"TOKEN": "x"}, TokenMalformed),
        ({"TOKEN": "x", "Authorization": "Basic !"}, TokenMalformed),
    ],
    ids=str,
)
def test_a_credential_that_is_not_good_is_never_taken_for_none(
    app: Flask, headers: dict[str, str], refusal: type[Refusal]
) -> None:
    """Fails when `authenticate_request` answers None for whatever holds no token (tried)."""
    with pytest.raises(refusal):
        asker(app, headers)


def asker(app: Flask, headers: dict[str, str]) -> tuple[CurrentUser | None, tuple[str, int | None]]:
    """Who asks with these headers, and who is then on record."""
    with app.test_request_context("/oauth/revoke", method="POST", headers=headers):
        g.request_id = "a request's id"
        found = authenticate_request()
        return found, (caller().name, caller().user_id)


def test_a_route_that_states_no_guard_is_refused(app: Flask) -> None:
    app.add_url_rule("/open-door", "open_door", lambda: "come in")
    with pytest.raises(RuntimeError, match="/open-door"):
        refuse_unguarded_routes(app)


def test_an_application_with_an_unguarded_blueprint_does_not_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the factory does not ask (tried without its call of `refuse_unguarded_routes`)."""
    careless = Blueprint("careless", __name__)
    careless.add_url_rule("/open-door", "open_door", lambda: "come in")
    blueprints = (*integration_v1.DOCUMENT.blueprints, careless)
    monkeypatch.setattr(integration_v1, "DOCUMENT", replace(integration_v1.DOCUMENT, blueprints=blueprints))
    with pytest.raises(RuntimeError, match="routes that do not state who may enter: /open-door"):
        create_app(settings, KEYS)


def test_a_blueprint_cannot_be_made_without_a_guard() -> None:
    with pytest.raises(TypeError):
        GuardedBlueprint("careless", __name__)  # type: ignore[call-arg]


def test_a_route_at_the_root_has_one_form_only() -> None:
    root = GuardedBlueprint("root", __name__, guard=ANYBODY)
    root.add_url_rule("/", "root", lambda: "hello")
    flask = Flask(__name__, static_folder=None)
    flask.register_blueprint(root)
    assert [rule.rule for rule in flask.url_map.iter_rules()] == ["/"]
