"""Passwords and sessions on the pages: one's own under Account Settings, and those of others."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from app.domain.clock import system_clock
from app.domain.identity import Role, User
from app.domain.passwords import EXPIRED, TEMPORARY
from app.domain.token_view import TokenView
from app.services import Services
from tests.contract.asking_pages import Somebody, holding, somebody
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, page, words
from tests.factories import OPERATOR, PASSWORD, works
from tests.secrecy import PASSWORD_MARK

ANOTHER = f"{PASSWORD_MARK}-another"
SECURITY = "/account/security"
CHANGED = {"current": PASSWORD, "password": ANOTHER, "repeated": ANOTHER}


@pytest.fixture
def admin(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def newcomer(services: Services, name: str) -> User:
    """A user whose password somebody else chose."""
    return services.accounts.add(name, Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)


def test_who_signs_in_with_a_temporary_password_can_only_choose_another_one(app: Flask, services: Services) -> None:
    """◆ Pages and forms lead to it, and change nothing. Fails when the guard does not ask."""
    user, browser = newcomer(services, "nora"), Pages(app)
    browser.sign_in(user.username)
    for path in ("/account/auth", SECURITY, "/preferences/access-tokens"):
        assert browser.get(path).headers["Location"] == "/account/password"
    assert "Your password is temporary" in words(browser.get("/account/password"))
    assert browser.post("/account/auth/refresh-tokens", {"name": "x"}).headers["Location"] == "/account/password"
    assert services.token_lists.refresh_tokens_of(user.id, TokenView()).items == []
    assert browser.post("/account/password", CHANGED | {"current": f"{ANOTHER}-2"}).status_code == 401
    assert browser.post("/account/password", CHANGED).headers["Location"].startswith("/account/password?done=changed&")
    assert browser.is_signed_in()


def test_a_temporary_password_that_has_expired_is_named_to_who_has_it_and_to_nobody_else(
    app: Flask, services: Services, clock: MovableClock
) -> None:
    """◆ Wrong guesses are answered as for any other user."""
    with clock.stopped_at(system_clock()) as set_at:
        user, browser = newcomer(services, "nils"), Pages(app)
        browser.sign_in(user.username)
        browser.get("/account/password")  # gives the form token
    with clock.stopped_at(set_at + TEMPORARY):
        answer = Pages(app).sign_in(user.username)
        assert (answer.status_code, EXPIRED in words(answer)) == (401, True)
        wrong = [Pages(app).sign_in(name, ANOTHER) for name in (user.username, "nobody-at-all")]
        assert len({words(each) for each in wrong}) == 1 and EXPIRED not in words(wrong[0])
    with clock.stopped_at(set_at + timedelta(minutes=29)):
        assert browser.post("/account/password", CHANGED).status_code == 303


def test_tokens_are_revoked_with_the_password_where_the_box_is_ticked(app: Flask, services: Services) -> None:
    theirs = somebody(app, allowed=True)
    held = holding(services, theirs.user)
    path = "/account/password"
    refused = theirs.pages.post(path, CHANGED | {"password": "x", "repeated": "x", "revoke_tokens": "on"})
    assert any(tag == "input" and "checked" in named for tag, named in page(refused).tags), "what was ticked stays"
    answer = theirs.pages.post(path, CHANGED | {"revoke_tokens": "on"})
    assert "your tokens were revoked" in words(theirs.pages.get(answer.headers["Location"]))
    assert not any(works(services, each) for each in (held.refresh, held.access, held.single))


def test_a_user_sees_where_they_are_signed_in_and_signs_out_there(app: Flask, services: Services) -> None:
    """◆ No cookie and no digest is on the page, and another user's session is not there."""
    theirs, other, third = somebody(app), Pages(app, address="192.0.2.77"), Pages(app)
    other.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    stranger = somebody(app)
    for browser in (other, third):
        browser.sign_in(theirs.user.username)
    shown = theirs.pages.get(SECURITY)
    numbers = [int(each) for each in re.findall(r"/sessions/(\d+)/end", shown.text)]
    mine, *others = (each.id for each in sorted(services.sessions.of_user(theirs.user.id), key=lambda each: each.id))
    assert numbers == [mine, *others[::-1]]
    assert "Firefox on Linux" in words(shown) and "192.0.2.77" in words(shown)
    for browser in (theirs.pages, other, stranger.pages):
        assert (browser.cookie or "?") not in shown.text
        assert services.sessions._digest(browser.cookie or "") not in shown.text
    assert stranger.pages.post(f"{SECURITY}/sessions/{mine}/end").status_code == 404
    assert (
        theirs.pages.post(f"{SECURITY}/sessions/{others[0]}/end")
        .headers["Location"]
        .startswith(f"{SECURITY}?done=ended&")
    )
    assert [each.is_signed_in() for each in (theirs.pages, other, third)] == [True, False, True]
    assert theirs.pages.post(f"{SECURITY}/end-others").headers["Location"].startswith(f"{SECURITY}?done=others&")
    assert [each.is_signed_in() for each in (theirs.pages, third, stranger.pages)] == [True, False, True]
    assert theirs.pages.post(f"{SECURITY}/sessions/{mine}/end").headers["Location"] == "/login"
    assert not theirs.pages.is_signed_in()


def test_signing_out_everywhere_ends_this_session_too(app: Flask) -> None:
    theirs, other = somebody(app), Pages(app)
    other.sign_in(theirs.user.username)
    assert theirs.pages.post(f"{SECURITY}/end-all").headers["Location"] == "/login"
    assert not theirs.pages.is_signed_in() and not other.is_signed_in()


def test_an_administrator_ends_a_users_sessions_and_sets_the_password_with_a_fresh_proof(
    app: Flask, services: Services, admin: Somebody, clock: MovableClock
) -> None:
    """◆ The password is no part of an answer, and temporary unless the box is ticked."""
    theirs = somebody(app, allowed=True)
    held, path = holding(services, theirs.user), f"/admin/users/{theirs.user.id}"
    form = {"password": ANOTHER, "revoke_tokens": "on"}
    with clock.later(minutes=11):
        assert "Confirm your password" in words(admin.pages.post(f"{path}/end-sessions"))
        for proof in ({}, {"current_password": f"{PASSWORD} not"}):
            refused = admin.pages.post(f"{path}/password", form | proof)
            assert (refused.status_code, ANOTHER in refused.text) == (403, False)
    assert theirs.pages.is_signed_in() and works(services, held.refresh)
    assert "ends 1 session of" in words(admin.pages.get(f"{path}/end-sessions"))
    done = admin.pages.post(f"{path}/end-sessions").headers["Location"]
    assert "Ended 1 session of" in words(admin.pages.get(done)) and not theirs.pages.is_signed_in()
    assert "has no session on the pages" in words(admin.pages.get(f"{path}/end-sessions"))
    own = f"/admin/users/{admin.user.id}/end-sessions"
    assert "has no other session on the pages" in words(admin.pages.get(own))
    short = admin.pages.post(f"{path}/password", {"password": "too-short-x"})
    assert (short.status_code, 'id="password-error"' in short.text, "too-short" in short.text) == (400, True, False)
    done = admin.pages.post(f"{path}/password", form).headers["Location"]
    shown = words(admin.pages.get(done))
    assert "Password temporary, expires in 3 days" in shown
    assert "ended their sessions, and revoked 1 refresh token and 2 access tokens." in shown
    assert not works(services, held.refresh) and not works(services, held.single)
    admin.pages.post(f"{path}/password", {"password": PASSWORD, "is_permanent": "on"})
    assert services.accounts.get(theirs.user.username).password_expires_at is None


def test_an_administrators_own_password_is_changed_with_the_current_one(app: Flask, admin: Somebody) -> None:
    answer = admin.pages.post(f"/admin/users/{admin.user.id}/password", {"password": ANOTHER})
    assert (answer.status_code, "under Account Settings" in words(answer)) == (409, True)
    assert Pages(app).sign_in(admin.user.username).status_code == 303
