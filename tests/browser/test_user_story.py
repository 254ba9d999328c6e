"""What users do with their own tokens, in the browser and with ``requests``."""

import re
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
    expect(anna.page).to_have_title("Sign in · Daypass")
    anna.sign_in(user.username, PASSWORD, at=anna.page.url)
    expect(anna.page.get_by_text("No refresh tokens yet")).to_be_visible()

    refresh_token = anna.create_refresh_token("nightly-etl")
    _copies(anna, "Token Secret Key", refresh_token)
    _says_it_works(anna)
    anna.click("Create API Access Token", role="link")
    expect(anna.page.get_by_text("nightly-etl", exact=True)).to_be_visible()
    anna.click("Create")
    access_token = anna.shown_secret()
    _copies(anna, "API access token", access_token)
    _says_it_works(anna)
    anna.click("Done", role="link")

    assert script.use(access_token).json()["username"] == user.username
    _shows(anna, Status="Active", **{"API access token": "Active"})
    by_script = script.mint(refresh_token, user.id).json()["api_access_token"]
    assert (script.use(by_script).status_code, script.use(access_token).status_code) == (200, 403)
    anna.page.reload()
    _shows(anna, Status="Active", **{"Last used": "just now"})

    anna.click("Regenerate nightly-etl", role="link")
    anna.click("Regenerate")
    regenerated = anna.shown_secret()
    assert regenerated != refresh_token
    assert script.mint(refresh_token, user.id).status_code == 401
    assert script.use(by_script).status_code == 403
    anna.click("Done", role="link")
    _shows(anna, Status="Active", **{"API access token": "Revoked"})

    last = script.mint(regenerated, user.id).json()["api_access_token"]
    anna.click("Revoke nightly-etl", role="link")
    expect(anna.page.get_by_role("dialog", name="Revoke nightly-etl?")).to_contain_text("stop working at once")
    anna.click("Revoke nightly-etl")
    expect(anna.page.get_by_role("status")).to_contain_text("Revoked.")
    _shows(anna, Status="Revoked", **{"API access token": "Revoked"})
    assert script.use(last).status_code == 403
    assert script.mint(regenerated, user.id).status_code == 401
    expect(anna.row("nightly-etl").get_by_role("link")).to_have_count(0)


def test_the_snippets_of_a_reveal_run_as_they_stand(instance: Instance, visit: Visit) -> None:
    user = instance.new_user()
    anna = visit(user)
    anna.create_refresh_token("nightly-etl")
    said: list[Any] = []

    exec(anna.page.get_by_label("With requests, in Python").input_value(), {"print": said.append})

    assert said[0]["username"] == user.username
    assert f"DAYPASS_USER_ID={user.id}" in anna.page.get_by_label("For a .env file").input_value()
    assert anna.page.get_by_label("With curl").input_value().startswith(f"curl {instance.server.url}/integration/v1/")


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
    anna.page.get_by_label("Lifetime in days").fill("30")
    anna.page.get_by_label("Description").fill("spreadsheet")
    anna.click("Generate")
    token = anna.shown_secret()
    _copies(anna, "Token value", token)
    _says_it_works(anna)
    script = Trifacta.with_token(instance.server.url, token)
    assert script.use().status_code == 200

    anna.click("Done", role="link")
    expect(anna.row("spreadsheet")).to_contain_text(re.compile("Active.*in 30 days", re.DOTALL))
    anna.page.get_by_label("Actions for spreadsheet").click()
    anna.click("Delete Token…", role="link")
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
    expect(anna.page).to_have_title("Sign in · Daypass")

    anna.page.go_back()

    expect(anna.page).to_have_title("Sign in · Daypass")


def _copies(visitor: Visitor, label: str, secret: str) -> None:
    """The button copies exactly what the field shows, and says so to screen readers."""
    visitor.click(f"Copy {label}")
    expect(visitor.page.locator("#copied")).to_have_text(f"{label} copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == secret


def _says_it_works(visitor: Visitor) -> None:
    visitor.click("Test it now")
    expect(visitor.page.locator(".test-answer")).to_contain_text("It works.")


def _shows(visitor: Visitor, **columns: str) -> None:
    """What stands in the columns of the one token's row."""
    for label, text in columns.items():
        expect(visitor.row("nightly-etl").locator(f"[data-label='{label}']")).to_contain_text(text)
