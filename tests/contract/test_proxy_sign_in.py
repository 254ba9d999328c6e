"""Sign-in by a reverse proxy's header, through the pages: from trusted proxies alone, and never in APIs."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.identity import Role, User
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from config import Settings
from tests import rows
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, page, words
from tests.factories import PASSWORD, disable, issue, make_service_account, make_user

PROXY, STRANGER = "192.0.2.80", "198.51.100.9"
OWN_SIGN_OUT = "https://proxy.example.com/sign_out"


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return replace(settings, trusted_proxies=PROXY, remote_user_header="X-Site-User", remote_user_sign_out=OWN_SIGN_OUT)


class Proxied(Pages):
    """A browser behind a proxy that names this user with each request; None: it names nobody."""

    def __init__(self, app: Flask, name: str | None, address: str = PROXY) -> None:
        super().__init__(app, address=address)
        self.name = name

    def _send(self, method: str, path: str, **request: Any) -> TestResponse:
        named = {} if self.name is None else {"X-Site-User": self.name}
        return super()._send(method, path, headers=named | dict(request.pop("headers", {})), **request)


@pytest.fixture
def user(services: Services) -> User:
    return make_user(services)


def refusals(services: Services, database: Database) -> list[AuditEventRow]:
    services.sightings.flush()
    return [each for each in rows.audit_events(database) if each.action == "sign_in.refused"]


def arrive(browser: Pages, path: str = "/account/security") -> TestResponse:
    """Open a page, and follow the redirects to wherever they end."""
    answer = browser.get(path)
    for _ in range(3):
        if answer.status_code != 303:
            break
        answer = browser.get(answer.location)
    return answer


def test_who_opens_a_page_is_signed_in_and_lands_on_it(app: Flask, user: User) -> None:
    browser = Proxied(app, user.username.upper())
    shown = arrive(browser, "/account/security")
    assert (shown.status_code, shown.request.path) == (200, "/account/security")
    assert user.username in words(shown)
    assert browser.get("/login?next=/account/profile").location == "/account/profile"


def test_the_header_of_anybody_else_is_ignored_and_in_the_audit_log(
    app: Flask, services: Services, database: Database, user: User
) -> None:
    """◆ Fails when the peer is not looked at."""
    before = len(refusals(services, database))
    browser = Proxied(app, user.username, address=STRANGER)
    shown = arrive(browser)
    assert (shown.status_code, shown.request.path) == (200, "/login")
    assert "Continue as" not in words(shown) and not browser.is_signed_in()
    [event] = refusals(services, database)[before:]
    assert (event.object_id, event.address) == ("(unknown)", STRANGER)
    assert "no trusted proxy" in event.detail


def test_an_api_never_looks_at_it(app: Flask, services: Services, user: User) -> None:
    """◆ Each dialect, the gate and the protected resources. Fails when one signs in by it."""
    refresh = issue(services, user)
    client, environ = app.test_client(), {"REMOTE_ADDR": PROXY}
    paths = (
        ("GET", "/api/v1/me"), ("GET", "/api/v1/me/tokens"),
        ("POST", f"/api/v1/me/refresh-tokens/{refresh.token.public_id}/rotate"),
        ("GET", "/integration/v1/userinfo/"), ("GET", "/v4/apiAccessTokens"), ("POST", "/v4/apiAccessTokens"),
        ("POST", "/oauth/introspect"), ("POST", "/oauth/token"), ("GET", "/admin/users"),
    )  # fmt: skip
    for method, path in paths:
        outcome = set()
        for headers in ({}, {"X-Site-User": user.username}):
            answer = client.open(path, method=method, headers=headers, environ_base=environ)
            assert answer.status_code in (303, 400, 401, 403, 415), path
            assert "Set-Cookie" not in answer.headers, path
            outcome.add((answer.status_code, answer.headers.get("Location")))
        assert len(outcome) == 1, path


def test_an_api_that_creates_with_a_password_wants_the_password(app: Flask, user: User) -> None:
    client = app.test_client()
    answer = client.post(
        "/integration/v1/createRefreshToken/",
        json={"username": user.username, "password": "", "name": "x"},
        headers={"X-Site-User": user.username},
        environ_base={"REMOTE_ADDR": PROXY},
    )
    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("unknown", "there is no such user here. Ask a server administrator to add you."),
        ("disabled", "Your account is disabled. A server administrator can enable it."),
        ("service", "nobody signs in to it"),
        ("two", "did not name one user by a user name. Ask a server administrator to correct what it sends."),
    ],
)
def test_who_may_not_is_told_what_to_do_on_the_sign_in_page(
    app: Flask, services: Services, user: User, state: str, says: str
) -> None:
    """And a password still signs in there: break-glass."""
    boss = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    if state == "disabled":
        disable(services, user.username)
    account = make_service_account(services, boss)
    names = {"unknown": "zed", "disabled": user.username, "service": account.username, "two": f"{user.username}, zed"}
    browser = Proxied(app, names[state])
    shown = arrive(browser)
    assert (shown.status_code, shown.request.path) == (403, "/login")
    assert says in words(shown)
    answer = browser.post("/login", {"username": boss.username, "password": PASSWORD, "next": ""})
    assert answer.status_code == 303
    assert browser.get("/account/auth").status_code == 200


def test_signing_out_does_not_sign_in_again_at_once(app: Flask, user: User) -> None:
    """And links to the proxy's own sign-out. Fails when the answer leads to a page that signs in."""
    browser = Proxied(app, user.username)
    arrive(browser)
    for path in ("/logout", "/account/security/end-all"):
        answer = browser.post(path)
        assert answer.location == "/login?why=signed-out"
        shown = browser.get(answer.location)
        assert shown.status_code == 200 and f"Continue as {user.username}" in words(shown)
        links = [str(named.get("href")) for tag, named in page(shown).tags if tag == "a"]
        assert OWN_SIGN_OUT in links and "/login" in links
        assert browser.get(answer.location).status_code == 200, "reloading does not either"
        assert browser.get("/login").status_code == 303
        browser.get("/account/security")


def test_a_session_of_the_proxy_counts_for_nobody_else_it_names(app: Flask, services: Services, user: User) -> None:
    """◆ Somebody else at the same browser, after a sign-out at the proxy. Fails when only the cookie is looked at."""
    other = make_user(services)
    browser = Proxied(app, user.username)
    arrive(browser)
    browser.name = other.username
    assert browser.get("/account/security").status_code == 303
    shown = arrive(browser)
    assert other.username in words(shown) and user.username not in words(shown)
    browser.name = None
    assert browser.get("/account/security").status_code == 200, "a proxy may name people at /login alone"


def test_a_session_that_a_password_began_is_not_the_proxys(app: Flask, services: Services, user: User) -> None:
    boss = make_user(services, password=PASSWORD)
    browser = Proxied(app, None)
    browser.sign_in(boss.username)
    browser.name = user.username
    assert boss.username in words(browser.get("/account/security"))


def test_another_sites_page_begins_no_session_but_by_a_link(app: Flask, user: User) -> None:
    """By pictures or frames it could begin so many that older ones end. Fails when any GET begins one."""
    browser = Proxied(app, user.username)
    for headers, begins in (
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "empty"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, True),
    ):
        assert (browser.get("/login", headers=headers).status_code == 303) is begins, headers


def test_a_fresh_proof_is_the_password_of_who_has_one_and_another_sign_in_of_others(
    app: Flask, services: Services, user: User, clock: MovableClock
) -> None:
    """◆ What was entered is kept. Fails when a proxy's word is taken for a password."""
    owner = make_user(services, password=PASSWORD)
    browser = Proxied(app, owner.username)
    arrive(browser)
    form = {"name": "by-proxy", "lifetime": "", "form_id": "a" * 24}
    browser.get("/account/auth/refresh-tokens")
    assert "Confirm your password" in words(browser.post("/account/auth/refresh-tokens", form))
    done = browser.post("/account/auth/refresh-tokens", form | {"current_password": PASSWORD})
    assert "Token Secret Key" in words(done)

    browser = Proxied(app, user.username)
    arrive(browser)
    with clock.later(minutes=11):
        browser.get("/account/auth/refresh-tokens")
        asked = browser.post("/account/auth/refresh-tokens", form)
        assert "Sign in again. You come back to this form with what you entered" in words(asked)
        [again] = [
            str(each["href"]) for tag, each in page(asked).tags if tag == "a" and "again" in str(each.get("href"))
        ]
        before = browser.cookie
        back = browser.get(again)
        assert back.status_code == 303 and browser.cookie != before
        shown = browser.get(back.location)
        assert page(shown).form("/account/auth/refresh-tokens").fields["name"] == "by-proxy"
        assert "Token Secret Key" in words(browser.post("/account/auth/refresh-tokens", form))
