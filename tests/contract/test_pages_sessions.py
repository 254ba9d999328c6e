"""Signing in on the pages, staying signed in, and what ends a session: all of it on the server.

Here belong cookies, their flags, the times of a session, and being asked for the password again. Not here: forms and
addresses (``test_pages_security``), and sessions without pages (``tests/unit/services/test_sessions``).
"""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.domain.sessions import FRESH, IDLE, LONGEST
from app.http.context import parts
from app.services import Services, throttling
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.contract.asking_pages import Somebody, addresses, holding, kept, somebody, variables
from tests.contract.conftest import MovableClock
from tests.drivers.pages import HOME, Pages, page, words
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.secrecy import PASSWORD_MARK

ANOTHER_PASSWORD = f"{PASSWORD_MARK}-another"
SECOND = timedelta(seconds=1)
CHOSEN = "chosen-by-somebody-else".ljust(43, "x")

LOOPBACK = ("http://127.0.0.1:5000", "http://localhost", "http://LOCALHOST:81", "http://[::1]:8000", "http://[::1]",
            "http://127.9.8.7")  # fmt: skip
ELSEWHERE = ("https://tokens.example.com", "http://tokens.example.com:8000", "http://127.0.0.1.example.com",
             "http://localhost.example.com", "http://192.0.2.1", "http://[2001:db8::1]:8000")  # fmt: skip

CREATE = "/account/auth/refresh-tokens"


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["daypass_database"]
    return found


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


# A cookie that somebody else knows


def test_the_cookie_of_before_is_worth_nothing_after_signing_in(app: Flask, owner: Somebody) -> None:
    """Session fixation. Fails when `sign_in` keeps the id that the browser came with."""
    browser = Pages(app)
    browser.get("/login")
    before, token_before = browser.cookie, browser.form_token
    browser.sign_in(owner.user.username)
    assert before and browser.cookie and before != browser.cookie
    assert browser.is_signed_in()
    assert not Pages(app).set_cookie(before).is_signed_in()
    assert browser.post("/theme", {"form_token": token_before}).status_code == 400
    assert browser.form_token != token_before


def test_a_cookie_that_somebody_put_into_a_browser_never_becomes_a_session(app: Flask, owner: Somebody) -> None:
    """Fails as the test above."""
    browser = Pages(app).set_cookie(CHOSEN)
    browser.sign_in(owner.user.username)
    assert browser.cookie != CHOSEN
    assert not Pages(app).set_cookie(CHOSEN).is_signed_in()


def test_signing_in_ends_the_session_that_the_browser_had(app: Flask, owner: Somebody) -> None:
    """Also one that an attacker began and planted: they can't go on in it, nor see what is done in the other."""
    attacker = somebody(app)
    planted = attacker.pages.cookie
    assert planted
    victim = Pages(app).set_cookie(planted)
    victim.get("/account/auth")  # gives the form token
    victim.post("/login", {"username": owner.user.username, "password": PASSWORD})
    assert victim.is_signed_in()
    assert owner.user.username in words(victim.get("/account/auth"))
    assert not attacker.pages.is_signed_in()


@pytest.mark.parametrize(
    "odd", ["", "x", "\xff" * 43, "\\377\\000", '"', "a" * 3000, "-" * 42, "=" * 43, "a" * 44, "é"]
)
def test_a_cookie_that_is_none_of_ours_is_no_session_and_no_failure(app: Flask, odd: str) -> None:
    headers = {"Cookie": f"daypass={odd}"}
    browser = Pages(app)
    browser.client = app.test_client(use_cookies=False)
    assert is_sent_to_sign_in(browser.get("/account/auth", headers=headers))
    assert browser.get("/login", headers=headers).status_code == 200
    assert browser.post("/logout", headers=headers).status_code in (303, 400)


def test_the_digest_in_the_database_opens_nothing(app: Flask, owner: Somebody, database: Database) -> None:
    with database.reading() as session:
        digests = list(session.scalars(select(SessionRow.digest)))
    assert owner.pages.cookie not in digests
    for digest in (digests[-1], digests[-1][:43]):
        assert not Pages(app).set_cookie(digest).is_signed_in()


def test_no_session_is_found_in_another_place_than_the_cookie(app: Flask, owner: Somebody) -> None:
    cookie = owner.pages.cookie or ""
    browser = Pages(app)
    for headers in ({"TOKEN": cookie}, {"Authorization": f"Bearer {cookie}"}, {"Cookie": f"__Host-daypass={cookie}"}):
        assert is_sent_to_sign_in(browser.get("/account/auth", headers=headers))
    asked = browser.client.get(f"/account/auth?daypass={cookie}")  # past the driver, which minds what looks secret
    assert asked.headers["Location"].startswith("/login?")
    assert browser.client.get("/api/v1/me", headers={"TOKEN": cookie}).status_code == 401
    assert owner.pages.client.get("/api/v1/me").status_code == 401


# What ends a session


def test_signing_out_ends_the_session_on_the_server(app: Flask, owner: Somebody, database: Database) -> None:
    """Fails when `sign_out` only has the browser forget the cookie."""
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    cookie = browser.cookie or ""
    before = rows.count(database, SessionRow)
    answer = browser.post("/logout")
    assert answer.headers["Location"] == "/login"
    assert browser.cookie is None
    assert rows.count(database, SessionRow) == before - 1
    again = Pages(app).set_cookie(cookie)
    for path in ("/account/auth", "/preferences/access-tokens", "/admin"):
        assert is_sent_to_sign_in(again.get(path))
    assert owner.pages.is_signed_in()


def test_disabling_a_user_ends_their_sessions_for_good(app: Flask, services: Services) -> None:
    """Fails when `_change` does not end them: then enabling would bring them back."""
    theirs = somebody(app)
    services.accounts.disable(theirs.user.username, OPERATOR)
    assert not theirs.pages.is_signed_in()
    services.accounts.enable(theirs.user.username, OPERATOR)
    assert not theirs.pages.is_signed_in()


def test_changing_ones_password_ends_ones_other_sessions(app: Flask, services: Services) -> None:
    """Fails when `end_of_user` is not called, or takes the present session too."""
    theirs = somebody(app)
    other = Pages(app)
    other.sign_in(theirs.user.username)
    held = holding(services, services.accounts.set_api_tokens(theirs.user.username, "allow", OPERATOR))
    fields = {"current": PASSWORD, "password": ANOTHER_PASSWORD, "repeated": ANOTHER_PASSWORD}
    answer = theirs.pages.post("/account/password", fields)
    assert answer.headers["Location"] == "/account/password?done=changed"
    assert theirs.pages.is_signed_in()
    assert not other.is_signed_in()
    services.verifier.verify(held.access.secret)  # tokens are not touched
    assert other.sign_in(theirs.user.username).status_code == 401
    assert other.sign_in(theirs.user.username, ANOTHER_PASSWORD).status_code == 303


def test_a_password_that_somebody_else_set_ends_all_sessions(app: Flask, services: Services) -> None:
    theirs = somebody(app)
    services.accounts.set_password(theirs.user.username, ANOTHER_PASSWORD, OPERATOR)
    assert not theirs.pages.is_signed_in()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"current": ANOTHER_PASSWORD, "password": "x" * 8, "repeated": "x" * 8}, 401),
        ({"current": PASSWORD, "password": ANOTHER_PASSWORD, "repeated": PASSWORD}, 400),
        ({"current": PASSWORD, "password": PASSWORD, "repeated": PASSWORD}, 400),
        ({"current": PASSWORD, "password": "short", "repeated": "short"}, 400),
        ({"password": ANOTHER_PASSWORD, "repeated": ANOTHER_PASSWORD}, 401),
        ({}, 400),
    ],
)
def test_a_password_is_not_changed_by_a_wrong_form(
    services: Services, owner: Somebody, database: Database, fields: dict[str, str], status: int
) -> None:
    before = kept(services, database)
    answer = owner.pages.post("/account/password", fields)
    after = kept(services, database)
    assert answer.status_code == status
    assert PASSWORD_MARK not in answer.text
    assert {**before, "login_throttle": []} == {**after, "login_throttle": []}


def test_a_role_counts_from_the_next_request_on(app: Flask, services: Services) -> None:
    """Fails when the role is kept in the session."""
    theirs = somebody(app)
    make_user(services, role=Role.SERVER_ADMIN)  # there must always be one
    assert theirs.pages.get("/admin").status_code == 403
    services.accounts.set_role(theirs.user.username, Role.SERVER_ADMIN, OPERATOR)
    assert theirs.pages.get("/admin").status_code == 200
    services.accounts.set_role(theirs.user.username, Role.VIEWER, OPERATOR)
    assert theirs.pages.get("/admin").status_code == 403
    assert theirs.pages.post("/admin/settings/retention_days", {"value": "1"}).status_code == 403


def test_an_introspector_cannot_enter(app: Flask, services: Services, database: Database) -> None:
    theirs = somebody(app, Role.INTROSPECTOR)
    held = variables(
        theirs.user, holding(services, services.accounts.set_api_tokens(theirs.user.username, "allow", OPERATOR))
    )
    before = kept(services, database)
    guarded = [
        each for each in addresses(app, "GET", **held) if each.startswith(("/account", "/preferences", "/admin"))
    ]
    assert len(guarded) > 20
    for path in guarded:
        assert theirs.pages.get(path).status_code == 403, path
    for path in addresses(app, "POST", **held):
        if path.startswith(("/account", "/preferences", "/admin")):
            assert theirs.pages.post(path, {"name": "x", "lifetime": "7", "reason": "x"}).status_code == 403, path
    assert kept(services, database) == before
    assert theirs.pages.post("/logout").status_code == 303


def test_a_session_is_over_half_an_hour_after_its_last_use(app: Flask, owner: Somebody, clock: MovableClock) -> None:
    """To the second. Fails when `is_over` compares with `>`, or forgets `seen_at`."""
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
    with clock.stopped_at(begun + IDLE - SECOND) as used:
        assert browser.is_signed_in()
    with clock.stopped_at(used + IDLE - SECOND):
        assert browser.is_signed_in()
    with clock.stopped_at(used + IDLE - SECOND + IDLE):
        answer = browser.get("/account/auth")
        assert is_sent_to_sign_in(answer)
        assert "Your session has ended" in words(browser.get(answer.headers["Location"]))
    with clock.stopped_at(used):
        assert browser.is_signed_in(), "it was the time that ended it"


def test_a_use_within_a_minute_of_the_one_before_is_not_written(
    app: Flask, owner: Somebody, clock: MovableClock
) -> None:
    """So a session may be over up to a minute early, and never late."""
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
    with clock.stopped_at(begun + timedelta(seconds=59)):
        assert browser.is_signed_in()
    with clock.stopped_at(begun + IDLE):
        assert not browser.is_signed_in()


def test_a_session_is_over_twelve_hours_after_it_began(app: Flask, owner: Somebody, clock: MovableClock) -> None:
    """However busy it is, to the second. Fails when `is_over` forgets `created_at`."""
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
    for minutes in range(29, 12 * 60, 29):
        with clock.stopped_at(begun + timedelta(minutes=minutes)):
            assert browser.is_signed_in(), minutes
    with clock.stopped_at(begun + LONGEST - SECOND):
        assert browser.is_signed_in()
    with clock.stopped_at(begun + LONGEST):
        assert not browser.is_signed_in()


def test_a_form_of_a_session_that_is_over_does_nothing_and_leads_back_to_itself(
    app: Flask, services: Services, owner: Somebody, database: Database, clock: MovableClock
) -> None:
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    with clock.later(minutes=31):
        before = kept(services, database)
        answer = browser.post(CREATE, {"name": "too-late"})
        assert answer.headers["Location"] == "/login?next=/account/auth/refresh-tokens&why=ended"
        assert kept(services, database) == before


def test_signing_out_of_a_session_that_is_over_is_written_down_as_its_users(
    app: Flask, database: Database, clock: MovableClock
) -> None:
    theirs = somebody(app)
    with clock.later(minutes=31):
        theirs.pages.post("/logout")
    ended = [each for each in rows.audit_events(database) if each.action == "session.ended"]
    assert (ended[-1].actor, ended[-1].object_id) == (theirs.user.username, theirs.user.username)


# Flags


@pytest.mark.parametrize("url", LOOPBACK)
def test_on_this_machine_the_cookie_needs_no_https(app: Flask, owner: Somebody, url: str) -> None:
    for name, flags in given_cookies(Pages(app, url), owner):
        assert name in ("daypass", "daypass_theme")
        assert flags >= {"httponly", "samesite=lax", "path=/"}, url
        assert not {"secure"} & flags and not any(flag.startswith("domain") for flag in flags), url


@pytest.mark.parametrize("url", ELSEWHERE)
def test_elsewhere_the_cookie_is_secure_and_bound_to_the_host(app: Flask, owner: Somebody, url: str) -> None:
    """Fails when `is_loopback` answers yes, or looks at the beginning of a name."""
    for name, flags in given_cookies(Pages(app, url), owner):
        assert name in ("__Host-daypass", "daypass_theme")
        assert flags >= {"httponly", "samesite=lax", "path=/", "secure"}, url
        assert not any(flag.startswith("domain") for flag in flags), url


def test_elsewhere_a_cookie_without_the_prefix_is_not_believed(app: Flask, owner: Somebody) -> None:
    """A neighbour under the same domain, or whoever sits on the wire, can set one without it."""
    cookie = owner.pages.cookie or ""
    browser = Pages(app, "https://tokens.example.com")
    browser.client = app.test_client(use_cookies=False)
    assert is_sent_to_sign_in(browser.get("/account/auth", headers={"Cookie": f"daypass={cookie}"}))
    assert browser.get("/account/auth", headers={"Cookie": f"__Host-daypass={cookie}"}).status_code == 200


def given_cookies(browser: Pages, owner: Somebody) -> list[tuple[str, set[str]]]:
    """The name and flags of each cookie that is set before, at and after signing in, and at signing out."""
    headers = browser.get("/login").headers.getlist("Set-Cookie")
    for path, fields in (
        ("/login", {"username": owner.user.username, "password": PASSWORD}), ("/theme", {"theme": "dark"}),
        ("/theme", {"theme": ""}), ("/logout", {}),
    ):  # fmt: skip
        answer = browser.post(path, fields)
        assert answer.status_code == 303
        headers += answer.headers.getlist("Set-Cookie")
        browser.get("/account/auth")
    assert len(headers) == 5
    split = [re.split(r";\s*", each) for each in headers]
    return [(first.partition("=")[0], {flag.lower() for flag in flags}) for first, *flags in split]


# The password once more


@pytest.mark.parametrize("path", [CREATE, "regenerate", "/preferences/access-tokens/new"])
def test_the_password_is_asked_again_after_ten_minutes(
    app: Flask, services: Services, owner: Somebody, database: Database, clock: MovableClock, path: str
) -> None:
    """And what was typed is kept. Fails when `asking_again` is taken away, or `is_fresh` compares with `<=`."""
    refresh = holding(services, owner.user).refresh.token
    path = f"/account/auth/refresh-tokens/{refresh.public_id}/regenerate" if path == "regenerate" else path
    with clock.stopped_at(system_clock()) as begun:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
        fields = browser.fill_in(path, {"name": "typed <before>", "lifetime": "7", "description": "typed & before"})
    with clock.stopped_at(begun + FRESH - SECOND):
        assert page(browser.post(path, fields)).value_of("secret")
    fields = browser.fill_in(path, {name: fields[name] for name in ("name", "lifetime", "description")})
    before = kept(services, database)
    with clock.stopped_at(begun + FRESH):
        asked = browser.post(path, fields)
        assert asked.status_code == 200
        assert kept(services, database) == before
        confirming = page(asked).form(path).fields
        assert confirming == fields | {"current_password": ""}
        wrong = browser.post(path, confirming | {"current_password": ANOTHER_PASSWORD})
        assert (wrong.status_code, "Incorrect password." in words(wrong)) == (403, True)
        assert page(wrong).form(path).fields["form_id"] == fields["form_id"]
        assert {**kept(services, database), "login_throttle": []} == {**before, "login_throttle": []}
        made = browser.post(path, confirming | {"current_password": PASSWORD})
        assert page(made).value_of("secret")
    with clock.stopped_at(begun + 2 * FRESH - SECOND):
        assert page(browser.post(path, fields | {"form_id": f"third {path}"})).value_of("secret")
    with clock.stopped_at(begun + 2 * FRESH):
        assert "Confirm your password" in words(browser.post(path, fields | {"form_id": f"fourth {path}"}))


def test_a_password_that_was_given_once_more_makes_no_second_token_when_the_form_is_sent_again(
    app: Flask, owner: Somebody, database: Database, clock: MovableClock
) -> None:
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    fields = browser.fill_in(CREATE, {"name": "confirmed"}) | {"current_password": PASSWORD}
    with clock.later(minutes=11):
        first = browser.post(CREATE, fields)
        again = browser.post(CREATE, fields)
    assert page(first).value_of("secret")
    assert "Already shown" in words(again)


def test_what_is_ones_own_and_makes_nothing_lasting_is_not_asked_about(
    app: Flask, services: Services, owner: Somebody, clock: MovableClock
) -> None:
    """Ending a token must be quick; and an access token under a refresh token is over tomorrow."""
    browser = Pages(app)
    browser.sign_in(owner.user.username)
    held = holding(services, owner.user)
    of_refresh = f"{CREATE}/{held.refresh.token.public_id}"
    with clock.later(minutes=11):
        assert page(browser.post(f"{of_refresh}/access-token")).value_of("secret")
        assert browser.post(f"/preferences/access-tokens/{held.single.token.uuid}/delete").status_code == 303
        assert browser.post(f"{of_refresh}/revoke").status_code == 303


def test_guessing_the_password_in_a_session_is_throttled(
    app: Flask, services: Services, database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when `prove` looks at the password by itself. Neither session nor tokens are touched by it."""
    monkeypatch.setattr(throttling, "PAIR_LIMIT", 2)
    theirs = somebody(app)
    guess = {"name": "x", "current_password": ANOTHER_PASSWORD}
    changing = {"current": ANOTHER_PASSWORD, "password": "y" * 9, "repeated": "y" * 9}
    with clock.later(minutes=11):
        told = [theirs.pages.post(CREATE, guess).status_code for _ in range(2)]
        assert told == [403, 403]
        for path, fields in ((CREATE, guess), (CREATE, guess | {"current_password": PASSWORD})):
            refused = theirs.pages.post(path, fields)
            assert (refused.status_code, "Too many attempts" in words(refused)) == (429, True)
            assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
        refused = theirs.pages.post("/account/password", changing)
        assert (refused.status_code, "Too many attempts" in words(refused)) == (429, True)
        assert theirs.pages.is_signed_in()
        assert services.overview.own_refresh_tokens(theirs.user.id) == ([], None)
    with clock.later(minutes=27):
        assert page(theirs.pages.post(CREATE, guess | {"current_password": PASSWORD})).value_of("secret")


# Signing in


def test_too_many_attempts_are_told_when_to_come_again(
    app: Flask, services: Services, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "ACCOUNT_LIMIT", 2)
    user = make_user(services, password=PASSWORD)
    browser = Pages(app, address="203.0.113.9")
    told = [browser.sign_in(user.username, ANOTHER_PASSWORD).status_code for _ in range(2)]
    assert told == [401, 401]
    refused = browser.sign_in(user.username)
    assert (refused.status_code, "Too many attempts" in words(refused)) == (429, True)
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
    assert page(refused).value_of("username") == user.username
    with clock.later(minutes=16):
        assert browser.sign_in(user.username).status_code == 303


def test_a_stranger_who_is_throttled_keeps_no_owner_out(
    app: Flask, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "ACCOUNT_LIMIT", 1)
    theirs = somebody(app)
    stranger = Pages(app, address="203.0.113.77")
    assert [stranger.sign_in(theirs.user.username, ANOTHER_PASSWORD).status_code for _ in range(2)] == [401, 429]
    assert theirs.pages.is_signed_in()
    assert Pages(app).sign_in(theirs.user.username).status_code == 303


def test_who_cannot_sign_in_is_not_told_why(app: Flask, services: Services) -> None:
    """Unknown, wrong password, disabled, without a password: the same page."""
    wrong, disabled, without = make_user(services, password=PASSWORD), make_user(services), make_user(services)
    services.accounts.disable(disabled.username, OPERATOR)
    browser = Pages(app)
    told = set()
    for username in (wrong.username, disabled.username, without.username, "nobody-at-all", "\x00", "É", "x" * 200):
        answer = browser.sign_in(username, ANOTHER_PASSWORD)
        assert browser.cookie is not None
        told.add((answer.status_code, words(answer), str(sorted(answer.headers.keys()))))
    assert len(told) == 1
    assert told.pop()[0] == 401


def test_a_session_is_of_whoever_signed_in_whatever_the_letter_case(app: Flask, owner: Somebody) -> None:
    browser = Pages(app)
    assert browser.sign_in(owner.user.username.upper()).status_code == 303
    assert owner.user.username in words(browser.get("/account/auth"))


def test_two_sessions_of_one_user_do_not_end_each_other(app: Flask, owner: Somebody, database: Database) -> None:
    browsers = [Pages(app), Pages(app, HOME)]
    for browser in browsers:
        browser.sign_in(owner.user.username)
    assert browsers[0].cookie != browsers[1].cookie
    assert all(browser.is_signed_in() for browser in browsers)
    browsers[0].post("/logout")
    assert [browser.is_signed_in() for browser in browsers] == [False, True]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(SessionRow).where(SessionRow.user_id == owner.user.id))


def test_signing_in_and_out_is_in_the_audit_log(app: Flask, database: Database) -> None:
    theirs = somebody(app)
    theirs.pages.post("/logout")
    found = [each for each in rows.audit_events(database) if each.object_id == theirs.user.username][-2:]
    assert [(each.action, each.actor, each.address) for each in found] == [
        ("session.began", theirs.user.username, "127.0.0.1"), ("session.ended", theirs.user.username, "127.0.0.1"),
    ]  # fmt: skip
    assert parts(app).services.accounts.get(theirs.user.username).last_login_at is not None
