"""Sign-in with a provider, through the pages: there and back, a fresh proof, and signing out in both directions."""

import re
from dataclasses import replace
from secrets import token_hex
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.domain.clock import system_clock
from app.domain.errors import SessionEnded
from app.domain.identity import Role
from app.services import Services
from app.services.joining import Joining
from app.services.linking import named_person
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from config import ProviderSettings, Settings
from tests.contract.asking_pages import all_rows
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Pages, page, words
from tests.drivers.provider import CLIENT, SECRET, Issuer, Provider, query_of
from tests.factories import OPERATOR, PASSWORD, set_role

CORP, PARTNER = "corp", "partner-id"


@pytest.fixture(scope="module")
def settings(settings: Settings, provider: Provider) -> Settings:
    """With two providers."""
    known = {"client_id": CLIENT, "client_secret": SECRET}
    corp = ProviderSettings(issuer=f"{provider.url}/{CORP}", label="Example SSO", name=CORP, **known)
    partner = ProviderSettings(issuer=f"{provider.url}/{PARTNER}", label="Partner ID", name=PARTNER, **known)
    return replace(settings, providers=(corp, partner))


@pytest.fixture
def corp(provider: Provider, setting: Setting) -> Any:
    with setting(oidc_create_users="on"):
        yield provider.issuer(CORP)


def go(browser: Pages, issuer: Issuer, path: str = f"/login/oidc/{CORP}") -> TestResponse:
    """Begin there, sign in at the provider, and come back."""
    begun = browser.get(path)
    assert begun.status_code == 303, words(begun)
    return browser.get(own_path(issuer.come_back(begun.location)))


def own_path(url: str) -> str:
    parts_of_url = urlsplit(url)
    return f"{parts_of_url.path}?{parts_of_url.query}"


def reasons(services: Services, database: Database) -> list[str]:
    """Of all refused sign-ins with providers so far."""
    services.last_use.flush()
    with database.reading() as session:
        rows = session.scalars(select(AuditEventRow).where(AuditEventRow.action == "provider.sign_in_refused"))
        return [re.findall(r'"reason": "(\w+)"', row.detail)[0] for row in rows]


def test_the_sign_in_page_has_a_link_for_each_provider_that_keeps_where_to_go(app: Flask, corp: Issuer) -> None:
    shown = Pages(app).get("/login?next=/account/security")
    links = [named.get("href") for tag, named in page(shown).tags if tag == "a" and "oidc" in str(named.get("href"))]
    assert links == [f"/login/oidc/{name}?next=/account/security" for name in (CORP, PARTNER)]
    assert "Continue with Example SSO Continue with Partner ID or User name" in words(shown)


def test_a_person_signs_in_and_goes_on_where_they_wanted(app: Flask, corp: Issuer) -> None:
    corp.behave(person={"sub": "1", "preferred_username": "anna"})
    browser = Pages(app)
    back = go(browser, corp, f"/login/oidc/{CORP}?next=/account/security")
    assert (back.status_code, back.location) == (303, "/account/security")
    assert browser.get("/account/security").status_code == 200


def test_the_request_to_the_provider_is_bound_to_the_browser_and_says_nothing_else(
    app: Flask, services: Services, database: Database, corp: Issuer
) -> None:
    before = all_rows(services, database)
    begun = Pages(app).get(f"/login/oidc/{CORP}")
    assert all_rows(services, database) == before, "it is a GET"
    asked = query_of(begun.location)
    assert {name: asked[name] for name in ("response_type", "client_id", "scope", "code_challenge_method")} == {
        "response_type": "code", "client_id": CLIENT, "scope": "openid profile email", "code_challenge_method": "S256",
    }  # fmt: skip
    assert asked["redirect_uri"] == f"http://localhost/login/oidc/{CORP}/callback"
    assert asked.keys() - {"state", "nonce", "code_challenge", "redirect_uri"} <= {
        "response_type", "client_id", "scope", "code_challenge_method",
    }  # fmt: skip
    cookie = next(each for each in begun.headers.getlist("Set-Cookie") if "daypass_sign_in_" in each)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert not any(asked[name] in cookie for name in ("state", "nonce"))


def test_a_state_is_of_one_browser_one_provider_and_one_use(
    app: Flask, corp: Issuer, provider: Provider, services: Services, database: Database
) -> None:
    before, browser = len(reasons(services, database)), Pages(app)
    begun = browser.get(f"/login/oidc/{CORP}")
    kept = begun.headers.getlist("Set-Cookie")
    back = own_path(corp.come_back(begun.location))
    answers = [Pages(app).get(back), browser.get(back.replace(CORP, PARTNER))]
    assert [each.status_code for each in answers] == [403, 403]
    # That answer took the cookie away; as if the browser had it still.
    for _ in range(2):
        browser.client.set_cookie(*kept[0].partition(";")[0].split("=", 1))
        answers.append(browser.get(back))
    assert [each.status_code for each in answers[2:]] == [303, 403]
    assert reasons(services, database)[before:] == ["not_begun"] * 3
    assert "not begun in this browser" in words(answers[0])


def test_the_longest_address_to_go_to_fits_into_a_cookie(app: Flask, corp: Issuer) -> None:
    """◆ Browsers keep none of more than 4,096 bytes: the sign-in would fail on the way back. Warnings are errors."""
    for filler in "\"&'a":
        begun = Pages(app).get(
            "/login/oidc/corp", query_string={"next": f"/account/security?{filler}".ljust(2000, filler)}
        )
        assert begun.status_code == 303


def test_a_proof_for_a_session_that_ended_meanwhile_leads_to_the_sign_in_page_without_the_code(
    app: Flask, corp: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the code and the state become part of another address."""
    corp.behave(person={"sub": "ended", "preferred_username": "ended"})
    browser = Pages(app)
    go(browser, corp)
    monkeypatch.setattr(Joining, "prove", Mock(side_effect=SessionEnded))
    back = go(browser, corp, f"/login/oidc/{CORP}?proof=1&next=/account/security")
    assert (back.status_code, back.location) == (303, "/login?next=/account/security&why=ended")


def test_whom_no_account_is_for_reads_what_an_administrator_needs_to_know(
    app: Flask, provider: Provider, setting: Setting
) -> None:
    """◆ Also where the subject looks random. Fails when the page hides it."""
    subject = "I0aUlJ9k2GjE7pVcQ3nWtXyZbR5sH8dFmK1oLu-T4vAe"
    issuer = provider.issuer(CORP).behave(person={"sub": subject})
    with setting(oidc_create_users="off"):
        refused = go(Pages(app), issuer)
    assert refused.status_code == 403 and f"you are {subject} at {issuer.url}." in words(refused)


def test_who_signed_in_there_is_not_asked_for_a_temporary_password(
    app: Flask, corp: Issuer, services: Services
) -> None:
    """They may never have seen it, and it expires."""
    user = services.accounts.add("temporary", Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)
    services.linking.link(user.id, named_person(corp.url, "temporary"), OPERATOR)
    corp.behave(person={"sub": "temporary"})
    browser = Pages(app)
    go(browser, corp)
    assert browser.get("/account/auth").status_code == 200
    local = Pages(app)
    local.sign_in("temporary")
    assert local.get("/account/auth").location == "/account/password"


def test_a_refused_sign_in_says_what_happened_and_keeps_where_to_go(app: Flask, corp: Issuer) -> None:
    corp.behave(claims={"nonce": "another"})
    refused = go(Pages(app), corp, f"/login/oidc/{CORP}?next=/account/security")
    assert refused.status_code == 403
    assert "its ID token belongs to another sign-in" in words(refused)
    assert [named["href"] for tag, named in page(refused).tags if "primary" in str(named.get("class"))] == [
        f"/login/oidc/{CORP}?next=/account/security"
    ]


def test_while_the_provider_is_away_the_page_says_so_and_passwords_work(app: Flask, corp: Issuer) -> None:
    partner = replace(corp, name=PARTNER, url=corp.url.replace(CORP, PARTNER))
    partner.behave(answers={"discovery": {"status": 503}})
    refused = Pages(app).get(f"/login/oidc/{PARTNER}")
    assert refused.status_code == 503
    assert "Partner ID can't be reached" in words(refused) and "sign in with it" in words(refused)
    assert Pages(app).get("/login").status_code == 200


def test_an_unknown_provider_is_no_page(app: Flask) -> None:
    assert Pages(app).get("/login/oidc/nobody").status_code == 404
    assert Pages(app).get("/login/oidc/nobody/callback?state=x&code=y").status_code == 404


def test_a_form_that_needs_a_fresh_proof_leads_to_the_provider_and_keeps_what_was_typed(
    app: Flask, corp: Issuer, clock: MovableClock
) -> None:
    corp.behave(person={"sub": "fresh", "preferred_username": "berta"}, signed_in=3600)
    browser = Pages(app)
    assert go(browser, corp).status_code == 303
    browser.get("/account/auth/refresh-tokens")
    asked = browser.post("/account/auth/refresh-tokens", {"name": "nightly load"})
    assert asked.status_code == 200 and "Confirm that it is you" in words(asked)
    way = next(str(named["href"]) for tag, named in page(asked).tags if "/login/oidc/" in str(named.get("href")))
    back = go(browser, corp, way)
    assert (back.status_code, back.location) == (303, "/account/auth/refresh-tokens")
    assert query_of(browser.get(way).location)["prompt"] == "login"
    form = browser.get(back.location)
    assert page(form).value_of("name") == "nightly load"
    made = browser.post("/account/auth/refresh-tokens", page(form).form("/account/auth/refresh-tokens").fields)
    assert made.status_code == 200 and "Token Secret Key" in words(made)


def test_a_proof_counts_only_for_the_person_of_the_session_and_only_if_it_is_fresh(app: Flask, corp: Issuer) -> None:
    corp.behave(person={"sub": "clara", "preferred_username": "clara"}, signed_in=3600)
    browser = Pages(app)
    assert go(browser, corp).status_code == 303
    corp.behave(person={"sub": "carl", "preferred_username": "carl"})
    refused = go(browser, corp, f"/login/oidc/{CORP}?proof=1")
    assert refused.status_code == 403 and "Not confirmed" in words(refused)
    corp.behave(person={"sub": "clara", "preferred_username": "clara"}, signed_in=3600, ignores_fresh=True)
    assert go(browser, corp, f"/login/oidc/{CORP}?proof=1").status_code == 403
    browser.get("/account/auth/refresh-tokens")
    assert "Confirm that it is you" in words(browser.post("/account/auth/refresh-tokens", {"name": "x"}))


def test_signing_out_leads_on_to_the_provider(app: Flask, corp: Issuer) -> None:
    corp.behave(person={"sub": "out", "preferred_username": "dora"})
    browser = Pages(app)
    go(browser, corp)
    browser.get("/account/security")
    left = browser.post("/logout")
    refresh = next(str(named["content"]) for tag, named in page(left).tags if named.get("http-equiv") == "refresh")
    asked = query_of(refresh.partition("url=")[2])
    assert asked["post_logout_redirect_uri"] == "http://localhost/login" and asked["client_id"] == CLIENT
    assert asked["id_token_hint"].count(".") == 2
    assert not browser.is_signed_in()


def logout_token(issuer: Issuer, **claims: Any) -> str:
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    now = int(system_clock().timestamp())
    given = {
        "iss": issuer.url,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": token_hex(),
        "events": event,
    }
    return issuer.sign(given | claims, typ="logout+jwt")


def test_the_provider_ends_the_sessions_that_it_names(app: Flask, corp: Issuer, database: Database) -> None:
    corp.behave(person={"sub": "bye", "preferred_username": "emil"})
    browsers = [Pages(app), Pages(app)]
    for each in browsers:
        go(each, corp)
    client = app.test_client()
    done = client.post("/oidc/backchannel-logout", data={"logout_token": logout_token(corp, sub="nobody")})
    assert done.status_code == 200 and all(each.is_signed_in() for each in browsers)
    token = logout_token(corp, sub="bye", sid=corp.session)
    done = client.post("/oidc/backchannel-logout", data={"logout_token": token})
    assert (done.status_code, done.headers["Cache-Control"], done.data) == (200, "no-store", b"")
    assert not any(each.is_signed_in() for each in browsers)
    with database.reading() as session:
        rows = session.scalars(select(AuditEventRow).where(AuditEventRow.action == "sessions.ended_by_provider"))
        assert [(row.actor, row.object_id, row.detail) for row in rows] == [
            ("provider:corp", "emil", '{"sessions": 2}')
        ]
    again = client.post("/oidc/backchannel-logout", data={"logout_token": token})
    assert (again.status_code, again.json["error"], again.headers["Cache-Control"]) == (
        400,
        "invalid_request",
        "no-store",
    )


def test_an_administrator_of_a_provider_is_asked_for_no_password_of_their_own(
    app: Flask, corp: Issuer, services: Services
) -> None:
    """Also by the forms that have a field for it."""
    corp.behave(person={"sub": "admin", "preferred_username": "greta"}, signed_in=3600)
    browser = Pages(app)
    go(browser, corp)
    set_role(services, "greta", Role.SERVER_ADMIN)
    assert "current_password" not in browser.get("/admin/users/new").get_data(as_text=True)
    asked = browser.post("/admin/users/new", {"username": "new-one", "new_role": "VIEWER", "password": PASSWORD})
    assert "Confirm that it is you" in words(asked)
    way = next(str(named["href"]) for tag, named in page(asked).tags if "/login/oidc/" in str(named.get("href")))
    form = browser.get(go(browser, corp, way).location)
    assert page(form).value_of("username") == "new-one"
    assert browser.post("/admin/users/new", page(form).form("/admin/users/new").fields).status_code == 303
