"""Asking the native API in-process; every answer goes through :func:`check`."""

import json
import re
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role, User
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from tests.contract.asking import without_hint
from tests.factories import issue, make_user, mint
from tests.secrecy import secrets_in

PREFIX = "/api/v1"
PROBLEM = ["type", "title", "status", "detail", "reason", "request_id"]

Members = dict[str, Any]


class Native:
    """The dialect as a client sees it. `token`: what is sent as ``TOKEN``, if anything."""

    def __init__(self, client: FlaskClient, token: str | None = None) -> None:
        self.client = client
        self.token = token

    def holding(self, token: str | None) -> "Native":
        """The same client with another token."""
        return Native(self.client, token)

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.send("GET", path, **request)

    def delete(self, path: str, **request: Any) -> TestResponse:
        return self.send("DELETE", path, **request)

    def post(self, path: str, members: Members | None = None, **request: Any) -> TestResponse:
        """With a JSON object of these members, or without a body."""
        return self.send("POST", path, **request | ({} if members is None else {"json": members}))

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> TestResponse:
        """Whatever a test wants to send below the prefix."""
        mine = {} if self.token is None else {"TOKEN": self.token}
        address = path if path.startswith(PREFIX) else f"{PREFIX}/{path}"
        answer = self.client.open(address, method=method, headers=mine | (headers or {}), **request)
        check(answer)
        return answer


@dataclass
class Person:
    """A user with a token of each tier, and a client that sends the access token."""

    user: User
    refresh: Issued[RefreshToken]
    access: Issued[AccessToken]
    native: Native


def person(services: Services, native: Native, role: Role = Role.VIEWER, name: str = "nightly-etl") -> Person:
    """One of their own."""
    user = make_user(services, role=role)
    refresh = issue(services, user, name)
    access = mint(services, refresh)
    return Person(user, refresh, access, native.holding(access.secret))


def check(answer: TestResponse) -> None:
    """Never kept, no redirect or cookie, never a 5xx but 503; secrets only when one is made; failures are problems."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "TOKEN, Authorization"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())
    assert answer.status_code < 300 or 400 <= answer.status_code < 500 or answer.status_code == 503, answer.status
    assert (answer.status_code in (429, 503)) == ("Retry-After" in answer.headers)
    assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)
    if answer.status_code != 201:
        assert not secrets_in(answer.text + str(answer.headers))
    if answer.status_code == 204:
        assert answer.data == b"" and "Content-Type" not in answer.headers
    elif answer.status_code < 300:
        assert answer.content_type == "application/json"
    else:
        assert answer.content_type == "application/problem+json"
        if answer.request.method == "HEAD":
            return
        body = json.loads(answer.data)
        assert list(without_hint(body, body["reason"])) in (PROBLEM, [*PROBLEM, "fields"])
        assert (body["type"], body["status"]) == ("about:blank", answer.status_code)
        assert body["request_id"] == answer.headers["X-Request-Id"]
        assert all(isinstance(each, list) and each for each in body.get("fields", {}).values())


def problem(answer: TestResponse) -> tuple[int, str]:
    """A refusal in short: status and reason."""
    return answer.status_code, json.loads(answer.data)["reason"]


def fields_of(answer: TestResponse) -> list[str]:
    """Which members were wrong."""
    assert answer.status_code == 400
    return sorted(json.loads(answer.data)["fields"])
