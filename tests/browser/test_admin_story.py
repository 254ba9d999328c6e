"""What an administrator does with users, settings and the tokens of others, in the browser."""

import re

import requests
from playwright.sync_api import expect

from app.domain.identity import Role, User
from tests.browser.conftest import Instance, Visit
from tests.drivers.alation import Alation
from tests.drivers.browser import Visitor
from tests.factories import OPERATOR, issue, mint


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


def test_an_administrator_sees_what_a_lifetime_affects_before_changing_it(instance: Instance, visit: Visit) -> None:
    owner = instance.new_user()
    admin = instance.new_user(Role.SERVER_ADMIN)
    clara = visit(admin)
    alive = instance.past.services.setting_effects.preview("refresh_token_lifespan", "30").effects[0].count

    clara.page.goto("/admin/settings")
    clara.click("Change Refresh token lifetime", role="link")
    clara.page.get_by_label("New value in days").fill("30")
    clara.click("Preview")
    expect(clara.page.get_by_text(f"{alive} refresh tokens unaffected")).to_be_visible()
    assert instance.past.services.instance_settings.get("refresh_token_lifespan").value == "60"
    clara.click("Change to 30 days")
    expect(clara.page.get_by_role("status")).to_contain_text("Changed Refresh token lifetime to 30 days")

    made = issue(instance.past.services, owner)
    instance.past.services.instance_settings.change("refresh_token_lifespan", "60", OPERATOR)
    assert made.token.expires_at is not None
    assert (made.token.expires_at - made.token.created_at).days == 30
    clara.page.goto(f"/admin/audit?actor={admin.username}")
    expect(clara.row("instance_setting.changed")).to_contain_text(re.compile("refresh_token_lifespan.*30", re.DOTALL))


def test_an_administrator_ends_by_filter_what_the_preview_showed(instance: Instance, visit: Visit) -> None:
    owner = instance.new_user()
    for name in ("leaked-a", "leaked-b", "kept"):
        issue(instance.past.services, owner, name)
    clara = visit(instance.new_user(Role.SERVER_ADMIN))

    clara.page.goto("/admin/tokens")
    clara.page.get_by_label("Owner").fill(owner.username)
    clara.page.get_by_label("Name contains").fill("leaked")
    clara.click("Filter")
    clara.click("Revoke all that match…", role="link")
    expect(clara.row("leaked-")).to_have_count(2)
    clara.page.get_by_label("Reason").fill("found in a repository")
    clara.click("Revoke 2 tokens")
    expect(clara.page.get_by_role("status")).to_contain_text("Revoked")

    states = {token.name: token.token.status for token in instance.tokens_of(owner)}
    assert states == {"leaked-a": "revoked", "leaked-b": "revoked", "kept": "active"}


def _find(visitor: Visitor, user: User) -> None:
    visitor.page.goto("/admin/users")
    visitor.page.get_by_label("User name contains").fill(user.username)
    visitor.click("Find")
    visitor.click(user.username, role="link")
