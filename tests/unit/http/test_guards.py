"""Access guards: every route states one; which one, the access matrices in ``tests/contract`` show."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_smorest import Blueprint

from app.api import integration_v1
from app.api.v4.routes import WHILE_ON
from app.domain.errors import BadCredentials, Refusal, TokenMalformed, TokenMissing
from app.domain.ladder import Act
from app.factory import create_app
from app.http.acts import does
from app.http.guards import (
    SIGNED_IN,
    TOKEN_HOLDER,
    Guard,
    GuardedBlueprint,
    authenticate_request,
    guard_of,
)
from app.http.oauth_guards import INTROSPECTOR, OF_ALL
from config import Settings
from tests.databases import KEYS


def test_every_route_states_its_guard_and_exists_in_both_slash_forms(app: Flask) -> None:
    """Fails when a route is registered past the guarded blueprints, as with `app.add_url_rule`."""
    rules = {rule.rule: guard_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert len(rules) > 100
    for rule, guard in rules.items():
        assert guard is not None, rule
        assert rule == "/" or rules[rule.rstrip("/") if rule.endswith("/") else f"{rule}/"] is guard


@pytest.mark.parametrize(
    "guard", [TOKEN_HOLDER, SIGNED_IN, WHILE_ON, INTROSPECTOR, OF_ALL], ids=lambda guard: guard.name
)
def test_every_route_with_a_guard_refuses_a_missing_and_a_bad_credential(
    app: Flask, client: FlaskClient, guard: Guard
) -> None:
    """Fails when a guard accepts without looking: the walk met a 200, 400 or 500.

    Good credentials of the wrong kind: ``tests/contract/test_access_matrix``.
    """
    rules = [rule for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is guard]
    assert rules
    for rule in rules:
        is_alation = rule.rule.startswith("/integration/")  # 403 is Alation's status for it, but by Bearer
        path = re.sub("<[^>]+>", "x", rule.rule)
        for method in rule.methods or ():
            for headers in ({}, {"TOKEN": "no_token"}, {"Authorization": "Bearer no_token"}):
                refused = 403 if is_alation and "Authorization" not in headers else 401
                assert client.open(path, method=method, headers=headers).status_code == refused, (rule, method)
            if guard is not TOKEN_HOLDER:
                assert client.open(path, method=method, headers={"Authorization": "Basic !"}).status_code == 401


BAD_CREDENTIALS: list[tuple[dict[str, str], type[Refusal]]] = [
    ({"TOKEN": ""}, TokenMissing),
    ({"Authorization": ""}, TokenMissing),
    ({"Authorization": "Bearer"}, TokenMissing),
    ({"Authorization": "Digest a=b"}, TokenMissing),
    ({"Authorization": "Basic"}, BadCredentials),
    ({"TOKEN": "", "Authorization": "Basic !"}, TokenMissing),
    ({"TOKEN": "x"}, TokenMalformed),
    ({"TOKEN": "x", "Authorization": "Basic !"}, TokenMalformed),
]


def test_a_bad_credential_is_never_taken_for_none(app: Flask) -> None:
    """Fails when `authenticate_request` answers None for all that holds no token."""
    for headers, refusal in BAD_CREDENTIALS:
        with app.test_request_context("/oauth/revoke", method="POST", headers=headers), pytest.raises(refusal):
            authenticate_request()


def test_an_application_with_an_unguarded_blueprint_does_not_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the factory does not call `refuse_unguarded_routes`."""
    careless = Blueprint("careless", __name__)
    careless.add_url_rule("/open-door", "open_door", lambda: "come in")
    blueprints = (*integration_v1.DOCUMENT.blueprints, careless)
    monkeypatch.setattr(integration_v1, "DOCUMENT", replace(integration_v1.DOCUMENT, blueprints=blueprints))
    with pytest.raises(RuntimeError, match="routes without an access guard: /open-door"):
        create_app(settings, KEYS)


ROUTES: list[tuple[str, GuardedBlueprint, Callable[[], str]]] = [
    ("does not state what it does", GuardedBlueprint("a", __name__, guard=SIGNED_IN), lambda: "done"),
    (
        "is never enough to sign out",
        GuardedBlueprint("b", __name__, guard=SIGNED_IN),
        does(Act.SIGN_OUT)(lambda: "done"),
    ),
    (
        "accepts others than administrators, who may disable a user",
        GuardedBlueprint("c", __name__, guard=TOKEN_HOLDER),
        does(Act.REVOKE_ALL_OWN, Act.DISABLE_USER)(lambda: "done"),
    ),
]


@pytest.mark.parametrize(("reason", "careless", "view"), ROUTES, ids=[reason for reason, _, _ in ROUTES])
def test_an_application_with_a_route_off_the_ladder_does_not_start(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    careless: GuardedBlueprint,
    view: Callable[[], str],
) -> None:
    """◆ Fails when the acts of a route are not compared with its guard."""
    careless.add_url_rule("/open-door", "open_door", view, methods=["POST"])
    blueprints = (*integration_v1.DOCUMENT.blueprints, careless)
    monkeypatch.setattr(integration_v1, "DOCUMENT", replace(integration_v1.DOCUMENT, blueprints=blueprints))
    with pytest.raises(RuntimeError, match=f"/open-door.*{reason}"):
        create_app(settings, KEYS)


def test_a_blueprint_cannot_be_made_without_a_guard() -> None:
    with pytest.raises(TypeError):
        GuardedBlueprint("careless", __name__)  # type: ignore[call-arg]
