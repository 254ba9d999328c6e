"""The error tables of the APIs are complete: every refusal of the domain, and faults of our own."""

import json
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from flask import Flask, Response, g
from werkzeug.exceptions import ImATeapot

from app.api.integration_v1 import errors as alation
from app.api.native import errors as native
from app.api.oauth import errors as oauth
from app.api.scim import errors as scim
from app.api.v4 import errors as v4
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.mistakes import Mistake
from app.domain.tokens import TokenKind
from app.factory import create_app
from app.gate import answers as gate
from app.http import oauth_refusals
from app.http.guards import ANYBODY, GuardedBlueprint
from config import Settings
from tests.contract.asking import HINT, NAMES, NO_CREDENTIALS, PREFIX, REVOKE, TOKENS, refusal
from tests.contract.asking_native import PROBLEM
from tests.databases import KEYS


def example(kind: type[Refusal]) -> Refusal:
    """A refusal of that class, as it would be raised."""
    if issubclass(kind, TokenRefused):
        return kind(TokenKind.REFRESH, "publicid1234", datetime(2026, 1, 1, tzinfo=UTC))
    arguments: dict[type[Refusal], tuple[Any, ...]] = {
        errors.BadRequest: ("A message with {braces}.",),
        errors.TemporaryPassword: ("It has {expired}.",),
        errors.SecondFactorRequired: ("Not {allowed}.",),
        errors.SignInRefused: ("Not {now}.", "no_account"),
        errors.NotPermitted: ("Not {allowed}.",),
        errors.LimitReached: ("active refresh tokens", 3),
        errors.NotFound: ("user",),
        errors.FeatureOff: ("Turned off.",),
        errors.Conflict: ("Not {now}.",),
        errors.RateLimited: (7,),
        errors.Unavailable: ("the database is away",),
    }
    return kind(*arguments.get(kind, ()))


def refuse(app: Flask, module: Any, path: str, method: str, failure: Refusal) -> tuple[Response, dict[str, Any]]:
    """The answer of that API to a failure, and its body."""
    with app.test_request_context(path, method=method):
        g.request_id = "0" * 32
        answer: Response = module.refuse(failure)
    return answer, json.loads(answer.data)


@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
def test_every_api_has_an_answer_to_every_refusal(app: Flask, kind: type[Refusal]) -> None:
    """Fails when a class is added to the tree, or a line taken out of a table (tried with Conflict)."""
    for path, method, table in (
        (f"{PREFIX}/createRefreshToken/", "POST", alation.TABLE),
        (f"{PREFIX}/userinfo/", "GET", alation.RESOURCE_TABLE),
    ):
        answer, body = refuse(app, alation, path, method, example(kind))
        assert (answer.status_code, body["code"]) == (table[kind][0], f"{answer.status_code}000")
        assert body["message"] == body["detail"] != ""
        expected = "token_unknown" if kind is errors.TokenMalformed and method == "POST" else kind.reason
        assert body["reason"] == expected
        assert ("hint" in body) is (kind is errors.OwnerMustSignIn)

    answer, body = refuse(app, v4, TOKENS, "GET", example(kind))
    name, message, details, *_ = body["exception"].values()
    assert (name, message) in (NAMES | {409: {("ConflictException", "Conflict")}})[answer.status_code]
    assert details and answer.headers["x-trifacta-request-id"]
    assert kind is not errors.RateLimited or answer.headers["x-retry-after"] == "7"

    answer, body = refuse(app, native, "/api/v1/me", "GET", example(kind))
    assert list(body)[: len(PROBLEM)] == PROBLEM
    assert (answer.status_code, body["reason"]) == (native.TABLE[kind][0], kind.reason)
    assert "{" not in body["detail"].replace("{braces}", "").replace("{allowed}", "").replace("{expired}", "").replace(
        "{now}", ""
    )

    is_of_token = issubclass(kind, TokenRefused)
    status, error, _ = oauth_refusals.TABLE[kind]
    if kind is errors.NotPermitted:  # nobody is known by a token here
        status, error = 400, "unauthorized_client"
    for failure, expected in as_tokens(kind) if is_of_token else [(example(kind), (status, error))]:
        answer, body = refuse(app, oauth, REVOKE, "POST", failure)
        assert (answer.status_code, body["error"], body["reason"]) == (*expected, kind.reason)
        assert body["error_description"].isascii()
        assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)

    answer, body = refuse(app, scim, "/scim/v2/Users", "POST", example(kind))
    assert (answer.status_code, body["status"]) == (scim.TABLE[kind][0], str(answer.status_code))
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"] and body["detail"]


def as_tokens(kind: type[TokenRefused]) -> list[tuple[Refusal, tuple[int, str]]]:
    """The refusals of an access token in the headers, of a client's own token, and of one that is to mint."""
    client, grant = kind(TokenKind.REFRESH, is_client=True), kind(TokenKind.REFRESH)
    of_headers = kind(TokenKind.ACCESS), oauth_refusals.TABLE[kind][:2]
    return [of_headers, (client, (401, "invalid_client")), (grant, (400, "invalid_grant"))]


def test_every_api_has_the_hint_beside_members_that_are_the_same_without_it(app: Flask) -> None:
    """But for the reason at Alation's token endpoints, where a malformed token without a hint is an unknown one."""
    for kind, mistake in product(TokenKind, Mistake):
        plain, hinted = errors.TokenMalformed(kind), errors.TokenMalformed(kind, mistake=mistake)
        for module, path, method, other in (
            (alation, f"{PREFIX}/createRefreshToken/", "POST", {"reason": "token_unknown"}),
            (alation, f"{PREFIX}/userinfo/", "GET", {}),
            (v4, TOKENS, "GET", {}),
            (native, "/api/v1/me", "GET", {}),
            (oauth, REVOKE, "POST", {}),
        ):
            before, old = refuse(app, module, path, method, plain)
            after, new = refuse(app, module, path, method, hinted)
            assert (after.status_code, after.headers.getlist("WWW-Authenticate")) == (
                before.status_code,
                before.headers.getlist("WWW-Authenticate"),
            )
            members = new.get("exception", new)
            assert HINT.fullmatch(members.pop("hint"))
            assert new | other == old


def test_the_tables_hold_nothing_but_refusals_and_say_the_same_of_every_bad_token() -> None:
    """RFC 6750, section 3.1; in OAuth a missing token is a client that did not authenticate."""
    tables = (
        alation.TABLE,
        alation.RESOURCE_TABLE,
        v4.TABLE,
        oauth_refusals.TABLE,
        native.TABLE,
        native.NAMED_TABLE,
        scim.TABLE,
    )
    assert all(set(table) == set(every_refusal()) for table in tables)
    for kind in every_refusal():
        is_of_token = issubclass(kind, TokenRefused)
        assert native.NAMED_TABLE[kind][0] == (409 if is_of_token else native.TABLE[kind][0])
        if is_of_token:
            assert (alation.TABLE[kind][0], alation.RESOURCE_TABLE[kind]) == (401, (403, NO_CREDENTIALS))
            assert v4.TABLE[kind][0] == native.TABLE[kind][0] == 401
            error = "invalid_client" if kind is errors.TokenMissing else "invalid_token"
            assert oauth_refusals.TABLE[kind][:2] == (401, error)
    assert v4.TABLE[errors.NotFound][1] != v4.TABLE[errors.FeatureOff][1]


def test_the_gate_names_a_refusal_as_the_trifacta_dialect_does() -> None:
    for kind, (status, _) in gate.ANSWERS.items():
        assert (status, gate.EXCEPTIONS[status]) == v4.TABLE[kind][:2]


def test_descriptions_of_oauth_hold_the_allowed_characters_only(app: Flask) -> None:
    """RFC 6749, section 5.2: no quotation mark, no backslash, nothing but printable ASCII."""
    nasty = 'a "b" \\c\\ \r\nSet-Cookie: d \0\x7f é \U0001f511'
    clean = "a 'b' 'c' ''Set-Cookie: d '' ' '"
    with app.test_request_context(REVOKE, method="POST"):
        for answer in (
            oauth.refuse(errors.BadRequest(nasty)),
            oauth.refuse(errors.NotPermitted(nasty)),
            oauth.fail(ImATeapot(nasty)),
        ):
            assert json.loads(answer.data)["error_description"] == clean
            assert "Set-Cookie" not in answer.headers


FAULTS = {
    PREFIX: (500, "A server error occurred. Its request id is in the X-Request-Id header.", "internal_server_error"),
    "/v4": (500, "InternalServerException", None),
    "/oauth": (500, "server_error", "internal_server_error"),
    "/api/v1": (500, native.HTTP_DETAILS[500], "internal_server_error"),
}


@pytest.mark.parametrize("prefix", FAULTS)
def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_the_request_id(
    settings: Settings, log_lines: list[str], prefix: str
) -> None:
    """The fault: a view below the prefix that divides by zero."""
    app = create_app(settings, KEYS)
    faulty = GuardedBlueprint("faulty", __name__, url_prefix=prefix, guard=ANYBODY)
    faulty.get("/faulty/")(lambda: str(1 / 0))
    app.register_blueprint(faulty)
    answer = app.test_client().get(f"{prefix}/faulty")
    assert refusal(answer) == FAULTS[prefix]
    assert "division" not in answer.text
    assert prefix != "/v4" or answer.headers["x-trifacta-request-id"] == answer.headers["X-Request-Id"]
    [line] = [line for line in log_lines if "request_failed" in line]
    assert answer.headers["X-Request-Id"] in line and "division" in line
