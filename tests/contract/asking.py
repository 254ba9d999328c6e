"""Asking the compatibility APIs and the gate in-process; every answer goes through the check of its API."""

import base64
import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse

from app.domain.leavers import MUST_SIGN_IN
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.gate import Gate
from app.http.context import parts
from tests.secrecy import secrets_in

Headers = dict[str, str]
Members = dict[str, Any]

TEXT = TokenFormat(("dp",))

# The Alation-compatible API

PREFIX = "/integration/v1"
WITH_REFRESH_TOKEN = ("createAPIAccessToken", "validateRefreshToken", "regenRefreshToken", "revokeAPIAccessTokens")
"""The endpoints that take a refresh token and a user id."""
ENDPOINTS = ("createRefreshToken", *WITH_REFRESH_TOKEN, "validateAPIAccessToken")
REFRESH_INVALID = "Refresh token provided is invalid."
REFRESH_ENDED = "Refresh token provided is expired or revoked."
ACCESS_INVALID = "API Access Token provided is invalid."
ACCESS_ENDED = "API Access Token provided is expired or revoked."
NO_CREDENTIALS = "Authentication credentials were not provided."

# OAuth

INTROSPECT, REVOKE, GRANT = "/oauth/introspect", "/oauth/revoke", "/oauth/token"
INACTIVE = b'{"active":false}\n'
BASIC = 'Basic realm="daypass", charset="UTF-8"'
BEARER = 'Bearer realm="daypass"'
BEARER_INVALID = f'{BEARER}, error="invalid_token"'
BEARER_INSUFFICIENT = f'{BEARER}, error="insufficient_scope"'
ERRORS = {
    "invalid_request", "invalid_client", "unauthorized_client", "invalid_token", "insufficient_scope",
    "temporarily_unavailable", "server_error", "invalid_grant", "unsupported_grant_type", "unsupported_response_type",
}  # fmt: skip
"""Words of RFC 6749 (sections 4.1.2.1 and 5.2) and RFC 6750 (section 3.1)."""
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, section 5.2."""

HINT = re.compile(r"[A-Z][\x20-\x21\x23-\x5b\x5d-\x7e]+\.")

# The Trifacta-compatible API

TOKENS, PERSON, DOCUMENT = "/v4/apiAccessTokens", "/v4/people/current", "/v4/open-api-spec"
NAMES = {
    400: {("ValidationFailed", "Input validation failed")}, 401: {("MissingPersonException", "Person is missing")},
    403: {("AccessControlException", "Access denied")},
    404: {("DataNotFoundException", "Data not found"), ("RouteNotFoundException", "Route doesn't exist")},
    405: {("MethodNotAllowedException", "Method not allowed")},
    413: {("RequestEntityTooLargeException", "The request's body is larger than 16 KiB")},
    415: {("UnsupportedMediaTypeException", "Send JSON")}, 429: {("TooManyRequestsException", "Too many requests")},
    500: {("InternalServerException", "Something went wrong")},
    503: {("ServiceUnavailableException", "The service is temporarily unavailable")},
}  # fmt: skip
"""What each status is called, written out here and not taken from the dialect."""
NOT_A_TOKEN = "This is not an access token."
NO_SUCH_TOKEN = (404, "DataNotFoundException", "There is no such token.")

# The gate

IDENTITY = (
    "X-Auth-User-Id", "X-Auth-User", "X-Auth-Email", "X-Auth-Role", "X-Auth-Token-Id", "X-Auth-Token-Name",
    "X-Auth-Token-Kind", "X-Auth-Expires-In", "Remote-User",
)  # fmt: skip
"""Written out here, and not taken from the gate, because proxies' configurations write them out too."""


def basic(username: str, password: str) -> Headers:
    """RFC 7617, in UTF-8."""
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode('ascii')}"}


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def unknown_token(kind: TokenKind = TokenKind.ACCESS, public_id: str | None = None) -> str:
    """Well-formed token text with a secret that no token has; `public_id`: of a token that exists."""
    text = new_token_text(kind)
    return TEXT.compose(text if public_id is None else text.with_public_id(public_id))


def refusal(answer: TestResponse) -> tuple[int, str, str]:
    """Status, and the API's own two words for it: detail, error or name; then reason or details."""
    body = json.loads(answer.data)
    if "detail" not in body and "exception" in body:  # the gate has both
        return answer.status_code, body["exception"]["name"], body["exception"]["details"]
    return answer.status_code, body.get("error") or body["detail"], body["reason"]


def hint_of(answer: TestResponse) -> str | None:
    """The hint of a refusal, if any."""
    body = json.loads(answer.data)
    found: str | None = body.get("exception", body).get("hint")
    return found


def without_hint(members: Members, reason: str) -> Members:
    """The members but the hint, a sentence without a secret where a token is malformed, or its owner must sign in."""
    hint = members.get("hint")
    if reason == "owner_must_sign_in":
        assert hint == MUST_SIGN_IN
    else:
        assert hint is None or (reason == "token_malformed" and HINT.fullmatch(hint) and not secrets_in(hint))
    return {name: value for name, value in members.items() if name != "hint"}


def are_alike(answers: list[TestResponse]) -> bool:
    """In status, body and headers, but for the request's own id."""
    for each in answers:
        each.headers.pop("X-Request-Id")
    return len({(each.status, each.data, *each.headers) for each in answers}) == 1


def challenges(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("WWW-Authenticate")


def raw_path(path: str) -> dict[str, dict[str, str]]:
    """A request for `path` as a server hands it over: percent-decoded, each byte a character, `//` kept."""
    return {"environ_overrides": {"PATH_INFO": unquote_to_bytes(path).decode("latin-1")}}


class Alation:
    """The Alation-compatible API as a client sees it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def post(self, endpoint: str, **members: Any) -> TestResponse:
        """Call a token endpoint with a JSON object of these members."""
        return self.send("POST", f"{endpoint}/", json=members)

    def use(self, token: str | None = None, **headers: str) -> TestResponse:
        """Call the protected resource with the `TOKEN` header, or with others."""
        return self.send("GET", "userinfo/", headers=headers if token is None else {"TOKEN": token, **headers})

    def mint(self, proof: Members) -> str:
        """A new access token, which there must be, for the members that prove a refresh token."""
        answer = self.post("createAPIAccessToken", **proof)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["api_access_token"])

    def send(self, method: str, path: str, **request: Any) -> TestResponse:
        """Any request: `path` is below the prefix, unless it begins with a slash."""
        answer = self.client.open(path if path.startswith("/") else f"{PREFIX}/{path}", method=method, **request)
        _check_alation(answer)
        return answer


class OAuth:
    """The OAuth endpoints as a client sees them."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def introspect(self, token: str, hint: str | None = None, headers: Headers | None = None) -> TestResponse:
        return self.send(INTROSPECT, data={"token": token, "token_type_hint": hint}, headers=headers)

    def revoke(self, token: str, hint: str | None = None, headers: Headers | None = None) -> TestResponse:
        return self.send(REVOKE, data={"token": token, "token_type_hint": hint}, headers=headers)

    def grant(
        self, grant_type: str = "client_credentials", headers: Headers | None = None, **form: str
    ) -> TestResponse:
        return self.send(GRANT, data={"grant_type": grant_type, **form}, headers=headers)

    def send(self, path: str, method: str = "POST", **request: Any) -> TestResponse:
        if isinstance(request.get("data"), dict):
            request["data"] = {name: value for name, value in request["data"].items() if value is not None}
        answer = self.client.open(path, method=method, **request)
        _check_oauth(answer)
        return answer


class Trifacta:
    """The Trifacta-compatible API as a client sees it. `headers`: the credential."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def create(self, headers: Headers, lifetime: Any = 60, **members: Any) -> TestResponse:
        return self.send("POST", TOKENS, headers, json={"lifetimeSeconds": lifetime, **members})

    def created(self, headers: Headers, lifetime: Any = 60, **members: Any) -> tuple[str, Members]:
        """Value and info of a new token, which there must be."""
        answer = self.create(headers, lifetime, **members)
        assert answer.status_code == 201, answer.text
        return answer.get_json()["tokenValue"], answer.get_json()["tokenInfo"]

    def listed(self, headers: Headers, query: str = "") -> TestResponse:
        return self.send("GET", TOKENS, headers, query_string=query)

    def ids(self, headers: Headers, query: str = "") -> list[str]:
        """The ids in a list, which there must be."""
        answer = self.listed(headers, query)
        assert answer.status_code == 200, answer.text
        return [each["tokenId"] for each in answer.get_json()["data"]]

    def shown(self, headers: Headers, token_id: str) -> TestResponse:
        return self.send("GET", f"{TOKENS}/{token_id}", headers)

    def deleted(self, headers: Headers, token_id: str) -> TestResponse:
        return self.send("DELETE", f"{TOKENS}/{token_id}", headers)

    def person(self, headers: Headers) -> TestResponse:
        return self.send("GET", PERSON, headers)

    def send(self, method: str, path: str, headers: Headers | None = None, **request: Any) -> TestResponse:
        answer = self.client.open(path, method=method, headers=headers, **request)
        _check_trifacta(answer)
        return answer


class AskedGate:
    """The gate as a proxy sees it, with the whole application behind it."""

    def __init__(self, app: Flask) -> None:
        self._client = Client(Gate(app.wsgi_app, parts(app)), use_cookies=False)

    def verify(self, token: str | None = None, query: str = "", method: str = "GET", **headers: str) -> TestResponse:
        """Ask with the `TOKEN` header, or with others, under the conditions in `query`."""
        sent = headers if token is None else {"TOKEN": token, **headers}
        answer = self.open("/auth/verify", query_string=query, method=method, headers=sent)
        _check_gate(answer)
        return answer

    def verify_bearer(self, token: str, query: str = "") -> TestResponse:
        return self.verify(None, query, Authorization=f"Bearer {token}")

    def open(self, path: str, **request: Any) -> TestResponse:
        """Any request, to the gate or past it."""
        return self._client.open(path, environ_base={"REMOTE_ADDR": "127.0.0.1"}, **request)


def _check(answer: TestResponse) -> None:
    """Of every API: never kept, no redirect, no cookie, a request id, `Retry-After` exactly where it belongs."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert not 300 <= answer.status_code < 400
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())
    assert (answer.status_code in (429, 503)) == ("Retry-After" in answer.headers)
    if answer.request.method == "HEAD":
        assert answer.data == b""


def _check_alation(answer: TestResponse, also: tuple[str, ...] = ()) -> None:
    """JSON in UTF-8; a success has no `status`, a failure its four members, and `also`."""
    _check(answer)
    assert answer.content_type == "application/json"
    if answer.request.method == "HEAD":
        return
    body = json.loads(answer.data.decode("utf-8"))
    assert isinstance(body, dict)
    assert "status" not in body
    if answer.status_code < 400:
        return
    assert body["code"] == f"{answer.status_code}000"
    assert isinstance(body["message"], str) and isinstance(body["reason"], str)
    fields = body["detail"] if isinstance(body["detail"], dict) else {}
    assert list(without_hint(body, body["reason"])) == [*fields, "detail", "code", "message", "reason", *also]
    assert fields or body["message"] == body["detail"]


def _check_oauth(answer: TestResponse) -> None:
    """A failure has its six members and a hint at most; challenges only beside 401, and RFC 6750's beside 403."""
    _check(answer)
    assert answer.headers["Pragma"] == "no-cache"
    if answer.status_code == 401:
        assert challenges(answer)
    else:
        assert challenges(answer) in ([], [BEARER_INSUFFICIENT])
    if answer.request.method == "HEAD":
        return
    endpoint = answer.request.path.rstrip("/").rpartition("/")[2]
    if answer.status_code == 200 and endpoint == "revoke":
        assert answer.data == b"" and "Content-Type" not in answer.headers
        return
    assert answer.content_type == "application/json"
    body = json.loads(answer.data.decode("ascii"))
    if answer.status_code == 200 and endpoint == "token":
        assert list(body) == ["access_token", "token_type", "expires_in"]
        return
    if answer.status_code == 200:
        assert body["active"] is True or answer.data == INACTIVE
        return
    assert list(without_hint(body, body["reason"])) == [
        "error", "error_description", "code", "message", "detail", "reason",
    ]  # fmt: skip
    assert body["error"] in ERRORS and body["code"] == str(answer.status_code)
    assert body["message"] == body["detail"] == body["error_description"]
    assert DESCRIPTION.fullmatch(body["error_description"])


def _check_trifacta(answer: TestResponse) -> None:
    """JSON with an id for the log; a failure is named by its status."""
    _check(answer)
    assert answer.headers["x-trifacta-request-id"] == answer.headers["X-Request-Id"]
    assert challenges(answer) == ([BASIC, BEARER] if answer.status_code == 401 else [])
    if answer.status_code == 204:
        assert answer.data == b"" and "Content-Type" not in answer.headers
        return
    assert answer.content_type == "application/json"
    if answer.request.method == "HEAD" or answer.status_code < 400:
        return
    body = json.loads(answer.data.decode("utf-8"))
    assert list(body) == ["exception"]
    details = str(body["exception"]["details"])
    reason = "token_malformed" if details == NOT_A_TOKEN else "owner_must_sign_in" if "not signed in" in details else ""
    assert list(without_hint(body["exception"], reason)) == ["name", "message", "details"]
    assert (body["exception"]["name"], body["exception"]["message"]) in NAMES[answer.status_code]
    assert body["exception"]["details"] is None or body["exception"]["details"].strip()


def _check_gate(answer: TestResponse) -> None:
    """Each identity header is there once, and empty in a refusal; a refusal has the body of Alation's.

    Where no ``TOKEN`` was sent, it has the Trifacta dialect's member too.
    """
    assert all(len(answer.headers.getlist(name)) == 1 for name in IDENTITY)
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for value in answer.headers.values())
    assert answer.status_code in (200, 401, 403, 503)
    if answer.status_code == 200:
        assert answer.data == b"" and answer.headers["X-Auth-User-Id"] and answer.headers["Remote-User"]
        return
    _check_alation(answer, () if "TOKEN" in answer.request.headers else ("exception",))
    assert {answer.headers[name] for name in IDENTITY} == {""}
    assert json.loads(answer.data)["reason"] == answer.headers["X-Auth-Reason"]
    if answer.status_code == 401:  # RFC 9110, section 15.5.2
        assert answer.headers["WWW-Authenticate"].startswith(BEARER)
