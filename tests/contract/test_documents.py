"""The OpenAPI documents and the pages that show them."""

import html
import json
import re
import shlex
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
from app.web.rendering import HEADERS
from tests.contract.asking import DOCUMENT, Trifacta, bearer, refusal
from tests.contract.asking_pages import somebody
from tests.contract.conftest import Setting
from tests.drivers.pages import page, words
from tests.factories import generate, make_user

Document = dict[str, Any]

PREFIXES = {"api_authentication": "/integration/v1/", "v4": "/v4/", "native": "/api/v1/", "oauth": "/oauth/"}
"""Each document, and what its paths begin with."""
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
        for status, body, kind in (("413", b" " * 140_000, media_type), ("415", b"<a/>", "application/xml")):
            # One of its own each time: some of these operations end the token that they are called with.
            sent = {"headers": bearer(admin_token(services)), "data": body, "content_type": kind}
            answer = client.open(re.sub("{[^}]+}", "1", path), method=method, **sent)
            assert (str(answer.status_code) == status) == (status in operation["responses"]), (method, path, status)


def test_each_page_shows_every_operation_of_its_document_and_links_it_and_the_others(
    client: FlaskClient, name: str, document: Document
) -> None:
    """In the frame of the pages, under their policy. Fails when an operation or a schema is left out."""
    answer = client.get(f"/docs/{name}")
    shown = page(answer)
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert f"{document['info']['title']} · Daypass" in words(answer)
    links = [str(named.get("href")) for tag, named in shown.tags if tag == "a"]
    assert f"/openapi/{name}/" in links and {f"/docs/{each}/" for each in PREFIXES} <= set(links)
    assert "/" in links, "back to Daypass"
    anchors = {named["id"] for _, named in shown.tags if named.get("id")}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors, "each leads somewhere"
    assert {f"schema-{each}" for each in document["components"]["schemas"]} <= anchors
    text = words(answer)
    for path, method, operation in operations(document):
        assert f"{method} {path} {operation['summary'].replace('`', '')}" in text
        for member in operation.get("parameters", []):
            assert f" {member['name']} " in text
    if name == "api_authentication":
        assert words(client.get("/docs/")) == text


def test_every_example_for_curl_is_a_request_that_its_document_allows(
    app: Flask, client: FlaskClient, name: str, document: Document
) -> None:
    """Of an operation, once each; with a body that its schema accepts. Fails when a required member has no value."""
    shown = re.findall(r'<pre class="code"><code>(.*?)</code>', client.get(f"/docs/{name}").text, re.DOTALL)
    commands = [shlex.split(html.unescape(each).replace("\\\n", " ")) for each in shown]
    assert len(commands) == len([*operations(document)])
    for command, (path, method, operation) in zip(commands, sorted_as_shown(document), strict=True):
        assert command[0] == "curl"
        sent = command[command.index("-X") + 1] if "-X" in command else "GET"
        address = next(each for each in command if each.startswith("http://localhost/"))
        assert (sent, bool(re.fullmatch(re.sub("{[^}]+}", "[^/{}]+", path), address[16:]))) == (method, True), address
        data = [command[at + 1] for at, each in enumerate(command) if each == "-d"]
        if "requestBody" not in operation:
            assert data == []
            continue
        ((media_type, body),) = operation["requestBody"]["content"].items()
        is_form = media_type.endswith("urlencoded")
        members = dict(each.split("=", 1) for each in data) if is_form else json.loads(data[0])
        schema = {**body["schema"], "components": document["components"]}
        assert jsonschema_rs.validator_for(schema).is_valid(members) and members, (path, members)
        assert is_form or f"Content-Type: {media_type}" in command


def test_examples_name_the_address_that_the_reader_uses(client: FlaskClient) -> None:
    """Fails when the page is kept with the address of who read it first."""
    for host in ("tokens.example.com", "[::1]:8080", "localhost"):
        shown = html.unescape(client.get("/docs/oauth/", base_url=f"http://{host}").text)
        assert f"curl -X POST 'http://{host}/oauth/introspect'" in shown
        assert set(re.findall(r"https?://[^/']+", shown)) == {f"http://{host}"}


def sorted_as_shown(document: Document) -> list[tuple[str, str, Document]]:
    """By groups, in the order of their first operation."""
    groups: dict[str, list[tuple[str, str, Document]]] = {}
    for path, method, operation in operations(document):
        groups.setdefault(operation["tags"][0], []).append((path, method, operation))
    return [each for group in groups.values() for each in group]


def test_the_pages_are_small_and_in_the_frame_of_who_is_signed_in(app: Flask, client: FlaskClient) -> None:
    """A stock viewer had 1.6 MB."""
    for name in PREFIXES:
        answer = client.get(f"/docs/{name}/", headers={"Accept-Encoding": "gzip"})
        assert len(answer.data) < 20_000, name
    reader, path = somebody(app), "/docs/native/"
    answer = reader.pages.get(path)
    assert reader.user.username in words(answer) and "/logout" in [each.action for each in page(answer).forms]
    assert reader.pages.post("/theme", {"theme": "dark", "next": path}).headers["Location"] == path
    assert 'data-theme="dark"' in reader.pages.get(path).text


def test_the_trifacta_api_serves_the_same_document_and_turned_off_there_is_none_anywhere(
    client: FlaskClient, trifacta: Trifacta, services: Services, setting: Setting
) -> None:
    headers = bearer(admin_token(services))
    answer = trifacta.send("GET", DOCUMENT, headers)
    assert (answer.status_code, answer.data) == (200, client.get("/openapi/v4/").data)
    assert trifacta.send("GET", DOCUMENT).status_code == 401
    documents, pages = ([f"/{folder}/{name}/" for name in PREFIXES] for folder in ("openapi", "docs"))
    with setting(openapi_enabled="off"):
        for path in (*documents, "/openapi/nothing/"):
            assert problem(client.get(path)) == (404, "application/problem+json", "feature_off")
        for path in (*pages, "/docs/"):
            refused = client.get(path)
            assert (refused.status_code, OFF in words(refused)) == (403, True)
        assert refusal(trifacta.send("GET", DOCUMENT, headers)) == (404, "RouteNotFoundException", OFF)
    assert {client.get(path).status_code for path in (*documents, *pages)} == {200}
    for path in ("/openapi/nothing/", "/openapi/"):
        assert problem(client.get(path)) == (404, "application/problem+json", "not_found")


def problem(answer: TestResponse) -> tuple[int, str | None, str]:
    return answer.status_code, answer.content_type, answer.get_json()["reason"]
