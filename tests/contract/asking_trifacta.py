"""Asking the Trifacta dialect in-process, and what is true of each of its answers.

Every answer that any contract test is given has been through :func:`check`. Not here: what a single answer
says, which is each test's own affair.
"""

import json
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.asking_oauth import BASIC, BEARER

Headers = dict[str, str]
Members = dict[str, Any]

TOKENS, PERSON, DOCUMENT = "/v4/apiAccessTokens", "/v4/people/current", "/v4/open-api-spec"

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

TOKEN_INFO = ["tokenId", "description", "expiredAt", "lastUsed", "createdAt"]

NAMES = {
    400: {("ValidationFailed", "Input validation failed")},
    401: {("MissingPersonException", "Person is missing")},
    403: {("AccessControlException", "Access denied")},
    404: {("DataNotFoundException", "Data not found"), ("RouteNotFoundException", "Route doesn't exist")},
    405: {("MethodNotAllowedException", "Method not allowed")},
    413: {("RequestEntityTooLargeException", "The request's body is larger than 16 KiB")},
    415: {("UnsupportedMediaTypeException", "Send JSON")},
    429: {("TooManyRequestsException", "Too many requests")},
    500: {("InternalServerException", "Something went wrong")},
    503: {("ServiceUnavailableException", "The service is temporarily unavailable")},
}
"""What each status is called, written out here and not taken from the dialect."""

NO_SUCH_TOKEN = (404, "DataNotFoundException", "There is no such token.")


class Trifacta:
    """The dialect as a client sees it. `headers`: the credential."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def create(self, headers: Headers, lifetime: Any = 60, **members: Any) -> TestResponse:
        return self.send("POST", TOKENS, headers, json={"lifetimeSeconds": lifetime, **members})

    def created(self, headers: Headers, lifetime: Any = 60, **members: Any) -> tuple[str, Members]:
        """Value and info of a new token, which there must be."""
        answer = self.create(headers, lifetime, **members)
        assert answer.status_code == 201, answer.text
        body = answer.get_json()
        return body["tokenValue"], body["tokenInfo"]

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
        """Whatever a test wants to send."""
        answer = self.client.open(path, method=method, headers=headers, **request)
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    """JSON with an id for the log, never kept, no redirect, no cookie; a failure is named by its status."""
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-trifacta-request-id"])
    assert answer.headers["x-trifacta-request-id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert not 300 <= answer.status_code < 400
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())
    assert (answer.status_code in (429, 503)) == ("Retry-After" in answer.headers)
    assert answer.headers.getlist("WWW-Authenticate") == ([BASIC, BEARER] if answer.status_code == 401 else [])
    if answer.status_code == 204:
        assert answer.data == b"" and "Content-Type" not in answer.headers
        return
    assert answer.content_type == "application/json"
    if answer.request.method == "HEAD":
        return
    body = json.loads(answer.data.decode("utf-8"))
    if answer.status_code < 400:
        return
    assert list(body) == ["exception"]
    assert list(body["exception"]) == ["name", "message", "details"]
    assert (body["exception"]["name"], body["exception"]["message"]) in NAMES[answer.status_code]
    assert body["exception"]["details"] is None or body["exception"]["details"].strip()


def said(answer: TestResponse) -> tuple[int, str, str | None]:
    """A refusal in short: status, name, details."""
    exception = json.loads(answer.data)["exception"]
    return answer.status_code, exception["name"], exception["details"]
