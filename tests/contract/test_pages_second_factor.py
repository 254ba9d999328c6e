"""The pages of a second factor: signing in with it, adding it, and what is sent in between."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.identity import Role, User
from app.domain.sessions import FRESH
from app.services import Services
from app.web.qr_codes import qr_code
from tests.authenticators import Authenticator, add_second_factor
from tests.contract.asking import basic
from tests.contract.asking_pages import offered_on_page
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Pages, page, words
from tests.factories import PASSWORD, make_user
from tests.secrecy import PASSWORD_MARK

FACTOR = "/account/second-factor"
ANOTHER = f"{PASSWORD_MARK}-another"


@pytest.fixture
def user(services: Services) -> User:
    return make_user(services, password=PASSWORD)


@pytest.fixture
def phone(services: Services, user: User) -> Authenticator:
    return add_second_factor(services, user)


def waiting(app: Flask, user: User, onward: str = "") -> Pages:
    """A browser in which the password was entered."""
    browser = Pages(app)
    browser.get("/login")
    answer = browser.post("/login", {"username": user.username, "password": PASSWORD, "next": onward})
    assert urlsplit(answer.headers["Location"]).path == "/login/code"
    browser.get(answer.headers["Location"])
    return browser


def test_password_and_code_lead_to_where_one_wanted_to_go(app: Flask, user: User, phone: Authenticator) -> None:
    browser = waiting(app, user, "/account/profile")
    form = page(browser.get("/login/code?next=/account/profile")).form("/login/code")
    assert form.fields["next"] == "/account/profile"
    answer = browser.post("/login/code", form.fields | {"code": phone.code()})
    assert answer.headers["Location"] == "/account/profile" and browser.is_signed_in()
    assert browser.client.get_cookie("daypass_step", path="/login/code") is None
    assert browser.get("/login/code").headers["Location"] == "/account/auth"


def test_what_the_browser_keeps_between_the_steps_opens_nothing(app: Flask, user: User, phone: Authenticator) -> None:
    """◆ Sent for the one page only, and never as a session. Fails when the step is kept in the session's cookie."""
    browser = waiting(app, user)
    assert browser.get("/account/auth").headers["Location"].startswith("/login?next")
    step = browser.client.get_cookie("daypass_step", path="/login/code")
    assert step is not None and (step.http_only, step.same_site, step.path) == (True, "Lax", "/login/code")
    assert browser.client.get_cookie("daypass_device") is None, "the password alone makes no device known"
    thief = Pages(app)
    thief.get("/login")
    thief.client.set_cookie("daypass_step", step.value, path="/login/code")
    answer = thief.post("/login/code", {"code": phone.code()})
    assert urlsplit(answer.headers["Location"]).query == "why=late"
    assert "Sign in again" in words(thief.get(answer.headers["Location"]))


def test_a_wrong_code_is_said_at_its_field_and_a_late_one_leads_back(
    app: Flask, user: User, phone: Authenticator, clock: MovableClock
) -> None:
    browser = waiting(app, user)
    refused = browser.post("/login/code", {"code": phone.wrong_code(), "next": "/account/profile"})
    assert refused.status_code == 401 and 'id="code-error"' in refused.text
    assert page(refused).form("/login/code").fields["next"] == "/account/profile"
    with clock.later(minutes=6):
        late = browser.post("/login/code", {"code": phone.code(clock()), "next": "/account/profile"})
    assert parse_qs(urlsplit(late.headers["Location"]).query) == {"next": ["/account/profile"], "why": ["late"]}


def test_a_wrong_password_is_answered_alike_with_and_without_one(app: Flask, user: User, phone: Authenticator) -> None:
    """◆ Who lacks the password does not learn which accounts have a second factor."""
    shown = set()
    for username in (user.username, make_user(app.extensions["daypass"].services, password=PASSWORD).username):
        browser = Pages(app)
        browser.get("/login")
        answer = browser.post("/login", {"username": username, "password": ANOTHER})
        text = answer.text.replace(username, "NAME").replace(answer.headers["X-Request-Id"], "")
        shown.add((answer.status_code, re.sub(r'name="form_token" value="\w+"', "", text)))
    assert len(shown) == 1


def test_one_is_added_with_a_qr_code_or_by_hand_and_ten_codes_are_shown_once(app: Flask, user: User) -> None:
    browser = Pages(app)
    browser.sign_in(user.username)
    fields, phone = offered_on_page(browser)
    wrong = browser.post(FACTOR, fields | {"code": phone.wrong_code()})
    assert wrong.status_code == 400 and 'id="code-error"' in wrong.text
    again = page(wrong).form(FACTOR).fields
    assert again["offered_secret"] == fields["offered_secret"], "another secret would not be the app's"
    shown = browser.post(FACTOR, fields | {"code": f" {phone.code()[:3]} {phone.code()[3:]} "})
    codes = page(shown).value_of("secret").split()
    assert len(codes) == 10 and browser.is_signed_in()
    assert "10 of 10 left" in words(browser.get(FACTOR))
    assert browser.post(FACTOR, fields | {"code": phone.code()}).status_code == 409, "a reload"
    assert not any(code in browser.get(FACTOR).text for code in codes)
    other = waiting(app, user)
    assert other.post("/login/code", {"code": codes[3]}).status_code == 303 and other.is_signed_in()
    assert "9 of 10 left" in words(other.get(FACTOR))


def test_the_drawing_is_the_code_that_segno_makes_with_its_margin() -> None:
    """By the modules that the path covers. Fails when a run of them is lost, or the margin is."""
    import segno

    text = "otpauth://totp/Daypass:anna?secret=JBSWY3DPEHPK3PXP"
    drawn = qr_code(text)
    dark = {
        (int(x) + step, int(y))
        for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path)
        for step in range(int(run))
    }
    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=4))
    assert drawn.size == len(rows)
    assert dark == {(x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module}
    assert min(min(each) for each in dark) == 4


def test_the_address_names_the_instance_and_the_user(app: Flask, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
    asked: list[str] = []
    monkeypatch.setattr("app.web.second_factor.qr_code", lambda text: asked.append(text) or qr_code(text))
    browser = Pages(app, "http://localhost:8080")
    browser.sign_in(user.username)
    _, phone = offered_on_page(browser)
    address = urlsplit(asked[-1])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert address.path == f"/Daypass%20localhost:{user.username}"
    assert parse_qs(address.query) == {"secret": [phone.secret], "issuer": ["Daypass localhost"]}


def test_a_stale_session_shows_password_and_code_again_and_keeps_what_was_typed(
    app: Flask, user: User, phone: Authenticator, clock: MovableClock
) -> None:
    browser = waiting(app, user)
    browser.post("/login/code", {"code": phone.code()})
    browser.get(FACTOR)
    with clock.later(seconds=int(FRESH.total_seconds()) + 60):
        asking = browser.post("/account/auth/refresh-tokens", {"name": "kept"})
        fields = page(asking).form("/account/auth/refresh-tokens").fields
        assert fields["name"] == "kept" and {"current_password", "current_code"} <= fields.keys()
        proof = fields | {"current_password": PASSWORD}
        alone = browser.post("/account/auth/refresh-tokens", proof)
        assert alone.status_code == 403 and 'id="current_code-error"' in alone.text
        done = browser.post("/account/auth/refresh-tokens", proof | {"current_code": phone.recovery_codes[0]})
        assert done.status_code == 200 and "kept" in words(done)


def test_changing_the_password_asks_for_a_code_once_the_session_is_stale(
    app: Flask, user: User, phone: Authenticator, clock: MovableClock
) -> None:
    """◆ And in a fresh one the password does not make it fresh for longer."""
    browser = waiting(app, user)
    browser.post("/login/code", {"code": phone.code()})
    assert "current_code" not in page(browser.get("/account/password")).form("/account/password").fields
    form = {"current": PASSWORD, "password": ANOTHER, "repeated": ANOTHER}
    with clock.later(seconds=int(FRESH.total_seconds()) - 60):
        assert browser.post("/account/password", form).status_code == 303
    with clock.later(seconds=int(FRESH.total_seconds()) + 60):
        assert "current_code" in page(browser.get("/account/password")).form("/account/password").fields
        back = {"current": ANOTHER, "password": PASSWORD, "repeated": PASSWORD}
        refused = browser.post("/account/password", back)
        assert refused.status_code == 401 and 'id="current_code-error"' in refused.text
        assert browser.post("/account/password", back | {"current_code": phone.recovery_codes[0]}).status_code == 303


def test_an_administrator_who_needs_one_reaches_only_the_page_that_adds_it(
    app: Flask, services: Services, setting: Setting
) -> None:
    """◆ Fails when another page is left out of the guard."""
    boss = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    browser = Pages(app)
    browser.sign_in(boss.username)
    with setting(second_factor_for_administrators="on"):
        for path in ("/admin", "/account/auth", "/account/security", "/preferences/access-tokens", "/admin/settings"):
            assert browser.get(path).headers["Location"] == FACTOR
        answer = browser.post("/account/auth/refresh-tokens", {"name": "x"})
        assert (answer.status_code, answer.headers["Location"]) == (303, FACTOR)
        assert "Administrators need a second factor here" in words(browser.get(FACTOR))
        fields, phone = offered_on_page(browser)
        assert browser.post(FACTOR, fields | {"code": phone.code()}).status_code == 200
        assert browser.get("/admin").status_code == 200
        assert "the pages ask you to add one again" in words(browser.get(f"{FACTOR}/remove"))


def test_another_administrator_resets_it_and_the_person_reads_who_did(
    app: Flask, services: Services, user: User, phone: Authenticator
) -> None:
    boss = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    admin, path = Pages(app), f"/admin/users/{user.id}"
    admin.sign_in(boss.username)
    assert "on, added" in words(admin.get(path))
    done = admin.post(f"{path}/reset-second-factor", admin.fill_in(f"{path}/reset-second-factor"))
    assert "Reset the second factor" in words(admin.get(done.headers["Location"]))
    theirs = Pages(app)
    theirs.sign_in(user.username)
    assert f"{boss.username} reset your second factor" in words(theirs.get("/account/auth"))
    assert "tell a server administrator" in words(theirs.get(FACTOR))
    theirs.post(f"{FACTOR}/reset-read")
    assert "reset your second factor" not in words(theirs.get("/account/auth"))


def test_each_api_refuses_the_password_alone_with_the_reason_in_its_own_words(
    client: FlaskClient, user: User, phone: Authenticator, setting: Setting
) -> None:
    """◆ Only to who has the right password, and until the setting is on."""
    what = "This account has a second factor: its password alone is not accepted here."
    login = {"username": user.username, "password": PASSWORD, "name": "nightly"}
    alation = client.post("/integration/v1/createRefreshToken/", json=login)
    assert (alation.status_code, alation.get_json()["reason"]) == (401, "second_factor_required")
    assert alation.get_json()["message"].startswith(what)
    v4 = client.get("/v4/people/current", headers=basic(user.username, PASSWORD))
    assert v4.status_code == 401 and v4.get_json()["exception"]["details"].startswith(what)
    oauth = client.post("/oauth/introspect", data={"token": "x"}, headers=basic(user.username, PASSWORD))
    assert (oauth.status_code, oauth.get_json()["reason"]) == (401, "second_factor_required")
    wrong = client.get("/v4/people/current", headers=basic(user.username, ANOTHER))
    assert wrong.status_code == 401 and "second factor" not in wrong.text
    with setting(password_api_with_second_factor="on"):
        assert client.get("/v4/people/current", headers=basic(user.username, PASSWORD)).status_code == 200
        assert client.post("/integration/v1/createRefreshToken/", json=login).status_code == 201
