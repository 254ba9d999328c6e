"""What OAuth clients look for before their first request: RFC 8414, RFC 9728, and what points to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.factory import create_app
from app.services import Services
from config import Settings
from tests.contract import asking
from tests.contract.asking import AskedGate, bearer
from tests.contract.conftest import close
from tests.contract.test_oauth_grants import form_of
from tests.databases import KEYS
from tests.factories import issue, make_user, mint

SERVER, RESOURCE = "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"
HOST = "tools.example.com"
SITE, BELOW = f"https://{HOST}", f"https://{HOST}/daypass"

Serve = Callable[[str], Flask]


@pytest.fixture(scope="module")
def serve(settings: Settings) -> Iterator[Serve]:
    """``serve(public_url)``: an application with it on the module's database."""
    serving: dict[str, Flask] = {}

    def at(public_url: str) -> Flask:
        if public_url not in serving:
            serving[public_url] = create_app(replace(settings, public_url=public_url), KEYS)
        return serving[public_url]

    yield at
    for each in serving.values():
        close(each)


def get(app: Flask, path: str, **headers: str) -> TestResponse:
    return app.test_client(use_cookies=False).get(path, base_url=SITE, headers=headers)


def in_words(issuer: str) -> dict[str, dict[str, object]]:
    """Both documents, written out here as the contract has them."""
    ways = ["client_secret_basic", "client_secret_post"]
    server = {
        "issuer": issuer, "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token", "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "grant_types_supported": ["client_credentials", "refresh_token"], "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ways, "introspection_endpoint_auth_methods_supported": ways,
        "revocation_endpoint_auth_methods_supported": [*ways, "none"], "service_documentation": f"{issuer}/docs/oauth/",
    }  # fmt: skip
    resource = {
        "resource": issuer, "authorization_servers": [issuer], "bearer_methods_supported": ["header"],
        "resource_name": "Daypass", "resource_documentation": f"{issuer}/docs/",
    }  # fmt: skip
    return {SERVER: server, RESOURCE: resource}


@pytest.mark.parametrize("kind", [SERVER, RESOURCE])
def test_the_documents_are_of_the_public_url_and_of_nothing_else(serve: Serve, kind: str) -> None:
    """Whatever the request says. Below a path also where the RFCs have it, in front of the path."""
    for issuer, paths in (
        (SITE, ("", "/")),
        (BELOW, ("", "/", "/daypass", "/daypass/")),
    ):
        found = [get(serve(issuer), f"{kind}{path}", **{"X-Forwarded-Host": "other.example.com"}) for path in paths]
        found += [get(serve(BELOW), f"/daypass{kind}")] if issuer == BELOW else []
        for answer in found:
            assert (answer.status_code, answer.content_type) == (200, "application/json")
            assert answer.get_json() == in_words(issuer)[kind]
            assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    for app, path in ((serve(SITE), "/daypass"), (serve(BELOW), "/other"), (serve(BELOW), "/daypass/daypass")):
        assert get(app, f"{kind}{path}").status_code == 404


def test_without_a_public_url_there_are_none_whatever_a_request_is_called(client: FlaskClient) -> None:
    for path in (SERVER, f"{SERVER}/", f"{SERVER}/daypass", RESOURCE, f"{RESOURCE}/", f"{RESOURCE}/daypass"):
        for accept in ("application/json", "text/html"):
            answer = client.get(path, headers={"Accept": accept, "X-Forwarded-Host": HOST})
            assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/oauth/v2/.well-known/jwks.json/", "/oauth/v2/.well-known/jwks.json",
                                  "/.well-known/jwks.json", "/.well-known/openid-configuration"])  # fmt: skip
def test_there_are_no_keys_and_no_openid(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.get_json()["reason"]) == (404, "not_found")


@pytest.mark.parametrize("issuer", [SITE, BELOW])
def test_challenges_of_our_own_resources_say_where_the_metadata_is_and_the_gate_s_do_not(
    serve: Serve, services: Services, issuer: str
) -> None:
    """The metadata is there. A proxy hands the gate's challenge on from another origin."""
    app = serve(issuer)
    said = f'resource_metadata="{issuer}{RESOURCE}"'
    for path, method in (
        ("/integration/v1/userinfo/", "GET"), ("/api/v1/me", "GET"), ("/v4/people/current", "GET"),
        ("/oauth/introspect", "POST"), ("/oauth/revoke", "POST"),
    ):  # fmt: skip
        client = app.test_client(use_cookies=False)
        answer = client.open(path, method=method, base_url=SITE, headers=bearer("no_token"), data={"token": "x"})
        (challenge,) = [each for each in asking.challenges(answer) if each.startswith("Bearer")]
        assert (answer.status_code, challenge.endswith(said)) == (401, True), challenge
    assert get(app, f"{issuer.removeprefix(SITE)}{RESOURCE}").status_code == 200
    refused = AskedGate(app).verify(None, Authorization="Bearer no_token")
    assert refused.status_code == 401 and "resource_metadata" not in refused.headers["WWW-Authenticate"]


def test_the_issuer_of_an_introspected_token_is_the_public_url(serve: Serve, services: Services) -> None:
    refresh = issue(services, make_user(services))
    form = {"token": mint(services, refresh).secret, **form_of(refresh)}
    for issuer in (SITE, BELOW):
        answer = serve(issuer).test_client().post("/oauth/introspect", data=form, base_url=SITE)
        assert answer.get_json()["iss"] == issuer
