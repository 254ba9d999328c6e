"""The native API's errors: one complete table of RFC 9457 problems; HTTP's own errors as well.

Not here: what a single route refuses (``test_native_own`` and its siblings).
"""

import pytest
from flask import Flask, g

from app.api.native.errors import NAMED_TABLE, TABLE, refuse
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.services import Services
from tests.contract.asking_native import PROBLEM, Native, Person, fields_of, person, said
from tests.contract.conftest import MovableClock
from tests.contract.test_error_tables import example
from tests.factories import mint

BEARER, BAD_BEARER = 'Bearer realm="daypass"', 'Bearer realm="daypass", error="invalid_token"'


@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_line_and_can_be_said(app: Flask, kind: type[Refusal]) -> None:
    """Fails when a class is added to the tree, or a line taken out of the table."""
    with app.test_request_context("/api/v1/me"):
        g.request_id = "a request's id"
        answer = refuse(example(kind))
    body = answer.get_json()
    assert list(body)[: len(PROBLEM)] == PROBLEM
    assert (answer.status_code, body["reason"]) == (TABLE[kind][0], kind.reason)
    assert "{" not in body["detail"].replace("{braces}", "").replace("{allowed}", "").replace("{now}", "")


def test_the_tables_hold_nothing_but_refusals_and_differ_in_tokens_of_the_path_alone() -> None:
    assert set(TABLE) == set(NAMED_TABLE) == set(every_refusal())
    for kind in every_refusal():
        if issubclass(kind, TokenRefused):
            assert (TABLE[kind][0], NAMED_TABLE[kind][0]) == (401, 409)
        else:
            assert TABLE[kind] == NAMED_TABLE[kind]
    assert TABLE[errors.NotPermitted][0] == 403


def test_without_a_token_the_challenge_names_the_scheme_alone(native: Native) -> None:
    for headers in ({}, {"TOKEN": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = native.get("me", headers=headers)
        assert said(answer) == (401, "token_missing")
        assert answer.headers["WWW-Authenticate"] == BEARER


def test_a_bad_token_is_a_401_that_says_why_in_either_header(
    services: Services, native: Native, anna: Person, clock: MovableClock
) -> None:
    superseded = anna.access.secret
    current = mint(services, anna.refresh).secret
    for token, reason, days in (
        ("nonsense", "token_malformed", 0),
        (anna.refresh.secret, "token_malformed", 0),
        (superseded, "token_superseded", 0),
        (current, "token_expired", 2),
    ):
        for headers in ({"TOKEN": token}, {"Authorization": f"Bearer {token}"}):
            with clock.later(days=days):
                answer = native.get("me", headers=headers)
            assert said(answer) == (401, reason)
            assert answer.headers["WWW-Authenticate"] == BAD_BEARER


def test_two_different_tokens_are_refused(native: Native, anna: Person, services: Services) -> None:
    other = person(services, native).access.secret
    headers = {"TOKEN": anna.access.secret, "Authorization": f"Bearer {other}"}
    assert said(native.get("me", headers=headers)) == (401, "token_malformed")


def test_bodies_are_json_objects_of_known_members_and_nothing_else(native: Native) -> None:
    path, proof = "access-tokens", {"refresh_token": "x"}
    for request in (
        {"data": proof},
        {"data": "{}", "content_type": "text/plain"},
        {"data": b"\xff", "content_type": "a/b"},
    ):
        assert said(native.send("POST", path, **request)) == (415, "unsupported_media_type")
    for raw in (b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"null"):
        answer = native.send("POST", path, data=raw, content_type="application/json")
        assert said(answer) == (400, "bad_request"), raw
    assert fields_of(native.post(path, proof | {"user_id": 1})) == ["user_id"]
    assert fields_of(native.post(path, {"refresh_token": 1})) == ["refresh_token"]
    assert said(native.send("POST", path, data=b"x" * 20_000, content_type="application/json"))[0] == 413


def test_an_address_or_a_method_that_is_none_is_a_problem(native: Native, anna: Person) -> None:
    assert said(native.get("nothing")) == (404, "not_found")
    assert said(anna.native.get("me//")) == (404, "not_found")
    wrong = anna.native.send("PUT", "me")
    assert said(wrong) == (405, "method_not_allowed")
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    raw = {"QUERY_STRING": "a=\xff"}
    assert said(anna.native.get("me", environ_overrides=raw)) == (400, "bad_request")


def test_only_administrators_enter_and_are_told_so(anna: Person) -> None:
    answer = anna.native.get("users")
    assert said(answer) == (403, "not_permitted")
    assert answer.get_json()["detail"] == "Only server administrators may do this."
