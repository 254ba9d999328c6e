"""What an administrator does with users and their tokens, in the browser."""

import requests
from playwright.sync_api import expect

from app.domain.identity import Role, User
from tests.browser.conftest import Instance, Visit
from tests.drivers.alation import Alation
from tests.drivers.browser import Visitor
from tests.factories import issue, mint


def test_an_administrator_finds_a_user_ends_all_tokens_disables_and_enables(instance: Instance, visit: Visit) -> None:
    owner, script = instance.new_user(), Alation(instance.server.url, requests.Session())
    refresh = issue(instance.past.services, owner)
    access_token = mint(instance.past.services, refresh).secret
    assert script.use(access_token).status_code == 200
    clara = visit(instance.new_user(Role.SERVER_ADMIN))

    _find(clara, owner)
    clara.click(f"Revoke API Tokens of {owner.username}", role="link")
    dialog = clara.page.get_by_role("dialog", name=f"Revoke all API tokens of {owner.username}?")
    expect(dialog).to_contain_text("1 refresh token and 1 access token")
    dialog.get_by_label("Reason").fill("the laptop was stolen")
    dialog.get_by_role("button", name="Revoke").click()
    told = f"Revoked 1 refresh token and 1 access token of {owner.username}."
    expect(clara.page.get_by_role("status")).to_contain_text(told)
    assert script.use(access_token).status_code == 403
    assert script.mint(refresh.secret, owner.id).status_code == 401
    clara.row(refresh.token.public_id).get_by_role("link").first.click()
    expect(clara.page.get_by_role("region", name="Details")).to_contain_text("the laptop was stolen")

    later = issue(instance.past.services, owner, "weekly-report")
    access_token = mint(instance.past.services, later).secret
    _find(clara, owner)
    clara.page.get_by_label(f"More actions for {owner.username}").click()
    clara.click(f"Disable {owner.username}", role="link")
    clara.click(f"Disable {owner.username}")
    expect(clara.page.get_by_role("status")).to_contain_text(f"Disabled {owner.username}")
    assert script.use(access_token).status_code == 403
    clara.click(f"Enable {owner.username}", role="link")
    clara.click(f"Enable {owner.username}")
    expect(clara.page.get_by_role("status")).to_contain_text(f"Enabled {owner.username}")
    assert script.use(access_token).status_code == 200

    clara.click(f"Audit log of {owner.username}", role="link")
    entries = clara.page.locator(".entry")
    for told in ("enabled the user", "disabled the user", "revoked 1 refresh token and 1 access token"):
        expect(entries.filter(has_text=told)).to_have_count(1)
    revoked = entries.filter(has_text="revoked 1 refresh token")
    expect(revoked.get_by_text("the laptop was stolen")).to_be_hidden()
    revoked.locator("summary").click()
    expect(revoked.get_by_text("the laptop was stolen")).to_be_visible()


def test_the_list_of_users_is_as_it_was_after_an_act_in_it(instance: Instance, visit: Visit) -> None:
    """The search, the order and the row: by keyboard, from the search box on."""
    owner = instance.new_user()
    clara = visit(instance.new_user(Role.SERVER_ADMIN))
    clara.page.goto("/admin/users?sort=username")
    clara.page.keyboard.press("/")
    clara.page.keyboard.type(owner.username)
    clara.page.keyboard.press("Enter")
    expect(clara.page.locator("tbody tr")).to_have_count(1)
    clara.page.get_by_label(f"Actions for {owner.username}").focus()
    clara.page.keyboard.press("Enter")
    for from_the_last_up in ("Delete", "Disable"):
        clara.page.keyboard.press("ArrowUp")
        expect(clara.page.locator(":focus")).to_contain_text(from_the_last_up)
    clara.page.keyboard.press("Enter")
    clara.page.get_by_role("dialog").get_by_role("button", name=f"Disable {owner.username}").press("Enter")
    expect(clara.page.get_by_role("status")).to_contain_text(f"Disabled {owner.username}")
    expect(clara.page.locator("tbody tr")).to_have_count(1)
    expect(clara.page.get_by_role("searchbox")).to_have_value(owner.username)
    assert "sort=username" in clara.page.url


def _find(visitor: Visitor, user: User) -> None:
    visitor.page.goto("/admin/users")
    visitor.page.get_by_role("searchbox").fill(user.username)
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("tbody tr")).to_have_count(1)
    visitor.page.locator("tbody a[data-row]").click()
