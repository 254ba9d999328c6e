"""Conditions at the gate, to the byte: good tokens that are not of the sort which a proxy lets through.

Here belong ``not_permitted`` and its challenge, introspectors' tokens included. Not here: which conditions are met
by whom (``tests/unit/gate/test_conditions``).
"""

import json

import pytest
from flask import Flask

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import NO_CREDENTIALS, Alation, said
from tests.contract.asking_gate import CHALLENGE, AskedGate, refused
from tests.contract.conftest import MovableClock, Setting
from tests.contract.test_alation_refused_tokens import ACCESS_STATES, World
from tests.factories import issue, make_user, mint

OF_NO_USE = "This is an introspector's token: it can introspect tokens, and nothing else."


@pytest.fixture
def gate(app: Flask) -> AskedGate:
    return AskedGate(app)


@pytest.fixture
def world(services: Services, clock: MovableClock, setting: Setting) -> World:
    return World(services, clock, setting)


def token_of(services: Services, role: Role) -> str:
    return mint(services, issue(services, make_user(services, role=role))).secret


def test_a_token_that_meets_the_conditions_is_let_through(gate: AskedGate, services: Services) -> None:
    secret = token_of(services, Role.STEWARD)
    for query in ("role=STEWARD", "role=SERVER_ADMIN&role=STEWARD", "kind=access", "kind=access&role=STEWARD", ""):
        assert gate.verify(secret, query).status_code == gate.verify_bearer(secret, query).status_code == 200


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("role=SERVER_ADMIN", "This requires one of these roles: SERVER_ADMIN."),
        (
            "role=STEWARD&role=SERVER_ADMIN&kind=access",
            "This requires one of these roles: SERVER_ADMIN or STEWARD.",
        ),
        ("kind=refresh", "This requires a token of one of these kinds: refresh."),
        ("role=", "The proxy's condition role='' is not a role."),
        ("role=viewer", "The proxy's condition role='viewer' is not a role."),
        ("kind=pat&role=VIEWER", "The proxy's condition kind='pat' is not a kind."),
        ("roles=VIEWER", "The proxy's condition 'roles' is unknown: use role or kind."),
        ("role=VIEWER&x=%C3%B6", "The proxy's condition 'x' is unknown: use role or kind."),
    ],
)
def test_a_good_token_that_does_not_meet_a_condition_is_a_403_that_says_why(
    gate: AskedGate, services: Services, query: str, why: str
) -> None:
    secret = token_of(services, Role.VIEWER)
    body = f'{{"detail":"{why}","code":"403000","message":"{why}","reason":"not_permitted"}}\n'.encode()
    by_token, by_bearer = gate.verify(secret, query), gate.verify_bearer(secret, query)
    assert refused(by_token) == refused(by_bearer) == (403, "not_permitted")
    assert by_token.data == by_bearer.data == body
    assert "WWW-Authenticate" not in by_token.headers
    # RFC 6750, section 3.1
    assert (
        by_bearer.headers["WWW-Authenticate"] == f'{CHALLENGE}, error="insufficient_scope", error_description="{why}"'
    )


@pytest.mark.parametrize("query", ["role=SERVER_ADMIN", "x=1"])
def test_of_a_bad_token_it_is_still_said_what_is_wrong_with_it(gate: AskedGate, world: World, query: str) -> None:
    """Its client mints another, whatever the proxy demands."""
    for state, _, reason in ACCESS_STATES:
        if state.__name__ == "access_token_of_a_disabled_user":
            continue  # it would spoil the user of the others
        secret, _ = state(world)
        world.refresh = issue(world.services, world.user)
        assert refused(gate.verify(secret, query)) == (403, reason)
        assert refused(gate.verify_bearer(secret, query)) == (401, reason)
    assert refused(gate.verify(None, query)) == (401, "token_missing")


@pytest.mark.parametrize("query", ["", "role=INTROSPECTOR", "kind=access", "role=VIEWER"])
def test_an_introspectors_token_opens_nothing(
    gate: AskedGate, alation: Alation, services: Services, query: str
) -> None:
    """Neither the APIs behind the gate nor a resource of Daypass; both say the same.

    Fails when `may_use_apis` is always true: so it was broken, and the token was good at both.
    """
    secret = token_of(services, Role.INTROSPECTOR)
    by_token, by_bearer = gate.verify(secret, query), gate.verify_bearer(secret, query)
    assert refused(by_token) == refused(by_bearer) == (403, "not_permitted")
    assert "insufficient_scope" in by_bearer.headers["WWW-Authenticate"]
    assert json.loads(by_token.data)["detail"] == OF_NO_USE
    for resource in (alation.use(secret), alation.use(Authorization=f"Bearer {secret}")):
        assert said(resource) == (403, OF_NO_USE, "not_permitted")
        assert resource.data == by_token.data


def test_a_bad_token_of_an_introspector_is_just_bad(gate: AskedGate, alation: Alation, services: Services) -> None:
    refresh = issue(services, make_user(services, role=Role.INTROSPECTOR))
    secret = mint(services, refresh).secret
    mint(services, refresh)
    assert refused(gate.verify(secret)) == (403, "token_superseded")
    assert said(alation.use(secret)) == (403, NO_CREDENTIALS, "token_superseded")
