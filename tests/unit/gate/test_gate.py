"""Which requests the gate answers, which it hands on, and that nothing unforeseen opens it."""

from collections.abc import Iterable
from itertools import product
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.domain.identity import Role
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import UserRow
from tests.factories import issue, make_user, mint


class Behind:
    """The application behind the gate: remembers the request and answers in its own way."""

    def __init__(self) -> None:
        self.environ: dict[str, Any] | None = None
        self.body = [b"from behind"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environ = environ
        start_response("299 Behind", [("X-Behind", "1")])
        return self.body


def environ_for(path: str, method: str = "GET", **values: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method, "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    return environ | values


def ask(application: Any, environ: dict[str, Any]) -> tuple[str, dict[str, str], Iterable[bytes]]:
    answer: list[Any] = []
    body = application(environ, lambda status, headers, *_: answer.extend((status, dict(headers))))
    return answer[0], answer[1], body


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def gate(app: Flask, behind: Behind) -> Gate:
    return Gate(behind, parts(app))


@pytest.fixture
def secret(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


PATHS = ("/auth/verify", "/auth/verify/", "//auth/verify", "///auth/verify/")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")

OTHER_PATHS = (
    "", "/", "/auth", "/auth/", "/auth/verif", "/auth/verifyx", "/auth/verify2/", "/auth/verify-all", "/AUTH/VERIFY",
    "/Auth/verify", "/auth//verify", "/x/auth/verify", "auth/verify", "/auth/verify\n",
    "/auth/verify ", "/auth/verify/x", "/auth/verify//", "/auth/verify/../a",
    "/auth/verify;a=b", "/auth/verify\0/", "/auth/verify\xff", " /auth/verify", "/auth/./verify",
)  # fmt: skip


def test_any_method_is_answered_with_and_without_a_slash_by_query_and_without_the_body(
    gate: Gate, behind: Behind, secret: str
) -> None:
    body = {"wsgi.input": None, "CONTENT_LENGTH": "1000000", "CONTENT_TYPE": "application/json"}
    for path, method in product(PATHS, METHODS):
        status, _, answer = ask(gate, environ_for(path, method, HTTP_TOKEN=secret, **body))
        assert (status, b"".join(answer)) == ("200 OK", b""), (path, method)
        assert ask(gate, environ_for(path, method, **body))[0] == "401 Unauthorized", (path, method)
    for path, query in product(PATHS, ("role=SERVER_ADMIN", "unknown=1", "role=", "role=VIEWER")):
        status, _, _ = ask(gate, environ_for(path, HTTP_TOKEN=secret, QUERY_STRING=query))
        assert status == ("200 OK" if query == "role=VIEWER" else "403 Forbidden"), (path, query)
    assert behind.environ is None


def test_a_good_token_that_is_not_permitted_counts_as_refused(
    gate: Gate, client: FlaskClient, services: Services, secret: str
) -> None:
    """At a resource too. Fails when a verdict is counted before the role and the query are looked at."""
    introspector = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR))).secret
    ask(gate, environ_for("/auth/verify", HTTP_TOKEN=introspector))
    ask(gate, environ_for("/auth/verify", HTTP_TOKEN=secret, QUERY_STRING="role=SERVER_ADMIN"))
    client.get("/integration/v1/userinfo/", headers={"TOKEN": introspector})
    services.check_counts.flush()
    (hour,) = services.check_counts.latest(1)
    assert (hour.accepted, hour.refused) == (0, 3)


def test_every_other_path_is_handed_on_as_it_is(gate: Gate, behind: Behind, secret: str) -> None:
    """The very request, body and all, and the very answer."""
    for path in OTHER_PATHS:
        environ = environ_for(path, "POST", HTTP_TOKEN=secret)
        before = dict(environ)
        status, headers, body = ask(gate, environ)
        assert (status, headers) == ("299 Behind", {"X-Behind": "1"}), path
        assert body is behind.body
        assert behind.environ is environ and environ == before


def test_answers_keep_to_the_rules_of_wsgi(gate: Gate, secret: str) -> None:
    """As the standard library's validator knows them (PEP 3333): types, header names, no control characters.

    No subclasses of strings either. Fails when a role or a kind is handed over as a member of its enumeration.
    """
    for headers in ({"HTTP_AUTHORIZATION": f"Bearer {secret}"}, {"HTTP_TOKEN": "x"}, {}):
        environ = environ_for("/auth/verify", SCRIPT_NAME="", QUERY_STRING="role=%0D%0A", **headers)
        body: Any = validator(gate)(environ, lambda *_: lambda _: None)
        assert len(list(body)) == 1
        body.close()
    answer: list[Any] = []
    gate(environ_for("/auth/verify", HTTP_TOKEN=secret), lambda *given: answer.extend(given))
    status, headers = answer
    assert type(headers) is list
    assert {type(each) for pair in headers for each in pair} | {type(status)} == {str}


@pytest.mark.parametrize("credential", ["HTTP_TOKEN", "HTTP_AUTHORIZATION"])
def test_an_unforeseen_error_is_a_503_that_is_logged_and_accepts_nobody(
    gate: Gate, database: Database, secret: str, log_lines: list[str], credential: str
) -> None:
    """The error: a role that this release does not know, as a later one may write into the database.

    Fails when the gate catches refusals only: the error reaches the server.
    """
    sent = {credential: secret if credential == "HTTP_TOKEN" else f"Bearer {secret}"}
    assert ask(gate, environ_for("/auth/verify", **sent))[0] == "200 OK"
    with database.transaction() as session:
        session.execute(update(UserRow).values(role="SUPERVISOR"))
    status, headers, body = ask(gate, environ_for("/auth/verify", **sent))
    assert (status, headers["X-Auth-Reason"], headers["Retry-After"]) == ("503 Service Unavailable", "unavailable", "1")
    assert headers["X-Auth-User-Id"] == headers["Remote-User"] == ""
    assert b"SUPERVISOR" not in b"".join(body)
    assert any("check_failed" in line and "SUPERVISOR" in line for line in log_lines)
