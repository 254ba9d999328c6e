"""Each request's id, its line in the log, and the headers of every answer."""

import json
import re
from dataclasses import replace
from typing import Any

from flask.testing import FlaskClient

from app.factory import create_app
from app.services import Services
from app.services.held_tokens import BySecret
from config import Settings
from tests.databases import KEYS
from tests.factories import issue, make_user, mint

REQUEST_ID = re.compile(r"[0-9a-f]{32}")
ANSWERS = ["/healthz", "/nothing", "/integration/v1/userinfo/", "/integration/v1/nothing"]


def request_lines(log_lines: list[str]) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log_lines) if line["event"] == "request"]


def test_every_answer_has_a_request_id_that_is_in_the_log_and_may_be_kept_or_shared_by_nobody(
    client: FlaskClient, log_lines: list[str]
) -> None:
    headers = {"Origin": "https://example.org", "X-Request-Id": "mine"}
    answers = [client.get(path, headers=headers) for path in ANSWERS]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        is_anybodys = answer.request.path == "/nothing"  # a browser's too
        assert answer.headers["Vary"] == f"TOKEN, Authorization{', Accept' * is_anybodys}"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert all(REQUEST_ID.fullmatch(each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert [line["request_id"] for line in request_lines(log_lines)] == ids


def test_the_line_of_a_request_names_its_path_and_result_without_secrets(
    client: FlaskClient, services: Services, log_lines: list[str]
) -> None:
    """Fails when `request.full_path` is logged. A token in the path is cut down to its public id."""
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    query = f"?token={access.secret}&password=hunter2"
    client.get(f"/integration/v1/userinfo/{query}", headers={"TOKEN": access.secret})
    client.get(f"/integration/v1/userinfo/{query}")
    used, refused = request_lines(log_lines)
    assert used["method"] == "GET"
    assert used["path"] == refused["path"] == "/integration/v1/userinfo/"
    assert (used["status"], refused["status"]) == (200, 403)
    assert (used["reason"], refused["reason"]) == (None, "token_missing")
    assert (used["user_id"], refused["user_id"]) == (access.token.user_id, None)
    assert (used["token_id"], refused["token_id"]) == (access.token.public_id, None)
    assert used["address"] == "127.0.0.1"
    assert used["milliseconds"] >= 0
    client.get(f"/integration/v1/{refresh.secret}/")
    path = request_lines(log_lines)[-1]["path"]
    assert refresh.secret not in path and refresh.secret[:16] in path
    assert "hunter2" not in "".join(log_lines)


def test_the_address_in_the_log_is_the_clients_behind_a_trusted_proxy(settings: Settings, log_lines: list[str]) -> None:
    app = create_app(replace(settings, trusted_proxies="127.0.0.0/8"), KEYS)
    app.test_client().get("/healthz", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.1"})
    assert request_lines(log_lines)[-1]["address"] == "198.51.100.1"


def test_the_address_reaches_the_audit_log_and_the_last_use(client: FlaskClient, services: Services) -> None:
    refresh = issue(services, make_user(services))
    body = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    from_there = {"REMOTE_ADDR": "2001:db8::7"}
    answer = client.post("/integration/v1/createAPIAccessToken/", json=body, environ_overrides=from_there)
    known = services.held_tokens.validate(BySecret(refresh.secret))[0]
    assert known.last_used_ip == "2001:db8::7"
    [event] = services.audit_list.events(action="access_token.minted").items
    assert event.address == "2001:db8::7"
    assert event.request_id == answer.headers["X-Request-Id"]


def test_lines_of_one_request_share_its_id_and_later_lines_do_not(client: FlaskClient, log_lines: list[str]) -> None:
    answer = client.post("/integration/v1/createRefreshToken/", json={"username": "x", "password": "y", "name": "z"})
    request_id = answer.headers["X-Request-Id"]
    lines = list(map(json.loads, log_lines))
    assert {line["event"] for line in lines if line.get("request_id") == request_id} == {"sign_in_refused", "request"}
