"""Requests under a name that is not Daypass's: refused in the dialect of their path, or as a page."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import Client

from app.factory import create_app
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from config import Settings
from tests.contract.conftest import close
from tests.databases import KEYS
from tests.factories import issue, make_user, mint

PUBLIC = "https://tokens.example.com"

SAYS = {
    "/integration/v1/userinfo/": lambda said: (said["code"], said["reason"], said["message"]),
    "/api/v1/me": lambda said: (f"{said['status']}000", said["reason"], said["detail"]),
    "/oauth/introspect": lambda said: ("421000", said["reason"], said["error_description"]),
    "/nothing": lambda said: (f"{said['status']}000", said["reason"], said["detail"]),
    "/elsewhere": lambda said: (f"{said['status']}000", said["reason"], said["detail"]),
}


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[Flask]:
    served = create_app(replace(settings, public_url=PUBLIC, other_hosts="daypass"), KEYS)
    yield served
    close(served)


@pytest.mark.parametrize("path", SAYS)
def test_apis_refuse_another_name_in_their_own_json(app: Flask, path: str) -> None:
    answer = app.test_client().open(path, method="POST", headers={"Host": "evil.example"})
    code, reason, text = SAYS[path](answer.get_json())
    assert (answer.status_code, code, reason) == (421, "421000", "misdirected_request")
    assert "evil.example" in text and PUBLIC in text and "DAYPASS_OTHER_HOSTS" in text
    two = app.test_client().open(path, method="POST", headers={"Host": "tokens.example.com,evil.example"})
    assert (two.status_code, two.get_json()["reason"]) == (400, "bad_request")
    assert "Set-Cookie" not in answer.headers and "Location" not in answer.headers


def test_the_trifacta_dialect_says_so_in_its_details(app: Flask) -> None:
    answer = app.test_client().get("/V4/apiAccessTokens", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert PUBLIC in answer.get_json()["exception"]["details"]


def test_pages_refuse_it_with_a_page(app: Flask) -> None:
    for path in ("/", "/login", "/account/auth", "/admin/users"):
        answer = app.test_client().get(path, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.mimetype) == (421, "text/html")
        assert PUBLIC in answer.text and "Set-Cookie" not in answer.headers
    assert app.test_client().get("/login", headers={"Host": "Tokens.Example.Com.:443"}).status_code == 200
    assert app.test_client().get("/login", headers={"Host": "daypass:8080"}).status_code == 200


def test_that_page_has_its_style_under_that_name(app: Flask) -> None:
    shown = app.test_client().get("/login", headers={"Host": "evil.example"}).text
    style = re.search(r'<link rel="stylesheet" href="([^"]+)">', shown)
    assert style is not None
    answer = app.test_client().get(style[1], headers={"Host": "evil.example"})
    assert (answer.status_code, answer.mimetype) == (200, "text/css")


def test_probes_and_gateways_may_use_any_one_name(app: Flask, services: Services) -> None:
    """A gateway asks for the check under the name of the API that it protects."""
    secret = mint(services, issue(services, make_user(services))).secret
    gate = Client(Gate(app.wsgi_app, parts(app)))
    for host in ("api.example.com", "daypass:8080", "10.1.2.3:8080", "[fd00::7]:8080"):
        headers = {"Host": host, "TOKEN": secret}
        assert gate.get("/auth/verify", headers=headers).status_code == 200, host
        assert gate.get("/healthz", headers=headers).status_code == 200, host
        assert gate.get("/integration/v1/userinfo/", headers=headers).status_code == (
            200 if host == "daypass:8080" else 421
        )
    for host in ("api.example.com,api.example.com", "", "a b"):
        refused = gate.get("/auth/verify", headers={"Host": host, "TOKEN": secret})
        assert (refused.status_code, json.loads(refused.text)["reason"]) == (400, "bad_request")
        assert refused.headers["X-Auth-User"] == ""
