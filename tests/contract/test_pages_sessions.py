"""Signing in on the pages, staying signed in, and giving the password again: cookies, and what is sent."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.domain.sessions import FRESH, IDLE
from app.domain.token_view import TokenView
from app.services import Services, throttling
from app.services.throttling import KNOWN_LIMIT
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.contract.asking_pages import OF_REFUSED, Somebody, all_rows, holding, somebody
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, page, words
from tests.factories import PASSWORD, disable, make_user
from tests.secrecy import PASSWORD_MARK

ANOTHER_PASSWORD = f"{PASSWORD_MARK}-another"
SECOND = timedelta(seconds=1)
CHOSEN = "chosen-by-somebody-else".ljust(43, "x")
LOOPBACK = ("http://127.0.0.1:5000", "http://LOCALHOST:81", "http://[::1]:8000")
ELSEWHERE = ("https://tokens.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com",
             "http://192.0.2.1")  # fmt: skip
CREATE = "/account/auth/refresh-tokens"


@pytest.fixture(scope="module")
def module_owner(app: Flask) -> Somebody:
    return somebody(app, allowed=True)


@pytest.fixture
def owner(module_owner: Somebody) -> Somebody:
    """Signed in just now, and allowed to make tokens of all sorts."""
    if not module_owner.pages.is_signed_in():
        module_owner.pages.sign_in(module_owner.user.username)
    return module_owner


def is_sent_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login")


# Cookies


def test_the_cookie_of_before_is_worth_nothing_after_signing_in(app: Flask, owner: Somebody) -> None:
    """◆ Session fixation: by our cookie, an invented one, a session. Fails when `sign_in` keeps the id that came."""
    browser = Pages(app)
    browser.get("/login")
    before, token_before = browser.cookie, browser.form_token
    browser.sign_in(owner.user.username)
    assert before and browser.cookie and before != browser.cookie
    assert browser.is_signed_in()
    assert browser.post("/theme", {"form_token": token_before}).status_code == 400
    attacker = somebody(app).pages.cookie or ""
    for planted in (before, CHOSEN, attacker):
        victim = Pages(app).set_cookie(planted)
        victim.get("/account/auth", follow_redirects=True)  # gives the form token
        victim.post("/login", {"username": owner.user.username.upper(), "password": PASSWORD})
        assert owner.user.username in words(victim.get("/account/auth")) and victim.cookie != planted
        assert not Pages(app).set_cookie(planted).is_signed_in()


def test_a_cookie_that_is_none_of_ours_is_no_session_and_no_failure(
    app: Flask, owner: Somebody, database: Database
) -> None:
    """◆ The digest in the database opens nothing either."""
    with database.reading() as session:
        digests = list(session.scalars(select(SessionRow.digest)))
    assert digests and owner.pages.cookie not in digests
    browser = Pages(app)
    browser.client = app.test_client(use_cookies=False)
    for odd in ("", "\xff" * 43, '"', "a" * 3000, "a" * 44, digests[-1], digests[-1][:43]):
        headers = {"Cookie": f"daypass={odd}"}
        assert is_sent_to_sign_in(browser.get("/account/auth", headers=headers))
        assert browser.get("/login", headers=headers).status_code == 200
        assert browser.post("/logout", headers=headers).status_code in (303, 400)


def test_no_session_is_found_in_another_place_than_the_cookie(app: Flask, owner: Somebody) -> None:
    """Elsewhere than on this machine, a neighbour under the same domain can set a cookie without the prefix."""
    cookie = owner.pages.cookie or ""
    for headers in ({"TOKEN": cookie}, {"Authorization": f"Bearer {cookie}"}, {"Cookie": f"__Host-daypass={cookie}"}):
        assert is_sent_to_sign_in(Pages(app).get("/account/auth", headers=headers))
    client = app.test_client()  # past the driver, which minds what looks secret
    assert client.get(f"/account/auth?daypass={cookie}").headers["Location"].startswith("/login?")
    assert client.get("/api/v1/me", headers={"TOKEN": cookie}).status_code == 401
    assert owner.pages.client.get("/api/v1/me").status_code == 401
    elsewhere = Pages(app, "https://tokens.example.com")
    elsewhere.client = app.test_client(use_cookies=False)
    for name, status in (("daypass", 303), ("__Host-daypass", 200)):
        assert elsewhere.get("/account/auth", headers={"Cookie": f"{name}={cookie}"}).status_code == status


@pytest.mark.parametrize("url", [*LOOPBACK, *ELSEWHERE])
def test_cookies_are_bound_to_the_host_and_secure_everywhere_but_on_this_machine(
    app: Flask, owner: Somebody, url: str
) -> None:
    """◆ Fails when `is_loopback` answers yes, or looks at the beginning of a name."""
    browser = Pages(app, url)
    headers = browser.get("/login").headers.getlist("Set-Cookie")
    for path, fields in (
        ("/login", {"username": owner.user.username, "password": PASSWORD}), ("/theme", {"theme": "dark"}),
        ("/theme", {"theme": ""}), ("/logout", {}),
    ):  # fmt: skip
        headers += browser.post(path, fields).headers.getlist("Set-Cookie")
        browser.get("/account/auth")
    assert len(headers) == 6
    for header in headers:
        first, *attributes = re.split(r";\s*", header)
        flags = {each.lower() for each in attributes}
        prefix = "" if url in LOOPBACK else "__Host-"
        assert first.partition("=")[0] in (f"{prefix}daypass", f"{prefix}daypass_device", "daypass_theme")
        assert flags >= {"httponly", "samesite=lax", "path=/"}
        assert ("secure" in flags) is (url in ELSEWHERE)
        assert not any(flag.startswith("domain") for flag in flags)


def test_a_browser_is_known_to_the_account_that_signed_in_there(app: Flask, owner: Somebody) -> None:
    """◆ Strangers who use up all that is left to new places do not keep it out. Fails when no cookie is set or read."""
    browser = Pages(app, address="203.0.113.1")
    browser.sign_in(owner.user.username)
    assert browser.post("/logout").status_code == 303
    browser.address = "203.1.113.1"
    for number in range(KNOWN_LIMIT):
        assert browser.sign_in(owner.user.username, ANOTHER_PASSWORD).status_code == 401, number
    answer = browser.sign_in(owner.user.username)
    assert (answer.status_code, "a network where you signed in before may still work" in words(answer)) == (429, True)
    known = browser.client.get_cookie("daypass_device")
    assert known is not None and owner.user.username not in known.value
    assert not Pages(app, address="203.2.113.1").set_cookie(known.value).is_signed_in()


# The end of a session


def test_signing_out_ends_the_session_on_the_server(app: Flask, owner: Somebody, database: Database) -> None:
    """◆ Fails when `sign_out` only has the browser forget the cookie."""
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    cookie = browser.cookie or ""
    before = rows.count(database, SessionRow)
    assert browser.post("/logout").headers["Location"] == "/login"
    assert browser.cookie is None
    assert rows.count(database, SessionRow) == before - 1
    assert is_sent_to_sign_in(Pages(app).set_cookie(cookie).get("/account/auth"))
    assert owner.pages.is_signed_in()


def test_a_session_that_is_over_does_nothing_and_leads_back(
    app: Flask, services: Services, owner: Somebody, database: Database, clock: MovableClock
) -> None:
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
    with clock.stopped_at(begun + IDLE):
        answer = browser.get("/account/auth")
        assert is_sent_to_sign_in(answer)
        assert "Your session has ended" in words(browser.get(answer.headers["Location"]))
        before = all_rows(services, database)
        answer = browser.post(CREATE, {"name": "too-late"})
        assert answer.headers["Location"] == "/login?next=/account/auth/refresh-tokens&why=ended"
        assert all_rows(services, database) == before


# Passwords


def test_a_password_is_changed_by_the_present_one_and_a_new_one_twice(
    app: Flask, services: Services, database: Database
) -> None:
    """Fails when `end_of_user` is not called, or takes the present session too."""
    theirs, other = somebody(app), Pages(app)
    other.sign_in(theirs.user.username)
    before = all_rows(services, database)
    for present, password, again, status in (
        (ANOTHER_PASSWORD, f"{PASSWORD}-2", f"{PASSWORD}-2", 401), (PASSWORD, ANOTHER_PASSWORD, PASSWORD, 400),
        (PASSWORD, PASSWORD, PASSWORD, 400), (PASSWORD, "short", "short", 400), ("", ANOTHER_PASSWORD, "", 400),
    ):  # fmt: skip
        answer = theirs.pages.post("/account/password", {"current": present, "password": password, "repeated": again})
        assert (answer.status_code, PASSWORD_MARK in answer.text) == (status, False)
    assert {**before, **OF_REFUSED} == {**all_rows(services, database), **OF_REFUSED}
    fields = {"current": PASSWORD, "password": ANOTHER_PASSWORD, "repeated": ANOTHER_PASSWORD}
    answer = theirs.pages.post("/account/password", fields)
    assert answer.headers["Location"].startswith("/account/password?done=changed&")
    assert (theirs.pages.is_signed_in(), other.is_signed_in()) == (True, False)
    assert other.sign_in(theirs.user.username, ANOTHER_PASSWORD).status_code == 303


@pytest.mark.parametrize("path", [CREATE, "regenerate", "access-token", "/preferences/access-tokens/new"])
def test_the_password_is_asked_again_after_ten_minutes_and_what_was_typed_is_kept(
    app: Flask, services: Services, owner: Somebody, database: Database, clock: MovableClock, path: str
) -> None:
    """◆ Fails when the guard does not ask, or `is_fresh` compares with `<=`."""
    refresh = holding(services, owner.user).refresh.token
    path = path if path.startswith("/") else f"{CREATE}/{refresh.public_id}/{path}"
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
        fields = browser.fill_in(path, {"name": "typed <before>", "lifetime": "7", "description": "typed & before"})
    with clock.stopped_at(begun + FRESH - SECOND):
        assert page(browser.post(path, fields)).value_of("secret")
    fields = browser.fill_in(path, {name: fields[name] for name in ("name", "lifetime", "description")})
    before = all_rows(services, database)
    with clock.stopped_at(begun + FRESH):
        confirming = page(browser.post(path, fields)).form(path).fields
        form_token = confirming["form_token"]  # the same under another pad
        assert confirming == fields | {"current_password": "", "form_token": form_token}
        wrong = browser.post(path, confirming | {"current_password": ANOTHER_PASSWORD})
        assert (wrong.status_code, "Incorrect password." in words(wrong)) == (403, True)
        assert page(wrong).form(path).fields["form_id"] == fields["form_id"]
        assert {**all_rows(services, database), **OF_REFUSED} == {**before, **OF_REFUSED}
        confirmed = confirming | {"current_password": PASSWORD}
        assert page(browser.post(path, confirmed)).value_of("secret")
        assert "Already shown" in words(browser.post(path, confirmed)), "sent again, it makes no second token"
    with clock.stopped_at(begun + 2 * FRESH):
        assert "Confirm your password" in words(browser.post(path, fields | {"form_id": f"another {path}"}))


def test_the_session_has_a_new_id_once_the_password_was_entered_again(
    app: Flask, services: Services, clock: MovableClock
) -> None:
    """◆ Who had read the cookie does not share the proof; pages that other tabs show go on.

    Before a form, in the form for a user's password, and with a new password. Fails when one of them keeps the id.
    """
    admin, user = somebody(app, role=Role.SERVER_ADMIN), make_user(services)
    browser, password = admin.pages, PASSWORD
    chosen = {"password": ANOTHER_PASSWORD, "repeated": ANOTHER_PASSWORD}
    forms = [
        (CREATE, {"name": "x", "current_password": PASSWORD}, 11),
        (f"/admin/users/{user.id}/password", {"password": ANOTHER_PASSWORD, "current_password": PASSWORD}, 22),
        ("/account/password", {"current": password} | chosen, 33),
    ]
    for path, fields, minutes in forms:
        with clock.later(minutes=minutes):
            browser.get("/account/auth")
            stolen, in_another_tab = browser.cookie or "", browser.form_token
            assert browser.post(path, fields).status_code in (200, 303)
            assert browser.cookie and browser.cookie != stolen
            assert not Pages(app).set_cookie(stolen).is_signed_in(), path
            assert browser.post("/theme", {"form_token": in_another_tab}).status_code == 303
            assert browser.is_signed_in()


def test_revoking_ones_own_token_needs_no_password(
    app: Flask, services: Services, owner: Somebody, clock: MovableClock
) -> None:
    """Revoking a token must be quick."""
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    held = holding(services, owner.user)
    of_refresh = f"{CREATE}/{held.refresh.token.public_id}"
    with clock.later(minutes=11):
        assert browser.get("/account/auth").status_code == 200
        assert browser.post(f"/preferences/access-tokens/{held.single.token.uuid}/delete").status_code == 303
        assert browser.post(f"{of_refresh}/revoke").status_code == 303


def test_guessing_a_password_is_a_429_that_says_when_to_try_again(
    app: Flask, services: Services, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At sign-in, and in a session, which is not ended by it. Fails when `prove` checks the password by itself."""
    for limit in ("NEW_PLACE_LIMIT", "KNOWN_LIMIT"):
        monkeypatch.setattr(throttling, limit, 1)
    theirs, stranger = somebody(app), Pages(app, address="203.0.113.9")
    assert stranger.sign_in(theirs.user.username, ANOTHER_PASSWORD).status_code == 401
    refused = [stranger.sign_in(theirs.user.username)]
    assert page(refused[0]).value_of("username") == theirs.user.username
    guess = {"name": "x", "current_password": ANOTHER_PASSWORD}
    with clock.later(minutes=11):
        for _ in ("the session's budget", "the network's"):
            assert theirs.pages.post(CREATE, guess).status_code == 403
        refused.append(theirs.pages.post(CREATE, guess | {"current_password": PASSWORD}))
        changing = {"current": ANOTHER_PASSWORD, "password": f"{PASSWORD}-2", "repeated": f"{PASSWORD}-2"}
        refused.append(theirs.pages.post("/account/password", changing))
        assert theirs.pages.is_signed_in()
    for answer in refused:
        assert (answer.status_code, "Too many incorrect passwords" in words(answer)) == (429, True)
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert services.token_lists.refresh_tokens_of(theirs.user.id, TokenView()).items == []


def test_who_cannot_sign_in_is_not_told_why(app: Flask, services: Services) -> None:
    """◆ Unknown, wrong password, disabled, without a password: the same page."""
    known, disabled, without = make_user(services, password=PASSWORD), make_user(services), make_user(services)
    disable(services, disabled.username)
    browser, seen = Pages(app), set()
    for username in (known.username, disabled.username, without.username, "nobody-at-all", "\x00", "É", "x" * 200):
        answer = browser.sign_in(username, ANOTHER_PASSWORD)
        assert browser.cookie is not None
        seen.add((answer.status_code, words(answer), str(sorted(answer.headers.keys()))))
    assert [status for status, *_ in seen] == [401]
