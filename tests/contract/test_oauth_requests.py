"""Requests to the two endpoints that can't be understood, and the ways a good one may be written.

RFC 7662 section 2.1 and RFC 7009 section 2.1 (a form), RFC 6749 section 3.2 (parameters once, empty ones count as
missing, unknown ones are ignored) and section 5.2 (the errors). That each answer has the right members and
characters is asserted of every one in ``asking_oauth``.
"""

import json
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from flask import Flask
from werkzeug.exceptions import ImATeapot

from app.api.oauth.errors import DIALECT, TABLE, fail, refuse
from app.domain import errors
from app.domain.errors import TokenRefused, every_refusal
from app.factory import create_app
from app.http.body import LARGEST_BODY, MOST_FIELDS
from app.http.guards import ANYBODY, GuardedBlueprint
from app.services import Services
from app.storage.database import Database
from config import Settings
from tests import rows
from tests.contract.asking_oauth import INACTIVE, INTROSPECT, REVOKE, Headers, OAuth, check, said
from tests.contract.test_alation_error_table import example
from tests.databases import KEYS
from tests.factories import issue, make_user, mint

FORM = "application/x-www-form-urlencoded"
ENDPOINTS = (INTROSPECT, REVOKE)
MALFORMED = (400, "invalid_request", "bad_request")

both = pytest.mark.parametrize("path", [form for path in ENDPOINTS for form in (path, f"{path}/")])


@pytest.fixture
def token(services: Services) -> str:
    """A good one; whatever can't be understood must not end it."""
    return mint(services, issue(services, make_user(services))).secret


BAD_BODIES: dict[str, dict[str, Any]] = {
    "no body": {},
    "an empty form": {"data": b"", "content_type": FORM},
    "without token": {"data": {"token_type_hint": "access_token"}},
    "an empty token": {"data": {"token": "", "token_type_hint": "access_token"}},
    "an empty token that is named twice": {"data": "token=&token=", "content_type": FORM},
    "token twice": {"data": "token={token}&token={token}", "content_type": FORM},
    "token twice, once empty": {"data": "token={token}&token=", "content_type": FORM},
    "hint twice": {"data": "token={token}&token_type_hint=a&token_type_hint=b", "content_type": FORM},
    "something unknown twice": {"data": "token={token}&a=1&a=2", "content_type": FORM},
    "another case": {"data": {"Token": "{token}"}},
    "JSON": {"json": {"token": "{token}"}},
    "JSON that says it is a form": {"data": '{"token": "{token}"}', "content_type": FORM},
    "a form that says it is JSON": {"data": "token={token}", "content_type": "application/json"},
    "a form that says nothing": {"data": "token={token}"},
    "a form that says it is text": {"data": "token={token}", "content_type": "text/plain"},
    "multipart": {"data": {"token": "{token}"}, "content_type": "multipart/form-data"},
    "no media type": {"data": "token={token}", "content_type": "form"},
    "bytes that are not UTF-8": {"data": b"token=\xff\xfe", "content_type": FORM},
    "bytes that are not UTF-8, encoded": {"data": "token=%ff%fe", "content_type": FORM},
    "a lone surrogate, encoded": {"data": "token=%ed%a0%80", "content_type": FORM},
    "a name that is not UTF-8": {"data": "token={token}&%ff=1", "content_type": FORM},
    "too many parameters": {
        "data": "token={token}" + "".join(f"&a{number}=" for number in range(MOST_FIELDS)),
        "content_type": FORM,
    },
}  # fmt: skip


def _with_token(request: dict[str, Any], token: str) -> dict[str, Any]:
    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put(each) for name, each in value.items()}
        return value.replace("{token}", token) if isinstance(value, str) else value

    return {name: put(value) for name, value in request.items()}


@both
@pytest.mark.parametrize("how", BAD_BODIES)
def test_what_cannot_be_understood_is_a_400_and_ends_nothing(
    oauth: OAuth, as_introspector: Headers, token: str, path: str, how: str
) -> None:
    answer = oauth.send(path, headers=as_introspector, **_with_token(BAD_BODIES[how], token))
    assert said(answer) == MALFORMED
    assert token not in answer.text
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


def test_what_is_wrong_is_said(oauth: OAuth, as_introspector: Headers) -> None:
    for request, expected in (
        ({"data": {"hint": "x"}}, "The parameter token is missing."),
        ({"json": {"token": "x"}}, f"Send the parameters as {FORM}."),
        ({"data": "token=a&token=b", "content_type": FORM}, "The request's body names a member twice."),
        ({"data": "token=%ff", "content_type": FORM}, "The request's body is not a valid form in UTF-8."),
    ):
        for path in ENDPOINTS:
            answer = oauth.send(path, headers=as_introspector, **request)
            assert answer.get_json()["error_description"] == expected


@both
def test_a_body_that_is_too_large_is_a_413(oauth: OAuth, as_introspector: Headers, token: str, path: str) -> None:
    rest = "x" * (LARGEST_BODY - len(f"token={token}&rest="))
    fits = oauth.send(path, headers=as_introspector, data=f"token=nonsense&rest={rest}", content_type=FORM)
    assert fits.status_code == 200
    answer = oauth.send(path, headers=as_introspector, data=f"token={token}&rest={rest}x", content_type=FORM)
    assert said(answer) == (413, "invalid_request", "request_entity_too_large")
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


@both
def test_only_post_is_allowed(oauth: OAuth, as_introspector: Headers, token: str, path: str) -> None:
    """RFC 7009 section 2 leaves GET out, lest tokens end up in logs; a token in the query ends nothing."""
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = oauth.send(f"{path}?token={token}", method, headers=as_introspector)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
        if method != "HEAD":
            assert said(answer) == (405, "invalid_request", "method_not_allowed")
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


@both
def test_parameters_in_the_query_are_none(
    oauth: OAuth, as_introspector: Headers, token: str, path: str, log_lines: list[str]
) -> None:
    """That they are not logged either is asserted of every test."""
    answer = oauth.send(f"{path}?token={token}", headers=as_introspector)
    assert said(answer) == MALFORMED
    answer = oauth.send(f"{path}?token={token}", headers=as_introspector, data={"token": "nonsense"})
    assert answer.status_code == 200
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE
    assert any('"path": "/oauth/' in line for line in log_lines)


def test_a_good_request_may_be_written_in_many_ways(oauth: OAuth, as_introspector: Headers, token: str) -> None:
    """With a charset, with parameters that are not known, with a token that is percent-encoded needlessly."""
    encoded = "".join(f"%{byte:02x}" for byte in token.encode("ascii"))
    for data, content_type in (
        (f"token={token}", f"{FORM}; charset=UTF-8"),
        (f"token={token}", FORM.upper()),
        (f"token={token}&scope=&client_id=api&a=1", FORM),
        (f"token={encoded}", FORM),
        (f"token_type_hint=&token={token}", FORM),
        (f"&token={token}&", FORM),
        (urlencode({"token": token, "token_type_hint": "é\U0001f511"}), FORM),
    ):
        for path in (INTROSPECT, f"{INTROSPECT}/"):
            answer = oauth.send(path, headers=as_introspector, data=data, content_type=content_type)
            assert (answer.status_code, answer.get_json().get("active")) == (200, True), data.replace(token, "…")


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/", "/oauth/introspect//", "/oauth//introspect", "//oauth/introspect", "/oauth/introspection",
        "/oauth/Introspect", "/oauth/introspect/more", "/oauth/token", "/oauth/authorize", "/oauth/%ff",
        "/oauth/revoke%20", "/oauth/./revoke", "/oauth/introspect;a=b",
    ],
)  # fmt: skip
def test_a_path_that_is_none_of_ours_is_a_404(oauth: OAuth, as_introspector: Headers, token: str, path: str) -> None:
    path_info = unquote_to_bytes(path).decode("latin-1")
    answer = oauth.client.post(
        "/", data={"token": token}, headers=as_introspector, environ_overrides={"PATH_INFO": path_info}
    )
    assert answer.status_code == 404
    if path.startswith("/oauth"):
        check(answer)
        assert said(answer) == (404, "invalid_request", "not_found")


def test_raw_bytes_in_the_query_are_a_400(oauth: OAuth, as_introspector: Headers) -> None:
    for path in ENDPOINTS:
        answer = oauth.send(path, headers=as_introspector, environ_overrides={"QUERY_STRING": "a=\xff"})
        assert said(answer) == MALFORMED


def test_who_may_not_ask_learns_nothing_from_a_bad_body(oauth: OAuth) -> None:
    """The credential is looked at first."""
    for request in BAD_BODIES.values():
        assert oauth.send(INTROSPECT, **request).status_code == 401


def test_a_revocation_that_cannot_be_understood_or_is_not_one_changes_nothing(
    oauth: OAuth, services: Services, database: Database, token: str
) -> None:
    services.last_use.flush()
    before = rows.everything(database)
    for request in BAD_BODIES.values():
        assert said(oauth.send(REVOKE, **_with_token(request, token))) == MALFORMED
    for text_ in ("nonsense", token[:-1], f" {token}", "\0", "é", "x" * 15_000):
        assert oauth.revoke(text_).status_code == 200
    assert rows.everything(database) == before


# The table of errors


@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_every_refusal_has_a_line_in_the_table_and_can_be_said(
    app: Flask, path: str, kind: type[errors.Refusal]
) -> None:
    """Fails when a class is added to the tree, or a line taken out of the table (tried with Conflict)."""
    assert kind in TABLE
    with app.test_request_context(path, method="POST"):
        answer = refuse(example(kind))
        body = json.loads(answer.data)
    status, error, _ = TABLE[kind]
    if kind is errors.NotPermitted:  # nobody is known by a token here
        status, error = 400, "unauthorized_client"
    assert (answer.status_code, body["error"], body["reason"]) == (status, error, kind.reason)
    assert body["error_description"].isascii()
    assert (answer.status_code == 401) <= ("WWW-Authenticate" in answer.headers)


def test_the_table_holds_nothing_but_refusals() -> None:
    assert set(TABLE) == set(every_refusal())


def test_whatever_is_wrong_with_a_token_in_the_headers_is_invalid_token() -> None:
    """RFC 6750, section 3.1. One that is missing is a client that did not say who it is."""
    for kind in every_refusal():
        if issubclass(kind, TokenRefused):
            error = "invalid_client" if kind is errors.TokenMissing else "invalid_token"
            assert TABLE[kind][:2] == (401, error)


def test_descriptions_hold_the_allowed_characters_only(app: Flask) -> None:
    """RFC 6749, section 5.2: no quotation mark, no backslash, nothing but printable ASCII."""
    nasty = 'a "b" \\c\\ \r\nSet-Cookie: d \0\x7f é \U0001f511'
    clean = "a 'b' 'c' ''Set-Cookie: d '' ' '"
    with app.test_request_context(REVOKE, method="POST"):
        for answer in (refuse(errors.BadRequest(nasty)), refuse(errors.NotPermitted(nasty)), fail(ImATeapot(nasty))):
            assert json.loads(answer.data)["error_description"] == clean
            assert "Set-Cookie" not in answer.headers
    assert DIALECT.prefix == "/oauth/"


def test_a_fault_of_ours_is_a_500_that_tells_nothing(settings: Settings, log_lines: list[str]) -> None:
    """The fault: a view below the prefix that divides by zero."""
    app = create_app(settings, KEYS)
    faulty = GuardedBlueprint("faulty", __name__, url_prefix="/oauth", guard=ANYBODY)
    faulty.get("/faulty/")(lambda: str(1 / 0))
    app.register_blueprint(faulty)
    answer = app.test_client().get("/oauth/faulty")
    assert said(answer) == (500, "server_error", "internal_server_error")
    assert list(json.loads(answer.data)) == ["error", "error_description", "reason"]
    assert "division" not in answer.text
    [line] = [line for line in log_lines if "request_failed" in line]
    assert answer.headers["X-Request-Id"] in line
