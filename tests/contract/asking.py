"""Asking the Alation dialect in-process, and what is true of each of its answers.

Every answer that any contract test is given has been through :func:`check`. Not here: what a single answer
says, which is each test's own affair.
"""

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PREFIX = "/integration/v1"

WITH_REFRESH_TOKEN = ("createAPIAccessToken", "validateRefreshToken", "regenRefreshToken", "revokeAPIAccessTokens")
"""The endpoints that take a refresh token and a user id."""

ENDPOINTS = ("createRefreshToken", *WITH_REFRESH_TOKEN, "validateAPIAccessToken")

REFRESH_INVALID = "Refresh token provided is invalid."
REFRESH_ENDED = "Refresh token provided is expired or revoked."
ACCESS_INVALID = "API Access Token provided is invalid."
ACCESS_ENDED = "API Access Token provided is expired or revoked."
NO_CREDENTIALS = "Authentication credentials were not provided."


class Alation:
    """The dialect as a client sees it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def post(self, endpoint: str, **members: Any) -> TestResponse:
        """Call a token endpoint with a JSON object of these members."""
        return self.send("POST", f"{endpoint}/", json=members)

    def use(self, token: str | None = None, **headers: str) -> TestResponse:
        """Call the protected resource with the `TOKEN` header, or with others."""
        sent = headers if token is None else {"TOKEN": token, **headers}
        return self.send("GET", "userinfo/", headers=sent)

    def minted(self, proof: dict[str, Any]) -> str:
        """A new access token, which there must be, for the members that prove a refresh token."""
        answer = self.post("createAPIAccessToken", **proof)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["api_access_token"])

    def send(self, method: str, path: str, **request: Any) -> TestResponse:
        """Whatever a test wants to send below the prefix."""
        return self.open(f"{PREFIX}/{path}", method=method, **request)

    def open(self, path: str, **request: Any) -> TestResponse:
        """Whatever a test wants to send."""
        answer = self.client.open(path, **request)
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    """JSON in UTF-8 and never kept, no redirect, no cookie; a success has no `status`, a failure its four members."""
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not 300 <= answer.status_code < 400
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())
    if answer.request.method == "HEAD":
        assert answer.data == b""
        return
    body = json.loads(answer.data.decode("utf-8"))
    assert isinstance(body, dict)
    assert "status" not in body
    if answer.status_code < 400:
        return
    assert body["code"] == f"{answer.status_code}000"
    assert isinstance(body["message"], str)
    assert isinstance(body["reason"], str)
    fields = body["detail"] if isinstance(body["detail"], dict) else {}
    assert list(body) == [*fields, "detail", "code", "message", "reason"]
    if not fields:
        assert body["message"] == body["detail"]


def said(answer: TestResponse) -> tuple[int, str, str]:
    """A refusal in short: status, detail, reason."""
    body = json.loads(answer.data)
    return answer.status_code, body["detail"], body["reason"]
