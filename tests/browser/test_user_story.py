"""What users do with their own tokens, in the browser and with ``requests``."""

import json
import re
import subprocess
from typing import Any

import requests
from playwright.sync_api import expect

from tests.browser.conftest import Instance, Visit
from tests.drivers.alation import Alation
from tests.drivers.browser import Visitor
from tests.drivers.trifacta import Trifacta
from tests.factories import PASSWORD

CLIPBOARD = ["clipboard-read", "clipboard-write"]


def test_a_user_creates_tokens_in_the_browser_uses_them_in_a_script_and_ends_them(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    script = Alation(instance.server.url, requests.Session())
    anna = visit(permissions=CLIPBOARD)
    anna.page.goto("/")
    anna.arrive("Sign in")
    anna.sign_in(user.username, PASSWORD, at=anna.page.url)
    expect(anna.page.get_by_text("No refresh tokens yet")).to_be_visible()

    refresh_token = anna.create_refresh_token("nightly-etl")
    _copies_and_tests(anna, "Copy Key to Clipboard", refresh_token)
    anna.click("Create API Access Token", role="link")
    expect(anna.page.get_by_role("definition").get_by_text("nightly-etl", exact=True)).to_be_visible()
    anna.click("Create API Token")
    access_token = anna.shown_secret()
    _copies_and_tests(anna, "Copy Token to clipboard", access_token)
    anna.click("Done")  # it was copied: nothing is asked

    assert script.use(access_token).json()["username"] == user.username
    expect(anna.row("nightly-etl").locator(".cell-status")).to_contain_text("Active")
    _shows(anna, **{"API access token": "1 day left"})
    by_script = script.mint(refresh_token, user.id).json()["api_access_token"]
    assert (script.use(by_script).status_code, script.use(access_token).status_code) == (200, 403)
    anna.page.reload()
    _shows(anna, **{"Last used": "just now"})

    anna.act_on("nightly-etl", "Regenerate")
    anna.click("Regenerate")
    regenerated = anna.shown_secret()
    assert regenerated != refresh_token
    assert script.mint(refresh_token, user.id).status_code == 401
    assert script.use(by_script).status_code == 403
    anna.done()
    _shows(anna, **{"API access token": "Revoked"})

    last = script.mint(regenerated, user.id).json()["api_access_token"]
    anna.act_on("nightly-etl", "Revoke")
    expect(anna.page.get_by_role("dialog", name="Revoke nightly-etl?")).to_contain_text("stop working at once")
    anna.click("Revoke nightly-etl")
    expect(anna.page.get_by_role("status")).to_contain_text("Revoked nightly-etl and its access token.")
    _shows(anna, Revoked="By you")
    assert script.use(last).status_code == 403
    assert script.mint(regenerated, user.id).status_code == 401
    anna.row("nightly-etl").click()
    expect(anna.page.get_by_role("list").get_by_text("Revoked by you")).to_be_visible()


def test_the_snippets_of_a_reveal_run_as_they_stand(instance: Instance, visit: Visit) -> None:
    user = instance.new_user()
    anna = visit(user)
    anna.create_refresh_token("nightly-etl")
    said: list[Any] = []

    code = lambda label: anna.page.get_by_label(label, exact=True).text_content() or ""  # noqa: E731
    exec(code("Python program"), {"print": said.append})

    assert said[0]["username"] == user.username
    assert f"DAYPASS_USER_ID={user.id}" in code(".env file")
    assert code("curl command").startswith(f"curl {instance.server.url}/integration/v1/")
    granted = subprocess.run(["sh", "-c", code("OAuth client")], capture_output=True, text=True, timeout=60)
    assert json.loads(granted.stdout)["token_type"] == "Bearer"
    expect(anna.page.get_by_label("Python program", exact=True)).to_be_hidden()
    anna.page.get_by_text("Python", exact=True).click()
    expect(anna.page.get_by_label("Python program", exact=True)).to_be_visible()


def test_who_may_not_generate_sees_why_and_once_allowed_generates_uses_and_deletes(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    anna = visit(user, permissions=CLIPBOARD)
    anna.page.goto("/preferences/access-tokens")
    expect(anna.page.get_by_text("A server administrator can enable them")).to_be_visible()
    expect(anna.page.get_by_role("link", name="Generate New Token")).to_have_count(0)

    instance.server.json("user", "allow-tokens", user.username)
    anna.page.reload()
    anna.page.get_by_role("link", name="Generate New Token").click()
    anna.page.get_by_text("30 days").click()
    anna.page.get_by_label("Description").fill("spreadsheet")
    anna.click("Generate")
    token = anna.shown_secret()
    _copies_and_tests(anna, "Copy Token to clipboard", token)
    script = Trifacta.with_token(instance.server.url, token)
    assert script.use().status_code == 200

    anna.click("Done")
    expect(anna.row("spreadsheet")).to_contain_text(re.compile("Active.*in 30 days", re.DOTALL))
    anna.act_on("spreadsheet", "Delete Token…")
    expect(anna.page.get_by_role("dialog")).to_contain_text("can't be undone")
    anna.click("Delete Token")

    expect(anna.page.get_by_text("No access tokens")).to_be_visible()
    assert script.use().status_code == 401


def test_signing_out_leaves_nothing_to_come_back_to(instance: Instance, visit: Visit) -> None:
    anna = visit(instance.new_user())
    anna.create_refresh_token("nightly-etl")
    anna.page.goto("/account/auth")
    anna.page.get_by_label("Menu of").click()
    anna.click("Sign out")
    anna.arrive("Sign in")

    anna.page.go_back()

    anna.arrive("Sign in")


def _copies_and_tests(visitor: Visitor, label: str, secret: str) -> None:
    """The button copies exactly what the field shows, and says so to screen readers; the token is accepted."""
    visitor.click(label)
    expect(visitor.page.locator("#copied")).to_have_text(f"Copied: {label}")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == secret
    visitor.click("Test")
    expect(visitor.page.locator("output")).to_contain_text("Accepted: ")


def _shows(visitor: Visitor, **columns: str) -> None:
    """What stands in the columns of the one token's row."""
    for label, text in columns.items():
        expect(visitor.row("nightly-etl").locator(f"[data-label='{label}']")).to_contain_text(text)
