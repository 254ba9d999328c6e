"""The OpenAPI documents and the pages that show them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.http.context import parts
from app.http.guards import GuardedBlueprint
from app.services import Services
from tests.contract.asking import DOCUMENT, Trifacta, bearer, refusal
from tests.contract.conftest import Setting
from tests.factories import generate, make_user

Document = dict[str, Any]

PREFIXES = {"api_authentication": "/integration/v1/", "v4": "/v4/", "native": "/api/v1/", "oauth": "/oauth/"}
"""Each document, and what its paths begin with."""
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "docs.css", "docs.js")
OFF = "The API documents are turned off. A server administrator can turn them on: daypass conf openapi_enabled -s on."


@pytest.fixture(params=PREFIXES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(client: FlaskClient, name: str) -> Document:
    answer = client.get(f"/openapi/{name}/")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert client.get(f"/openapi/{name}").data == answer.data
    found: Document = answer.get_json()
    return found


def admin_token(services: Services) -> str:
    return generate(services, make_user(services, role=Role.SERVER_ADMIN)).secret


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Path, method and the rest of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield path, method.upper(), operation


def test_each_document_and_each_schema_in_it_is_valid(app: Flask, document: Document) -> None:
    """By the schemas of OpenAPI 3.1 and JSON Schema. Fails when a route's answers have no description (tried)."""
    assert set(parts(app).documents) == set(PREFIXES)
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    schemas = document["components"]["schemas"]
    assert all(jsonschema_rs.meta.is_valid(schema) for schema in schemas.values())
    referred = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred == set(schemas), "none is missing and none is left over"


def test_paths_and_methods_are_those_of_the_url_map(app: Flask, name: str, document: Document) -> None:
    """Fails when a route is registered past the document, and when one is documented twice."""
    served = {
        (re.sub("<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule).rstrip("/"), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIXES[name])
    }
    documented = [(path.rstrip("/"), method) for path, method, _ in operations(document)]
    assert sorted(documented) == sorted(served)


def test_every_operation_says_what_it_is_for_what_it_answers_and_how_to_authenticate(
    app: Flask, document: Document
) -> None:
    known = set(document["components"]["securitySchemes"])
    by_rule = {re.sub("<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule): rule.endpoint for rule in app.url_map.iter_rules()}
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert operation["summary"].endswith("."), (method, path)
        (tag,) = operation["tags"]
        assert "_" not in tag, "a title for people, not the name of a blueprint"
        assert [status for status in answers if status < "300"], (method, path)
        assert {"400", "500", "503"} <= set(answers), (method, path)
        for status, answer in answers.items():
            assert answer["description"]
            assert "content" in answer or status in ("200", "204"), (method, path, status)
        blueprint = app.blueprints[by_rule[path].rpartition(".")[0]]
        assert isinstance(blueprint, GuardedBlueprint)
        schemes = {scheme for each in operation["security"] for scheme in each}
        assert schemes == set(blueprint.guard.schemes) <= known


def test_what_is_wrong_with_a_body_is_declared_where_one_is_taken_and_answered_nowhere_else(
    client: FlaskClient, services: Services, document: Document
) -> None:
    """Fails when `document_route` gives every route all statuses (tried)."""
    for path, method, operation in operations(document):
        (media_type, *_) = operation.get("requestBody", {}).get("content", {"application/json": {}})
        for status, body, kind in (("413", b" " * 20_000, media_type), ("415", b"<a/>", "application/xml")):
            # One of its own each time: some of these operations end the token that they are called with.
            sent = {"headers": bearer(admin_token(services)), "data": body, "content_type": kind}
            answer = client.open(re.sub("{[^}]+}", "1", path), method=method, **sent)
            assert (str(answer.status_code) == status) == (status in operation["responses"]), (method, path, status)


def test_each_page_names_its_document_and_links_the_others(client: FlaskClient, name: str) -> None:
    page = client.get(f"/docs/{name}")
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert f'data-url="/openapi/{name}/"' in page.text
    assert set(re.findall(r'href="/docs/([^/"]+)/"', page.text)) == set(PREFIXES)
    assert page.text.count('aria-current="page"') == 1
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "<script>" not in page.text and "style=" not in page.text and "://" not in page.text
    assert set(re.findall(r'(?:href|src)="/docs/files/([^"]+)"', page.text)) == set(FILES)
    assert client.get("/docs/").data == client.get("/docs/api_authentication/").data


def test_everything_a_page_needs_is_served_and_nothing_else(client: FlaskClient) -> None:
    kinds = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "png": "image/png"}
    for file in FILES:
        with client.get(f"/docs/files/{file}") as answer:
            assert (answer.status_code, answer.content_type) == (200, kinds[file.rpartition(".")[2]])
            assert answer.headers["X-Content-Type-Options"] == "nosniff" and len(answer.data) > 100
    for file in ("index.html", "doc.html", "../documents.py", "%2e%2e/x", "docs.CSS"):
        assert client.get(f"/docs/files/{file}").status_code == 404, file
    for path in ("/openapi/nothing/", "/docs/nothing/", "/openapi/", "/docs/files/"):
        assert problem(client.get(path)) == (404, "application/problem+json", "not_found")


def test_the_trifacta_api_serves_the_same_document_and_turned_off_there_is_none_anywhere(
    client: FlaskClient, trifacta: Trifacta, services: Services, setting: Setting
) -> None:
    headers = bearer(admin_token(services))
    answer = trifacta.send("GET", DOCUMENT, headers)
    assert (answer.status_code, answer.data) == (200, client.get("/openapi/v4/").data)
    assert trifacta.send("GET", DOCUMENT).status_code == 401
    pages = [path for name in PREFIXES for path in (f"/openapi/{name}/", f"/docs/{name}/")]
    with setting(openapi_enabled="off"):
        for path in (*pages, "/docs/", "/docs/files/docs.js", "/openapi/nothing/"):
            assert problem(client.get(path)) == (404, "application/problem+json", "feature_off")
        assert refusal(trifacta.send("GET", DOCUMENT, headers)) == (404, "RouteNotFoundException", OFF)
    assert {client.get(path).status_code for path in pages} == {200}


def problem(answer: TestResponse) -> tuple[int, str | None, str]:
    return answer.status_code, answer.content_type, answer.get_json()["reason"]
