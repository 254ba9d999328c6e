"""What pages and the API show of people who must sign in with single sign-on."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.domain.identity import Role
from app.services import Services
from app.web.rendering import day
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import Pages, words
from tests.factories import PASSWORD, make_user, vouch

VALID = 30
NOTICE = "Your tokens stop working then, until you do."


@pytest.fixture
def admin(app: Flask) -> Pages:
    pages = somebody(app, Role.SERVER_ADMIN).pages
    pages.get("/account/password")
    return pages


@pytest.fixture
def login(app: Flask) -> Somebody:
    return somebody(app)


def shown_day(app: Flask, at: datetime) -> str:
    with app.app_context():
        return day(at)


def test_a_person_is_told_on_every_page_from_a_week_before(
    app: Flask, services: Services, login: Somebody, clock: MovableClock, setting: Setting
) -> None:
    """And is sent to sign in from the instant on."""
    with setting(sign_in_valid_days=str(VALID)):
        for days, is_told in ((VALID - 7.1, False), (VALID - 6.9, True)):
            vouch(services, login.user, clock() - timedelta(days=days))
            for path in ("/account/auth", "/preferences/access-tokens", "/account/security"):
                assert (NOTICE in words(login.pages.get(path))) is is_told, (days, path)
        until = clock() + timedelta(days=6.9)
        shown = words(login.pages.get("/account/security"))
        assert f"Sign in with single sign-on by {shown_day(app, until)}." in shown
        vouch(services, login.user, clock() - timedelta(days=VALID))
        assert login.pages.get("/account/auth").status_code == 303
        page = login.pages.sign_in(login.user.username, PASSWORD)
        assert page.status_code == 403
        assert "You have not signed in with single sign-on for too long." in words(page)
    assert NOTICE not in words(login.pages.get("/account/auth")), "off again"


def test_administrators_see_who_is_about_to_leave_and_enable_who_is_away(
    app: Flask, services: Services, admin: Pages, clock: MovableClock, setting: Setting
) -> None:
    name = "leaver-of-the-list"
    user = make_user(services, name)
    with setting(sign_in_valid_days=str(VALID)):
        vouch(services, user, clock() - timedelta(days=VALID - 2))
        until = shown_day(app, clock() + timedelta(days=2))
        shown = words(admin.get(f"/admin/users?q={name}"))
        assert f"Must sign in by {until}" in shown and "Active 1 Disabled 0" in shown
        assert f"must sign in with single sign-on by {until}" in words(admin.get(f"/admin/users/{user.id}"))

        vouch(services, user, clock() - timedelta(days=VALID))
        shown = words(admin.get(f"/admin/users?q={name}&state=disabled"))
        assert "Disabled Has not signed in for too long" in shown and "Active 0 Disabled 1" in shown
        shown = words(admin.get(f"/admin/users/{user.id}"))
        assert "has not signed in with single sign-on for too long" in shown
        assert admin.get(f"/admin/users/{user.id}/enable").status_code == 200
        answer = admin.post(f"/admin/users/{user.id}", {"state": "active"})
        assert f"Enabled {name}." in words(admin.get(answer.headers["Location"]))
        assert services.accounts.by_id(user.id).sign_in_by is not None
        assert "Must sign in by" not in words(admin.get(f"/admin/users?q={name}"))


def test_the_setting_says_how_many_people_it_affects_before_it_is_changed(
    services: Services, admin: Pages, clock: MovableClock
) -> None:
    vouch(services, make_user(services), clock() - timedelta(days=400))
    shown = words(admin.get("/admin/settings/sign_in_valid_days?value=365"))
    assert "Affects 1 enabled user whose last single sign-on is older" in shown
    assert "They are treated as disabled" in shown
