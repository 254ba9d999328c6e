"""Refusals of the Alation dialect that are not about a token: who may log in, the service's health, HTTP's own.

That each body has the right members, and `code` and `message` in step with the rest, is asserted of every answer
in ``asking``. Not here: malformed bodies (``test_alation_bodies``), tokens that do not work
(``test_alation_refused_tokens``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from sqlalchemy import text

from app.factory import create_app
from app.http.context import parts
from app.http.guards import ANYBODY, GuardedBlueprint
from app.services import Services
from app.services.throttling import ACCOUNT_LIMIT, WINDOW
from app.storage.database import Database, db
from config import Settings
from tests.contract.asking import ENDPOINTS, PREFIX, Alation, said
from tests.contract.conftest import MovableClock, Setting
from tests.databases import CHEAPEST_COST, KEYS, destroy
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

WRONG = f"{PASSWORD_MARK}-of-nobody"
CANNOT_LOG_IN = "Unable to log in with provided credentials."
DISABLED = "Creating refresh tokens is disabled for this account."


def test_whoever_cannot_log_in_gets_one_and_the_same_answer(alation: Alation, services: Services) -> None:
    """In body and headers. Fails when a disabled user is told so, or an unknown one is a 404 (tried both)."""
    known = make_user(services, password=PASSWORD)
    disabled = make_user(services, password=PASSWORD)
    services.accounts.disable(disabled.username, OPERATOR)
    passwordless = make_user(services)
    answers = [
        alation.post("createRefreshToken", username=username, password=password, name="bi")
        for username, password in (
            ("nobody-at-all", PASSWORD),
            ("Not A User Name\u0130", PASSWORD),
            ("", PASSWORD),
            (known.username, WRONG),
            (known.username, PASSWORD.upper()),
            (known.username, ""),
            (known.username, "\0"),
            (disabled.username, PASSWORD),
            (disabled.username, WRONG),
            (passwordless.username, PASSWORD),
            (passwordless.username, ""),
        )
    ]
    assert {said(answer) for answer in answers} == {(401, CANNOT_LOG_IN, "bad_credentials")}
    assert len({answer.data for answer in answers}) == 1
    headers = [[line for line in answer.headers if line[0] != "X-Request-Id"] for answer in answers]
    assert all(each == headers[0] for each in headers)


def test_a_user_who_may_not_create_refresh_tokens_gets_a_403(
    alation: Alation, services: Services, setting: Setting
) -> None:
    user = make_user(services, password=PASSWORD)
    sent = {"username": user.username, "password": PASSWORD, "name": "bi"}
    for switch in ("refresh_tokens_for_users", "password_api_enabled"):
        with setting(**{switch: "off"}):
            assert said(alation.post("createRefreshToken", **sent)) == (403, DISABLED, "not_permitted")
        assert alation.post("createRefreshToken", **sent).status_code == 201


def test_a_user_with_too_many_refresh_tokens_gets_a_403(alation: Alation, services: Services, setting: Setting) -> None:
    user = make_user(services, password=PASSWORD)
    with setting(max_refresh_tokens_per_user="1"):
        issue(services, user)
        answer = alation.post("createRefreshToken", username=user.username, password=PASSWORD, name="bi")
    detail = "The limit of active refresh tokens for this account is 1; revoke some first."
    assert said(answer) == (403, detail, "limit_reached")


def test_too_many_wrong_passwords_are_a_429_with_retry_after(
    app: Flask, alation: Alation, services: Services, clock: MovableClock
) -> None:
    user = make_user(services, password=PASSWORD)
    sent = {"username": user.username, "name": "bi"}
    with clock.stopped_at(datetime(2031, 1, 1, tzinfo=UTC)) as now:
        for _ in range(ACCOUNT_LIMIT):
            assert alation.post("createRefreshToken", password=WRONG, **sent).status_code == 401
        clock_moves = (timedelta(0), timedelta(minutes=1, microseconds=1), WINDOW - timedelta(microseconds=1))
        for elapsed, seconds in zip(clock_moves, (900, 840, 1), strict=True):
            with clock.stopped_at(now + elapsed):
                answer = alation.post("createRefreshToken", password=PASSWORD, **sent)
            detail = f"Too many attempts to log in. Try again in {seconds} seconds."
            assert said(answer) == (429, detail, "rate_limited")
            assert answer.headers["Retry-After"] == str(seconds)
        with clock.stopped_at(now + WINDOW):
            assert alation.post("createRefreshToken", password=PASSWORD, **sent).status_code == 201


@contextmanager
def doomed_application(url: str, folder: Path) -> Iterator[tuple[Flask, Callable[[], None]]]:
    """An application on a database of its own, and what takes that database away."""
    app = create_app(Settings(instance=str(folder), database_url=url, bcrypt_cost=CHEAPEST_COST), KEYS)

    def doom() -> None:
        parts(app).services.close()
        with app.app_context():
            db.engine.dispose()
        destroy(url)

    yield app, doom
    parts(app).services.close()
    with app.app_context():
        db.engine.dispose()


def test_without_its_database_everything_is_a_503_with_retry_after(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    """Never 401 or 403: on those, clients throw their token away."""
    kind = "sqlite" if settings.database_url.startswith("sqlite") else "postgresql"
    fresh = (
        request.getfixturevalue("sqlite_files").fresh(tmp_path)
        if kind == "sqlite"
        else request.getfixturevalue("postgres").fresh()
    )
    with fresh as url, doomed_application(url, tmp_path) as (app, doom):
        services = parts(app).services
        user = make_user(services)
        refresh = issue(services, user)
        access = mint(services, refresh)
        doom()
        alation = Alation(app.test_client())
        body = {"refresh_token": refresh.secret, "api_access_token": access.secret, "user_id": user.id}
        body |= {"username": user.username, "password": PASSWORD, "name": "bi"}
        answers = [alation.post(endpoint, **body) for endpoint in ENDPOINTS]
        answers += [alation.use(access.secret), alation.use(Authorization=f"Bearer {access.secret}")]
        detail = "The service is temporarily unavailable: the database cannot be reached. Try again shortly."
        assert {said(answer) for answer in answers} == {(503, detail, "unavailable")}
        assert {answer.headers["Retry-After"] for answer in answers} == {"1"}


def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_the_request_id(
    alation: Alation, services: Services, database: Database, log_lines: list[str]
) -> None:
    """The fault: a setting out of its range, written past Daypass into the database."""
    refresh = issue(services, make_user(services))
    change = text("INSERT INTO instance_settings VALUES ('access_token_lifespan', '0', :now, 'nobody')")
    with database.transaction() as session:
        session.execute(change, {"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat(" ")})
    try:
        answer = alation.post("createAPIAccessToken", refresh_token=refresh.secret, user_id=refresh.token.user_id)
    finally:
        with database.transaction() as session:
            session.execute(text("DELETE FROM instance_settings WHERE key = 'access_token_lifespan'"))
    detail = "A server error occurred. Its request id is in the X-Request-Id header."
    assert said(answer) == (500, detail, "internal_server_error")
    [line] = [line for line in log_lines if "request_failed" in line]
    assert answer.headers["X-Request-Id"] in line
    assert "access_token_lifespan" in line


def test_a_fault_behind_the_check_is_a_500_too(settings: Settings) -> None:
    """The fault: a view below the prefix that divides by zero."""
    app = create_app(settings, KEYS)
    faulty = GuardedBlueprint("faulty", __name__, url_prefix=PREFIX, guard=ANYBODY)
    faulty.get("/faulty/")(lambda: str(1 / 0))
    app.register_blueprint(faulty)
    assert said(Alation(app.test_client()).send("GET", "faulty"))[::2] == (500, "internal_server_error")


@pytest.mark.parametrize(
    "path",
    [
        "/integration/", "/integration/v1", "/integration/v1/", "/integration/v1/nothing", "/integration/v2/userinfo/",
        "/integration/v1/createRefreshToken/more", "/integration/v1/createrefreshtoken/", "/integration/v1//userinfo/",
        "/integration/v1/userinfo//", "/integration//v1/userinfo/", "//integration/v1/userinfo/",
        "///integration/v1/userinfo/", "/integration/v1/./userinfo/", "/integration/v1/../v1/userinfo/",
        "/integration/v1/userinfo%20", "/integration/v1/%ff", "/integration/v1/userinfo;a=b",
    ],
)  # fmt: skip
def test_a_path_that_is_none_of_ours_is_a_404_without_redirect(alation: Alation, services: Services, path: str) -> None:
    token = mint(services, issue(services, make_user(services))).secret
    # As a server hands it over: percent-decoded, each byte a character. (The client would lose the `//`.)
    path_info = unquote_to_bytes(path).decode("latin-1")
    for method in ("GET", "POST"):
        answer = alation.open("/", method=method, headers={"TOKEN": token}, environ_overrides={"PATH_INFO": path_info})
        assert said(answer) == (404, "Not found.", "not_found")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_token_endpoint_allows_post_only(alation: Alation, endpoint: str, slash: str) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = alation.send(method, endpoint + slash)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
        if method != "HEAD":
            assert said(answer) == (405, f'Method "{method}" not allowed.', "method_not_allowed")


@pytest.mark.parametrize("slash", ["", "/"])
def test_userinfo_allows_get_and_head_only(alation: Alation, slash: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = alation.send(method, f"userinfo{slash}")
        assert said(answer) == (405, f'Method "{method}" not allowed.', "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_head_of_userinfo_without_a_token_is_a_403(alation: Alation) -> None:
    assert alation.send("HEAD", "userinfo/").status_code == 403


def test_raw_bytes_in_the_query_are_a_400(alation: Alation) -> None:
    for method, path in (("POST", "createRefreshToken/"), ("GET", "userinfo/"), ("GET", "nothing")):
        answer = alation.send(method, path, environ_overrides={"QUERY_STRING": "a=\xff"})
        assert said(answer) == (400, "The query string holds bytes that are not ASCII.", "bad_request")
