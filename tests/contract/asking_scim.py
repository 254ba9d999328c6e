"""Asking SCIM in-process; every answer goes through :func:`check`."""

import json
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.services import Services
from tests.factories import OPERATOR
from tests.secrecy import secrets_in

PREFIX = "/scim/v2"
CORE = "urn:ietf:params:scim:schemas:core:2.0"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"

Members = dict[str, Any]


def new_token(services: Services, name: str = "directory") -> str:
    """The text of a new token; those before are revoked."""
    for each in services.scim.tokens.list():
        services.scim.tokens.revoke(each.public_id, OPERATOR)
    return services.scim.tokens.create(name, None, OPERATOR)[1]


class Directory:
    """A directory as Daypass sees it. `token`: what it sends, if anything."""

    def __init__(self, client: FlaskClient, token: str | None) -> None:
        self.client = client
        self.token = token

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.send("GET", path, **request)

    def post(self, path: str, members: Members, **request: Any) -> TestResponse:
        return self.send("POST", path, members, **request)

    def put(self, path: str, members: Members, **request: Any) -> TestResponse:
        return self.send("PUT", path, members, **request)

    def patch(self, path: str, *operations: Members, **request: Any) -> TestResponse:
        """A PATCH of these operations."""
        return self.send("PATCH", path, {"schemas": [f"{MESSAGES}:PatchOp"], "Operations": list(operations)}, **request)

    def delete(self, path: str, **request: Any) -> TestResponse:
        return self.send("DELETE", path, **request)

    def send(
        self,
        method: str,
        path: str,
        members: Members | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> TestResponse:
        """Whatever a test wants to send below the prefix. `query`: parameters of the query."""
        mine = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        body = {} if members is None else {"data": json.dumps(members), "content_type": "application/scim+json"}
        answer = self.client.open(
            f"{PREFIX}{path}", method=method, headers=mine | (headers or {}), query_string=query, **body
        )
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    """Never kept, no 5xx but 501 and 503, no secrets; JSON of SCIM's own media type, and failures in its schema."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert answer.status_code < 500 or answer.status_code in (501, 503), answer.status
    assert not secrets_in(answer.text + str(answer.headers))
    assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)
    if answer.status_code in (204, 304):
        assert answer.data == b""
        return
    assert answer.content_type == "application/scim+json"
    if answer.status_code >= 400:
        body = json.loads(answer.data)
        assert body["schemas"] == [f"{MESSAGES}:Error"]
        assert body["status"] == str(answer.status_code)
        assert body["detail"] and body.keys() <= {"schemas", "status", "scimType", "detail"}


def refusal(answer: TestResponse) -> tuple[int, str | None]:
    """A refusal in short: status and scimType."""
    return answer.status_code, json.loads(answer.data).get("scimType")


def body(answer: TestResponse) -> Members:
    """The members of an answer that is no refusal."""
    assert answer.status_code in (200, 201), (answer.status, answer.text)
    members: Members = json.loads(answer.data)
    return members


def ids(answer: TestResponse) -> list[str]:
    """The ids of the resources in a list."""
    return [each["id"] for each in body(answer)["Resources"]]


def user(name: str, **members: Any) -> Members:
    """The body that creates a user."""
    return {"schemas": [f"{CORE}:User"], "userName": name} | members


def group(name: str, *members: str, **others: Any) -> Members:
    """The body that creates a group."""
    return {
        "schemas": [f"{CORE}:Group"],
        "displayName": name,
        "members": [{"value": each} for each in members],
    } | others
