"""Every member of every schema of every API takes values of its own type, and nothing is converted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, ValidationError, fields

from app.api.integration_v1.schemas import UserId
from app.api.native.admin_schemas import SettingText
from app.api.native.fields import Instant
from app.api.v4.schemas import Lifetime
from app.domain.identity import Role
from app.http.guards import GuardedBlueprint
from app.services import Services
from tests.contract.asking import Trifacta, basic
from tests.contract.asking_native import Person
from tests.contract.asking_pages import somebody
from tests.factories import PASSWORD, issue, make_user

BY_TYPE: dict[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "whole number": (0, 1, -1, 7, 10**18),
    "number": (0.0, 1.0, 1.9, 1e3, -0.0),
    "text": ("", "7", "1.9", "true", "True", "0", "off", "null", "[]", "\uff17", "2026-03-01"),
    "array": ([], [1], ["7"], [True]),
    "object": ({}, {"a": 1}),
    "null": (None,),
}
"""Values of JSON by their type."""

TAKES: dict[type[fields.Field[Any]], set[str]] = {
    fields.Boolean: {"boolean"},
    fields.Integer: {"whole number"},
    fields.String: {"text"},
    fields.Enum: {"text"},
    fields.List: {"array"},
    fields.Nested: {"object"},
    Instant: {"text"},
    Lifetime: {"whole number"},
    UserId: {"whole number", "text"},
    SettingText: {"whole number", "text"},
}
"""What each type of member takes. Alation's clients send user ids as text; a setting's value is the text of one."""

WRONG_IN_QUERY = {
    fields.Boolean: ("", "0", "1", "yes", "no", "on", "off", "t", "f", "y", "n", "null", " true", "true ", "truee"),
    fields.Integer: (
        "", " 7", "7 ", "+7", "-7", "7.0", "1.9", "1e3", "0x7", "1_0", "\uff17", "\u0667", "true", "null", "9" * 19,
        "9" * 5000,
    ),
}  # fmt: skip


def schemas(app: Flask) -> Iterator[tuple[str, str, Schema]]:
    """Route, place and schema of every request of every API."""
    for rule in app.url_map.iter_rules():
        blueprint = app.blueprints.get(rule.endpoint.rpartition(".")[0])
        if isinstance(blueprint, GuardedBlueprint) and blueprint.errors is not None:
            notes = getattr(app.view_functions[rule.endpoint], "_apidoc", {})
            for each in notes.get("arguments", {}).get("parameters", []):
                yield rule.endpoint, each["in"], each["schema"]


def members(schema: Schema) -> Iterator[tuple[str, fields.Field[Any]]]:
    for name, each in schema.fields.items():
        yield name, each
        if isinstance(each, fields.Nested):
            yield from members(each.schema)
        elif isinstance(each, fields.List):
            yield f"{name}[]", each.inner


def test_no_member_of_any_api_takes_a_value_of_another_type(app: Flask) -> None:
    """◆ Fails with marshmallow's own Boolean or Integer, and when a new kind of member is not in the table above."""
    taken, walked = [], 0
    for endpoint, place, schema in schemas(app):
        for name, each in members(schema):
            kinds = [kind for kind in TAKES if isinstance(each, kind)]
            assert kinds, f"{endpoint}: what does a {type(each).__name__} take?"
            walked += 1
            right = TAKES[kinds[-1]] | ({"null"} if each.allow_none else set())
            wrong = [value for kind, values in BY_TYPE.items() if kind not in right for value in values]
            if place == "query":
                wrong = [value for kind in kinds for value in WRONG_IN_QUERY.get(kind, ())]
            for value in wrong:
                try:
                    each.deserialize(value)
                except ValidationError:
                    continue
                taken.append((endpoint, name, value))
    assert taken == []
    assert walked > 40


def test_a_wrong_type_anywhere_is_a_bad_request_in_the_dialect_s_own_words(
    app: Flask, client: FlaskClient, admin: Person
) -> None:
    """One value of each type in all members at once, at every route with a body. Never accepted, never a 5xx."""
    asked = 0
    for rule in app.url_map.iter_rules():
        for endpoint, place, schema in schemas(app):
            if endpoint != rule.endpoint or place == "query" or rule.rule.endswith("/"):
                continue
            path = rule.rule.replace("<public_id>", "abcdefgh2345").replace("<user_id>", "1").replace("<key>", "x")
            for values in BY_TYPE.values():
                body = {name: values[0] for name, each in schema.fields.items() if name != "description"}
                wrong = {name: value for name, value in body.items() if not isinstance(value, str)}
                method = next(iter(rule.methods - {"HEAD", "OPTIONS"}))
                answer = client.open(path, method=method, json=wrong, headers={"TOKEN": admin.access.secret})
                assert 400 <= answer.status_code < 500, (path, values, answer.status)
                assert json.loads(answer.data)
                asked += 1
    assert asked > 50


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, "false", "0", "", None, [], {}])
def test_only_a_boolean_disables_a_user(admin: Person, services: Services, value: object) -> None:
    berta = make_user(services)
    answer = admin.native.send("PATCH", f"users/{berta.id}", json={"is_active": value})
    assert answer.status_code == 400 and "is_active" in answer.get_json()["fields"]
    assert services.accounts.by_id(berta.id).is_active
    assert admin.native.send("PATCH", f"users/{berta.id}", json={"is_active": False}).status_code == 200


@pytest.mark.parametrize("value", [1.9, 1.0, "7", True, 1e3, [1], None])
def test_a_filter_in_json_takes_no_number_that_is_not_whole(admin: Person, value: object) -> None:
    answer = admin.native.post("tokens/revocations/preview", {"filter": {"unused_for_days": value}})
    assert answer.status_code == 400 and "filter.unused_for_days" in answer.get_json()["fields"]


def test_a_parameter_that_is_there_twice_is_refused_where_it_is_read(
    app: Flask, admin: Person, client: FlaskClient, trifacta: Trifacta
) -> None:
    """◆ Equal values too. Fails when the first one counts. What a dialect ignores is ignored twice as well."""
    for path in ("tokens?owner=alice&owner=admin", "tokens?limit=1&limit=1", "users?role=VIEWER&role=VIEWER",
                 "audit-events?actor=a&actor=b", "me/tokens?kind=access&kind=refresh"):  # fmt: skip
        answer = admin.native.get(path)
        name = path.partition("?")[2].partition("=")[0]
        assert (answer.status_code, answer.get_json()["fields"]) == (400, {name: ["is there more than once"]})
    visitor = somebody(app, Role.SERVER_ADMIN)
    for path in ("/admin/tokens?owner=alice&owner=admin", "/admin/users?q=a&q=b", "/login?next=/a&next=/b",
                 "/account/auth?cursor=a&cursor=b"):  # fmt: skip
        assert visitor.pages.get(path).status_code == 400, path
    allowed = basic(visitor.user.username, PASSWORD)
    assert client.get("/v4/apiAccessTokens?limit=1&limit=2", headers=allowed).status_code == 400
    assert client.get("/v4/apiAccessTokens?x=1&x=2", headers=allowed).status_code == 200
    holder = {"TOKEN": admin.access.secret}
    assert client.get("/integration/v1/userinfo/?x=1&x=2", headers=holder).status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/integration/v1/createAPIAccessToken/", "/oauth/revoke", "/oauth/v2/introspect", "/oauth/token"):
        twice = client.post(path, data="token=a&token=b&refresh_token=a&refresh_token=b", headers=form | holder)
        assert twice.status_code == 400, path


def test_a_cursor_is_of_this_list_of_this_instance_or_refused(app: Flask, admin: Person, services: Services) -> None:
    """◆ Fails without the seal, and when it does not cover the list."""
    for _ in range(60):
        issue(services, admin.user)
    make_user(services)
    lists = {name: f"{name}?limit=1" for name in ("tokens", "me/tokens", "users", "audit-events")}
    cursors = {name: admin.native.get(path).get_json()["next_cursor"] for name, path in lists.items()}
    for name, path in lists.items():
        own = cursors[name]
        assert admin.native.get(f"{path}&cursor={own}").status_code == 200
        position, _, seal = own.partition(".")
        others = [cursor for other, cursor in cursors.items() if other != name]
        changed = (f"{position}0.{seal}", f"{position}.{seal[::-1]}", f"{position}.{seal[:-1]}", own.upper(), position)
        for cursor in (*others, *changed, "abc", "0", "1f", "r1f", "ffffffffffffffff", "-1", f".{seal}", "."):
            refused = admin.native.get(f"{path}&cursor={cursor}")
            assert (refused.status_code, list(refused.get_json()["fields"])) == (400, ["cursor"]), (name, cursor)
    pages = somebody(app, Role.SERVER_ADMIN).pages
    for path in ("/admin/tokens", "/admin/users", "/admin/audit", "/account/auth", "/preferences/access-tokens"):
        for cursor in ("abc", "1f", "r1f", cursors["me/tokens"]):
            assert pages.get(f"{path}?cursor={cursor}").status_code == 400, (path, cursor)
