"""No spelling of a token that is sent where none belongs is stored, logged or answered, by any API or page."""

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking import AskedGate, basic
from tests.contract.asking_native import Person
from tests.contract.asking_pages import Somebody, somebody
from tests.drivers.pages import Pages
from tests.factories import PASSWORD, configure, issue, make_user, mint
from tests.unit.domain.test_masking import SPELLINGS

HEADERS = ("User-Agent", "Referer", "Idempotency-Key", "X-Request-Id")

API = "/api/v1"


def planted(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """Requests, as method, path and Werkzeug's options, with the text in every place."""
    path, asked = quote(text, safe="%"), {"name": text}
    named: list[tuple[str, str, dict[str, object]]] = [
        ("POST", f"{API}/me/refresh-tokens", {"json": {"name": text}}),
        ("POST", f"{API}/me/refresh-tokens", {"json": {"name": "nightly", text: 1}}),
        ("POST", f"{API}/users", {"json": {"username": text}}),
        ("POST", f"{API}/users", {"json": {"username": "dora", "first_name": text, "title": text, "role": text}}),
        ("POST", f"{API}/tokens/abcdefgh2345/revoke", {"json": {"reason": text}}),
        (
            "POST",
            f"{API}/tokens/revocations",
            {"json": {"filter": {"name": text}, "confirmation": "x", "reason": text}},
        ),
        ("PUT", f"{API}/settings/retention_days", {"json": {"value": text}}),
        ("PUT", f"{API}/settings/{path}", {"json": {"value": 1}}),
        ("GET", f"{API}/tokens", {"query_string": asked}),
        ("GET", f"{API}/tokens", {"query_string": {"name": text, "limit": 1}}),
        ("GET", f"{API}/audit-events", {"query_string": {"actor": text, "cursor": text}}),
        ("POST", "/v4/apiAccessTokens", {"json": {"lifetimeSeconds": 60, "description": text}}),
        ("GET", f"/v4/apiAccessTokens/{path}", {"query_string": asked}),
        (
            "POST",
            "/integration/v1/createRefreshToken/",
            {"json": {"username": text, "password": PASSWORD, "name": text}},
        ),
        (
            "POST",
            "/integration/v1/createRefreshToken/",
            {"json": {"username": "x", "password": PASSWORD, "name": text}},
        ),
        ("POST", "/oauth/introspect", {"data": {"token": "x", "token_type_hint": text}}),
        ("POST", "/oauth/v2/token/", {"data": {"grant_type": text, "client_id": text, "scope": text, text: "x"}}),
        ("POST", "/oauth/token", {"query_string": {"client_secret": text}, "data": {"grant_type": "x"}}),
        ("GET", "/oauth/authorize", {"query_string": {"client_id": text, "state": text}}),
        ("GET", f"/healthz/{path}", {}),
        ("GET", f"/auth/{path}", {"query_string": asked}),
        ("GET", f"/{path}", {}),
    ]
    return named + [("GET", f"{API}/me", {"headers": {name: text}}) for name in HEADERS if text.isascii()]


def on_pages(app: Flask, text: str, visitor: Somebody) -> list[bytes]:
    """What the pages answer with the text in every field; the sign-in form too."""
    pages, path = visitor.pages, quote(text, safe="%")
    forms = {
        "/account/auth/refresh-tokens": {"name": text},
        "/preferences/access-tokens/new": {"lifetime": "1", "description": text},
        "/admin/users/new": {"username": text, "role": "VIEWER", "first_name": text, "password": PASSWORD},
        f"/admin/users/{visitor.user.id}/revoke": {"reason": text},
        "/login": {"username": text, "password": "x", "next": f"/{text}"},
    }
    answers = [pages.post(address, fields) for address, fields in forms.items()]
    for address in ("/admin/tokens", "/admin/users", "/admin/audit", "/account/auth/refresh-tokens"):
        answers.append(pages.get(f"{address}?name={path}&part={path}&actor={path}"))
    for browser in (pages, Pages(app)):
        answers += [browser.get(f"/login?next=/{path}"), browser.get(f"/admin/{path}?name={path}")]
    return [answer.get_data() + str(answer.headers).encode() for answer in answers]


@pytest.fixture(scope="module")
def visitor(app: Flask, services: Services) -> Somebody:
    configure(services, api_can_create_refresh_tokens="on", api_tokens_for_users="on")
    return somebody(app, Role.SERVER_ADMIN, allowed=True)


def worth(secret: str) -> list[str]:
    """Every part of a secret that would help, in one case."""
    digits = secret.rpartition("_")[2].lower()
    return [digits[at : at + 20] for at in range(0, 24, 4)]


@given(st.sampled_from(sorted(SPELLINGS)), st.sampled_from(["refresh", "access"]))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spelling_of_a_token_reaches_the_database_the_log_or_an_answer(
    app: Flask,
    client: FlaskClient,
    admin: Person,
    visitor: Somebody,
    services: Services,
    database: Database,
    log_lines: list[str],
    spelling: str,
    tier: str,
) -> None:
    """◆ Fails when one place keeps its text as it comes."""
    refresh = issue(services, make_user(services))
    secret = refresh.secret if tier == "refresh" else mint(services, refresh).secret
    text = SPELLINGS[spelling](secret)
    answers = []
    for method, path, request in planted(text):
        about = {"TOKEN": admin.access.secret} | request.pop("headers", {})  # type: ignore[operator]
        answer = client.open(path, method=method, headers=about, **request)  # type: ignore[arg-type]
        assert answer.status_code < 500, (method, path)
        answers.append(answer.get_data() + str(answer.headers).encode())
    client.get("/v4/people/current", headers=basic(text, "x"))
    answers += on_pages(app, text, visitor)
    services.last_use.flush()
    kept = {"database": repr(rows.everything(database)), "log": "\n".join(log_lines), "answers": repr(answers)}
    for where, everything in kept.items():
        lower = everything.lower()
        assert not [part for part in worth(secret) if part in lower], (where, spelling)


def test_a_secret_that_works_is_an_event_wherever_it_was_found(
    client: FlaskClient, gate: AskedGate, services: Services, anna: Person
) -> None:
    """◆ Nothing is revoked. Fails when a place is not searched."""
    sent = {
        "the path of a request": lambda text: client.get(f"/x/{text}"),
        "the query of a request": lambda text: client.get("/healthz", query_string={"token": text}),
        "a user agent": lambda text: gate.verify(anna.access.secret, **{"User-Agent": f"etl {text}"}),
        "a referrer": lambda text: client.get("/healthz", headers={"Referer": f"https://example.com/?t={text}"}),
        "an Idempotency-Key": lambda text: client.get("/healthz", headers={"Idempotency-Key": text}),
        "a field of a request": lambda text: anna.native.post("me/refresh-tokens", {"name": text}),
    }
    found = {}
    for place, send in sent.items():
        refresh = issue(services, anna.user)
        send(refresh.secret)
        services.last_use.flush()
        events = services.audit_list.events(object_id=refresh.token.public_id, action="refresh_token.secret_found")
        found[place] = [each.detail["place"] for each in events.items]
        assert anna.native.post("access-tokens", {"refresh_token": refresh.secret}).status_code == 201
    assert found == {place: [place] for place in sent}
