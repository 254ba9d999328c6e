"""The stories of a user and of an administrator with the keyboard alone."""

import pytest
import requests
from playwright.sync_api import Locator, expect

from app.domain.identity import Role
from tests.browser.conftest import Instance, Visit
from tests.drivers.alation import Alation
from tests.drivers.browser import Visitor
from tests.factories import PASSWORD, allowed_user, issue
from tests.secrecy import secrets_in

MOST_TABS = 15
"""To the next page of a list, from the top of a page."""


def test_a_user_creates_copies_regenerates_and_revokes_without_a_mouse(instance: Instance, visit: Visit) -> None:
    user = instance.new_user()
    script = Alation(instance.server.url, requests.Session())
    anna = visit(user, permissions=["clipboard-read", "clipboard-write"])
    page, keys = anna.page, anna.page.keyboard
    page.goto("/account/auth")
    anna.enter(_link(anna, "Create Refresh Token"))
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keys.type("nightly-etl")
    keys.press("Enter")
    refresh_token = anna.shown_secret()
    anna.enter(page.get_by_role("button", name="Copy Key to Clipboard"))
    assert _copied(anna) == refresh_token
    anna.enter(page.get_by_role("button", name="Test", exact=True))
    expect(page.locator("output")).to_contain_text("refresh token")
    anna.enter(page.get_by_role("button", name="Done"))

    row = anna.row("nightly-etl")
    anna.enter(row.get_by_role("link", name="Create API Token").first)
    anna.enter(_dialog_button(anna, "Create API Token"))
    anna.enter(page.get_by_role("button", name="Copy Token to clipboard"))
    access_token = _copied(anna)
    assert script.use(access_token).status_code == 200
    anna.enter(page.get_by_role("button", name="Done"))

    _from_menu(anna, "nightly-etl", "Revoke")
    expect(page.get_by_role("dialog")).to_contain_text("can't be undone")
    anna.enter(_dialog_button(anna, "Revoke nightly-etl"))
    expect(page.get_by_role("status").first).to_contain_text("Revoked")
    assert script.use(access_token).status_code == 403
    assert script.mint(refresh_token, user.id).status_code == 401

    anna.enter(page.locator("summary.account"))
    anna.enter(page.get_by_role("button", name="Sign out"))
    anna.arrive("Sign in")


def test_a_user_generates_and_deletes_an_api_token_without_a_mouse(instance: Instance, visit: Visit) -> None:
    anna = visit(allowed_user(instance.past.services, password=PASSWORD))
    page = anna.page
    page.goto("/preferences/access-tokens")
    anna.enter(_link(anna, "Generate New Token"))
    anna.tab_to(page.get_by_label("Description"))
    page.keyboard.type("spreadsheet")
    page.keyboard.press("Enter")
    assert secrets_in(anna.shown_secret())
    page.goto("/preferences/access-tokens")
    _from_menu(anna, "spreadsheet", "Delete Token…")
    anna.enter(_dialog_button(anna, "Delete Token"))
    expect(anna.row("spreadsheet")).to_have_count(0)


def test_an_administrator_searches_revokes_and_changes_a_setting_without_a_mouse(
    instance: Instance, visit: Visit
) -> None:
    owner = instance.new_user()
    issue(instance.past.services, owner)
    clara = visit(instance.new_user(Role.SERVER_ADMIN))
    page, keys = clara.page, clara.page.keyboard
    page.goto("/admin")
    clara.enter(page.get_by_role("navigation", name="Main").get_by_role("link", name="Users"))
    clara.arrive("Users")
    keys.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    keys.type(owner.username)
    keys.press("Enter")
    expect(page.get_by_role("row").filter(has_text="user id")).to_have_count(1)
    clara.enter(page.get_by_role("link", name=owner.username, exact=True))
    clara.enter(_link(clara, "Revoke API Tokens"))
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    keys.type("left the team")
    keys.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 refresh token")

    clara.enter(page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings"))
    clara.arrive("Settings")
    setting = page.locator("#refresh_token_lifespan")
    clara.tab_to(setting.get_by_role("spinbutton"))
    keys.press("ControlOrMeta+a")
    keys.type("30")
    expect(setting.get_by_text("→ 30 days")).to_be_visible()
    clara.enter(setting.get_by_role("link", name="Discard"))
    expect(setting.get_by_role("spinbutton")).to_have_value("60")


@pytest.mark.parametrize("path", ["/admin/tokens", "/admin/users", "/admin/audit"])
def test_the_next_page_of_a_list_is_near_for_a_keyboard(path: str, instance: Instance, visit: Visit) -> None:
    clara = visit(instance.new_user(Role.SERVER_ADMIN))
    clara.page.goto(path)
    clara.tab_to(clara.page.get_by_role("link", name="Skip to the content"), 1)
    clara.page.keyboard.press("Enter")
    expect(clara.page.get_by_role("main")).to_be_focused()

    older, newer = (clara.page.get_by_role("link", name=name).first for name in ("Older", "Newer"))
    expect(newer).to_have_attribute("aria-disabled", "true")
    clara.tab_to(older, MOST_TABS - 1)
    clara.page.keyboard.press("Enter")

    expect(newer).not_to_have_attribute("aria-disabled", "true")


def _link(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("link", name=name).first


def _dialog_button(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("dialog").get_by_role("button", name=name)


def _from_menu(visitor: Visitor, row: str, item: str) -> None:
    """Open the menu of a row, and go down it with the arrow keys."""
    visitor.enter(visitor.page.locator(f"summary[aria-label^='Actions for {row}']"))
    target = visitor.row(row).get_by_role("link", name=item)
    for _ in range(10):
        visitor.page.keyboard.press("ArrowDown")
        if target.evaluate("(element) => element === document.activeElement"):
            break
    visitor.page.keyboard.press("Enter")


def _copied(visitor: Visitor) -> str:
    expect(visitor.page.locator("#copied")).not_to_be_empty()
    return str(visitor.page.evaluate("navigator.clipboard.readText()"))
