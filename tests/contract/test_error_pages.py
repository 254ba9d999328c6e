"""Errors in a browser: a page in the frame of who is signed in, and JSON for programs."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.errors import RateLimited, Unavailable
from app.factory import create_app
from app.http.guards import ANYBODY, GuardedBlueprint
from app.services import Services
from config import Settings
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import close
from tests.databases import KEYS
from tests.drivers.pages import Pages, page, words
from tests.factories import issue, make_user

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
PROGRAMS = ("*/*", "application/json", "application/json, text/html;q=0.9", "text/*", "text/html;q=0", "")

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def reader(app: Flask) -> Somebody:
    return somebody(app)


def is_in_the_frame_of(answer: TestResponse, reader: Somebody) -> bool:
    """With the ways through Daypass and the account's menu; signing out works from there."""
    links = {named.get("href") for tag, named in page(answer).tags if tag == "a"}
    has_menu = [each for each in page(answer).forms if each.action == "/logout"]
    return (
        {"/account/auth", "/preferences/access-tokens"} <= links
        and reader.user.username in words(answer)
        and bool(has_menu)
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nonsense", 404, "Page not found"), ("HEAD", "/nonsense", 404, ""),
        ("GET", "/static/nothing", 404, "File not found"), ("GET", "/docs/nothing/", 404, "Document not found"),
        ("GET", "/v1/userinfo", 404, "Page not found"), ("GET", "/account/nothing", 404, "Page not found"),
        ("GET", "/account/auth/refresh-tokens/zzzzzzzzzzzz/revoke", 404, "not found"),
        ("POST", "/account/auth", 405, "Not possible here"), ("GET", "/admin/users", 403, "Not allowed"),
        ("GET", "/account/auth?cursor=!", 400, "This request can't be understood"),
    ],
)  # fmt: skip
def test_a_browser_is_shown_a_page_in_the_frame_that_says_what_happened_and_what_to_do(
    reader: Somebody, method: str, path: str, status: int, says: str
) -> None:
    answer = reader.pages._send(method, path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert answer.headers["Cache-Control"] == "no-store"
    if method == "HEAD":
        return
    assert says in words(answer) and f"Request id {answer.headers['X-Request-Id']}" in words(answer)
    assert f"{status} · {method} {path.partition('?')[0]}" in words(answer)
    assert is_in_the_frame_of(answer, reader)


def test_forms_that_are_not_read_lead_to_the_same_page(reader: Somebody) -> None:
    for request, status, says in (
        ({"data": "x" * 17_000, "content_type": FORM}, 413, "Shorten what you entered"),
        ({"data": "x", "content_type": "text/plain"}, 415, "Open the page and use its form"),
    ):
        answer = reader.pages.client.post("/account/password", headers=BROWSER, **request)  # type: ignore[arg-type]
        assert (answer.status_code, says in words(answer)) == (status, True)
        assert is_in_the_frame_of(answer, reader)


def test_who_is_not_signed_in_sees_the_page_without_the_frame(app: Flask) -> None:
    answer = Pages(app).get("/nonsense", headers=BROWSER)
    assert (answer.status_code, "Page not found" in words(answer)) == (404, True)
    assert "Sign out" not in words(answer)


def test_programs_are_answered_in_json_and_caches_are_told_what_decides(app: Flask) -> None:
    """Fails when `wants_page` asks Werkzeug whether HTML is accepted, which it is by `*/*`."""
    client = app.test_client()
    for accept in PROGRAMS:
        answer = client.get("/nonsense", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), accept
        assert "Accept" in answer.headers["Vary"].split(", ")
    assert "Accept" in client.get("/nonsense", headers=BROWSER).headers["Vary"].split(", ")
    assert client.put("/nonsense", headers=BROWSER).mimetype == "application/problem+json", "no browser sends that"


@pytest.mark.parametrize(
    "path",
    ["/api/nothing", "/api/v1/nothing", "/integration/v1/nothing", "/integration", "/oauth/nothing", "/v4/nothing",
     "/auth/nothing", "/healthz/x", "/readyz/x", "/openapi/nothing/", "/.well-known/nothing"],
)  # fmt: skip
def test_addresses_of_programs_answer_browsers_in_the_same_json(app: Flask, path: str) -> None:
    """To the byte, but for the request's own id, and in the same headers."""
    answers = [app.test_client().get(path, headers=headers) for headers in ({}, BROWSER)]
    known = [(each.status_code, _without_ids(each.text), _without_ids(str(each.headers))) for each in answers]
    assert known[0] == known[1] and known[0][0] == 404
    assert "json" in answers[0].mimetype and "Accept" not in answers[0].headers.get("Vary", "").split(", ")


def _without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)


def test_a_secret_in_the_address_is_not_repeated(reader: Somebody, services: Services) -> None:
    secret = issue(services, make_user(services)).secret
    answer = reader.pages.get(f"/nonsense/{secret}", headers=BROWSER)
    assert answer.status_code == 404
    assert secret[-49:] not in answer.text and "&lt;hidden&gt;" in answer.text
    assert len(reader.pages.get(f"/nonsense/{'a/' * 2000}", headers=BROWSER).text) < 10_000


@pytest.fixture
def faulty(settings: Settings, request: pytest.FixtureRequest) -> Flask:
    """With three more addresses: what breaks, what is too busy, and what was asked too often."""
    app = create_app(settings, KEYS)
    request.addfinalizer(lambda: close(app))
    faults = {"broken": RuntimeError("inside"), "busy": Unavailable("inside", retry_after=7), "hasty": RateLimited(9)}
    routes = GuardedBlueprint("faulty", __name__, guard=ANYBODY)

    @routes.get("/faulty/<name>")
    def fail(name: str) -> None:
        raise faults[name]

    app.register_blueprint(routes)
    return app


def test_failures_are_pages_that_lead_back_to_what_was_asked(faulty: Flask) -> None:
    reader = somebody(faulty)
    for name, status, says in (
        ("broken", 500, "Something went wrong"), ("busy", 503, "Temporarily unavailable"),
        ("hasty", 429, "Try again in 9 seconds"),
    ):  # fmt: skip
        answer = reader.pages.client.get(f"/faulty/{name}?a=1", headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert says in words(answer) and "inside" not in answer.text
        assert 'href="/faulty/' + name + '?a=1"' in answer.text
        assert is_in_the_frame_of(answer, reader) is (status != 503)
    assert reader.pages.client.get("/faulty/busy", headers=BROWSER).headers["Retry-After"] == "7"


@pytest.mark.both_databases
def test_without_the_database_the_page_appears_without_the_session(
    without_database: tuple[Flask, Callable[[], None]],
) -> None:
    """Nor has it a form, whose token would be of a session that is not known."""
    app, destroy_database = without_database
    reader = somebody(app)
    destroy_database()
    for path, status in (("/nonsense", 404), ("/account/auth", 503), ("/account/nothing", 404)):
        answer = reader.pages.get(path, headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert "Request id" in words(answer) and "form_token" not in answer.text
    assert "Try again" in words(reader.pages.get("/account/auth", headers=BROWSER))
