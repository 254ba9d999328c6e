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
    expect(clara.page.get_by_role("status")).to_contain_text("Revoked.")
    assert script.use(access_token).status_code == 403
    assert script.mint(refresh.secret, owner.id).status_code == 401
    clara.row(refresh.token.public_id).get_by_role("link").click()
    expect(clara.page.get_by_text("the laptop was stolen")).to_be_visible()

    later = issue(instance.past.services, owner, "weekly-report")
    access_token = mint(instance.past.services, later).secret
    _find(clara, owner)
    clara.click(f"Disable {owner.username}", role="link")
    clara.click(f"Disable {owner.username}")
    expect(clara.page.get_by_role("status")).to_contain_text("Disabled.")
    assert script.use(access_token).status_code == 403
    clara.click(f"Enable {owner.username}")
    expect(clara.page.get_by_role("status")).to_contain_text("Enabled.")
    assert script.use(access_token).status_code == 200

    clara.click("Changes to this user", role="link")
    for told in ("user.enabled", "user.disabled", "the laptop was stolen"):
        expect(clara.row(told)).to_have_count(1)


def _find(visitor: Visitor, user: User) -> None:
    visitor.page.goto("/admin/users")
    visitor.page.get_by_label("User name contains").fill(user.username)
    visitor.click("Find")
    visitor.click(user.username, role="link")
