"""Error dispatch: which dialect answers where, and the problems outside all of them."""

import json
from itertools import product

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.test import TestResponse

from app.domain.errors import NotFound as NothingFound
from app.domain.errors import RateLimited, Unavailable
from app.factory import create_app
from app.http.errors import reason_of
from app.http.guards import ANYBODY, GuardedBlueprint
from config import Settings
from tests.databases import KEYS

SECRET_OF_THE_INSIDE = "a detail of the inside"


def problem(answer: TestResponse) -> tuple[int, str, str]:
    """Status, title and reason of an RFC 9457 problem."""
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    assert list(body) == ["type", "title", "status", "reason", "request_id"]
    assert body["type"] == "about:blank"
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return answer.status_code, body["title"], body["reason"]


@pytest.fixture
def faulty_client(settings: Settings) -> FlaskClient:
    """An application with three more routes: one each that breaks, is too busy, and finds nothing."""
    app = create_app(settings, KEYS)
    faults: dict[str, Exception] = {
        "broken": RuntimeError(SECRET_OF_THE_INSIDE),
        "busy": Unavailable(SECRET_OF_THE_INSIDE, retry_after=7),
        "hasty": RateLimited(9),
        "empty": NothingFound(SECRET_OF_THE_INSIDE),
    }
    faulty = GuardedBlueprint("faulty", __name__, guard=ANYBODY)

    @faulty.get("/<path>")
    def fail(path: str) -> None:
        raise faults[path]

    app.register_blueprint(faulty)
    return app.test_client()


def test_outside_every_dialect_a_404_is_a_problem(client: FlaskClient) -> None:
    for path in ("/nothing", "/integration", "/Integration/v1/userinfo/", "/%ff", "/v1/userinfo/"):
        assert problem(client.get(path)) == (404, "Not Found", "not_found")


def test_outside_every_dialect_the_wrong_method_is_a_problem_with_allow(client: FlaskClient) -> None:
    for path, method in product(("/healthz", "/readyz/"), ("POST", "PUT", "DELETE", "OPTIONS", "BREW")):
        answer = client.open(path, method=method)
        assert problem(answer) == (405, "Method Not Allowed", "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_outside_every_dialect_a_raw_byte_in_the_query_is_a_problem(client: FlaskClient) -> None:
    """Werkzeug would answer 500. Fails without the edge: 500 and a traceback."""
    for path in ("/healthz", "/nothing"):
        answer = client.get(path, environ_overrides={"QUERY_STRING": "a=\xff"})
        assert problem(answer) == (400, "Bad Request", "bad_request")
    assert client.get("/healthz?a=%ff%00%ed%a0%80&%00").status_code == 200, "percent-encoded, any byte may come"


def test_a_fault_is_a_500_that_shows_nothing_of_the_inside(faulty_client: FlaskClient, log_lines: list[str]) -> None:
    answer = faulty_client.get("/broken")
    assert problem(answer) == (500, "Internal Server Error", "internal_server_error")
    assert SECRET_OF_THE_INSIDE not in answer.text
    [line] = [json.loads(line) for line in log_lines if "request_failed" in line]
    assert SECRET_OF_THE_INSIDE in line["exception"]
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_refusals_outside_every_dialect_say_when_to_come_again(faulty_client: FlaskClient) -> None:
    busy = faulty_client.get("/busy")
    assert problem(busy) == (503, "Service Unavailable", "unavailable")
    assert busy.headers["Retry-After"] == "7"
    assert faulty_client.get("/hasty").headers["Retry-After"] == "9"
    empty = faulty_client.get("/empty")
    assert problem(empty)[2] == "not_found"
    for answer in (busy, empty):
        assert SECRET_OF_THE_INSIDE not in answer.text


def test_the_reasons_of_http_errors_are_the_same_on_every_python() -> None:
    assert reason_of(RequestEntityTooLarge()) == "request_entity_too_large"
    assert reason_of(UnsupportedMediaType()) == "unsupported_media_type"
    assert reason_of(NotFound()) == "not_found"
