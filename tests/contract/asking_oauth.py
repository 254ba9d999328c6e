"""Asking the OAuth dialect in-process, and what is true of each of its answers.

Every answer that any contract test is given has been through :func:`check`. Not here: what a single answer
says, which is each test's own affair.
"""

import base64
import json
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

INTROSPECT, REVOKE = "/oauth/introspect", "/oauth/revoke"

INACTIVE = b'{"active":false}\n'

BASIC = 'Basic realm="daypass", charset="UTF-8"'
BEARER = 'Bearer realm="daypass"'
BEARER_INVALID = 'Bearer realm="daypass", error="invalid_token"'
BEARER_INSUFFICIENT = 'Bearer realm="daypass", error="insufficient_scope"'

ERRORS = {
    "invalid_request", "invalid_client", "unauthorized_client", "invalid_token", "insufficient_scope",
    "temporarily_unavailable", "server_error",
}  # fmt: skip
"""Words of RFC 6749 (sections 4.1.2.1 and 5.2) and RFC 6750 (section 3.1)."""

DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, section 5.2."""

Headers = dict[str, str]


def basic(username: str, password: str) -> Headers:
    """RFC 7617, in UTF-8."""
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode('ascii')}"}


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


class OAuth:
    """The dialect as a client sees it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def introspect(self, token: str, hint: str | None = None, headers: Headers | None = None) -> TestResponse:
        return self.send(INTROSPECT, data=_form(token, hint), headers=headers)

    def revoke(self, token: str, hint: str | None = None, headers: Headers | None = None) -> TestResponse:
        return self.send(REVOKE, data=_form(token, hint), headers=headers)

    def send(self, path: str, method: str = "POST", **request: Any) -> TestResponse:
        """Whatever a test wants to send."""
        answer = self.client.open(path, method=method, **request)
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    """Never kept, no redirect, no cookie, never a 5xx but 503; a failure has its three members and no other."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())
    assert answer.status_code == 200 or 400 <= answer.status_code < 500 or answer.status_code == 503, answer.status
    assert (answer.status_code in (429, 503)) == ("Retry-After" in answer.headers)
    if answer.status_code != 401:
        # RFC 6750 has a challenge beside its 403 as well.
        assert answer.headers.getlist("WWW-Authenticate") in ([], [BEARER_INSUFFICIENT])
    else:
        assert answer.headers.getlist("WWW-Authenticate")
    if answer.request.method == "HEAD":
        return
    if answer.status_code == 200 and answer.request.path.rstrip("/") == REVOKE:
        assert answer.data == b"" and "Content-Type" not in answer.headers
        return
    assert answer.content_type == "application/json"
    body = json.loads(answer.data.decode("ascii"))
    if answer.status_code == 200:
        assert body["active"] is True or answer.data == INACTIVE
        return
    assert list(body) == ["error", "error_description", "reason"]
    assert body["error"] in ERRORS
    assert DESCRIPTION.fullmatch(body["error_description"])


def said(answer: TestResponse) -> tuple[int, str, str]:
    """A refusal in short: status, error, reason."""
    body = json.loads(answer.data)
    return answer.status_code, body["error"], body["reason"]


def challenges(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("WWW-Authenticate")


def _form(token: str, hint: str | None) -> dict[str, str]:
    return {"token": token} if hint is None else {"token": token, "token_type_hint": hint}
