"""The stories of a user and of an administrator without JavaScript: everything works but copying by a button."""

import requests
from playwright.sync_api import expect

from app.domain.clock import system_clock
from app.domain.identity import Role
from tests.authenticators import STEP, Authenticator
from tests.browser.conftest import Instance, Visit
from tests.drivers.alation import Alation
from tests.drivers.browser import Visitor
from tests.drivers.trifacta import Trifacta
from tests.factories import PASSWORD, allowed_user, issue, mint


def test_without_javascript_a_user_does_everything_but_copying_by_button(instance: Instance, visit: Visit) -> None:
    user = instance.new_user()
    script = Alation(instance.server.url, requests.Session())
    anna = visit(user, java_script_enabled=False)
    page = anna.page
    refresh_token = anna.create_refresh_token("nightly-etl")
    expect(page.get_by_role("button", name="Copy Key to Clipboard")).to_be_hidden()
    with anna.context.expect_page() as opened:
        anna.click("Test")
    expect(opened.value.get_by_role("main")).to_contain_text("refresh token")
    anna.click("Create API Access Token", role="link")
    anna.click("Create API Token")
    access_token = anna.shown_secret()
    assert script.use(access_token).status_code == 200
    _done(anna)

    anna.row("nightly-etl").locator("summary").click()
    anna.row("nightly-etl").get_by_role("link", name="Revoke").click()
    anna.click("Revoke nightly-etl")
    expect(page.get_by_role("status").first).to_contain_text("Revoked")
    assert script.use(access_token).status_code == 403
    assert script.mint(refresh_token, user.id).status_code == 401

    page.get_by_role("searchbox").fill("no-such-token")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No tokens match")).to_be_visible()
    page.locator("summary.account").click()
    anna.click("Sign out")
    anna.arrive("Sign in")


def test_without_javascript_a_user_generates_and_deletes_an_api_token(instance: Instance, visit: Visit) -> None:
    anna = visit(allowed_user(instance.past.services, password=PASSWORD), java_script_enabled=False)
    anna.page.goto("/preferences/access-tokens")
    anna.page.get_by_role("link", name="Generate New Token").first.click()
    anna.page.get_by_label("Description").fill("spreadsheet")
    anna.page.keyboard.press("Enter")
    script = Trifacta.with_token(instance.server.url, anna.shown_secret())
    assert script.use().status_code == 200
    _done(anna)
    anna.row("spreadsheet").locator("summary").click()
    anna.row("spreadsheet").get_by_role("link", name="Delete Token…").click()
    anna.click("Delete Token")
    expect(anna.row("spreadsheet")).to_have_count(0)
    assert script.use().status_code == 401


def test_without_javascript_an_administrator_searches_filters_and_revokes(instance: Instance, visit: Visit) -> None:
    owner, script = instance.new_user(), Alation(instance.server.url, requests.Session())
    access_token = mint(instance.past.services, issue(instance.past.services, owner)).secret
    clara = visit(instance.new_user(Role.SERVER_ADMIN), java_script_enabled=False)
    page = clara.page
    page.goto("/admin/users")
    _search(clara, owner.username)
    page.get_by_role("link", name=owner.username, exact=True).click()
    page.get_by_role("link", name="Revoke API Tokens").first.click()
    page.get_by_label("Reason").fill("left the team")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 refresh token")
    assert script.use(access_token).status_code == 403

    page.goto("/admin/tokens")
    _search(clara, owner.username)
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Revoked").click()
    expect(clara.row("nightly-etl").first).to_contain_text("left the team")
    page.goto("/admin/settings")
    setting = page.locator("#refresh_token_lifespan")
    setting.get_by_role("spinbutton").fill("30")
    setting.get_by_role("button", name="Preview").click()
    expect(setting.get_by_text("→ 30 days")).to_be_visible()


def test_without_javascript_a_second_factor_is_added_and_signs_in_by_code_and_by_recovery_code(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    anna = visit(user, java_script_enabled=False)
    page = anna.page
    page.goto("/account/security")
    page.get_by_role("link", name="Set up your second factor").click()
    anna.click("Set up")
    phone = Authenticator(page.locator("code.groups").inner_text().replace(" ", ""))
    page.get_by_label("Code that the app shows").fill(phone.code())
    anna.click("Turn on")
    recovery_codes = anna.shown_secret().split()
    anna.click("I have saved them", role="link")
    expect(page.get_by_text("10 of 10 left")).to_be_visible()

    # Each code counts once: this one is of the next half minute, which an app's clock may be ahead.
    for code in (phone.code(system_clock() + STEP), recovery_codes[0]):
        page.locator("summary.account").click()
        anna.click("Sign out")
        anna.sign_in(user.username, PASSWORD, at="/login?next=/account/second-factor")
        expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
        anna.enter_code(code)
        expect(page).to_have_url(f"{instance.server.url}/account/second-factor")
    expect(page.get_by_text("9 of 10 left")).to_be_visible()


def _done(visitor: Visitor) -> None:
    """Done asks whether the secret was copied, which a page without a script can't know."""
    visitor.click("Done")
    visitor.click("Yes, done", role="link")


def _search(visitor: Visitor, text: str) -> None:
    visitor.page.get_by_role("searchbox").fill(text)
    visitor.page.keyboard.press("Enter")
