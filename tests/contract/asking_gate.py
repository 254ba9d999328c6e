"""Asking the gate in-process, with the whole application behind it, and what is true of each of its answers.

Every answer that any contract test is given has been through :func:`check`. Not here: what a single answer
says, which is each test's own affair.
"""

import json
import re
from typing import Any

from flask import Flask
from werkzeug.test import Client, TestResponse

from app.gate import Gate
from app.http.context import parts

IDENTITY = (
    "X-Auth-User-Id", "X-Auth-User", "X-Auth-Email", "X-Auth-Role", "X-Auth-Token-Id", "X-Auth-Token-Name",
    "X-Auth-Token-Kind", "X-Auth-Expires-In", "Remote-User",
)  # fmt: skip
"""Written out here, and not taken from the gate, because proxies' configurations write them out too."""

CHALLENGE = 'Bearer realm="daypass"'

Headers = dict[str, str]


class AskedGate:
    """The gate as a proxy sees it."""

    def __init__(self, app: Flask) -> None:
        self._client = Client(Gate(app.wsgi_app, parts(app)), use_cookies=False)

    def verify(self, token: str | None = None, query: str = "", method: str = "GET", **headers: str) -> TestResponse:
        """Ask with the `TOKEN` header, or with others, under the conditions in `query`."""
        sent = headers if token is None else {"TOKEN": token, **headers}
        answer = self.open("/auth/verify", query_string=query, method=method, headers=sent)
        check(answer)
        return answer

    def verify_bearer(self, token: str, query: str = "") -> TestResponse:
        return self.verify(None, query, Authorization=f"Bearer {token}")

    def open(self, path: str, **request: Any) -> TestResponse:
        """Whatever a test wants to send, to the gate or past it."""
        return self._client.open(path, environ_base={"REMOTE_ADDR": "127.0.0.1"}, **request)


def check(answer: TestResponse) -> None:
    """Nothing is kept, nobody is named in a refusal, and each identity header is there once, whatever it says."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert all(len(answer.headers.getlist(name)) == 1 for name in IDENTITY)
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for value in answer.headers.values())
    assert answer.status_code in (200, 401, 403, 503)
    if answer.status_code == 200:
        assert answer.data == b"" and answer.headers["X-Auth-User-Id"] and answer.headers["Remote-User"]
        return
    assert {answer.headers[name] for name in IDENTITY} == {""}
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert answer.content_type == "application/json"
    body = json.loads(answer.data)
    assert list(body) == ["detail", "code", "message", "reason"]
    assert (body["code"], body["message"]) == (f"{answer.status_code}000", body["detail"])
    assert body["reason"] == answer.headers["X-Auth-Reason"]
    if answer.status_code == 401:  # RFC 9110, section 15.5.2
        assert answer.headers["WWW-Authenticate"].startswith(CHALLENGE)


def refused(answer: TestResponse) -> tuple[int, str]:
    """A refusal in short: status and reason."""
    return answer.status_code, answer.headers["X-Auth-Reason"]
