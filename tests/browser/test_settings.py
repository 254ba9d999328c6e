"""Settings in the browser: the preview while typing, and a change by keyboard alone, in its place."""

from playwright.sync_api import expect

from app.domain.identity import Role
from tests.browser.conftest import Instance, Visit

SETTINGS = "/admin/settings"
KEY = "access_token_overlap_seconds"
LABEL = "Overlap of access tokens"


def test_a_preview_follows_what_is_typed_and_the_place_is_kept_after_saving(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user(Role.SERVER_ADMIN)).page
    page.goto(SETTINGS)
    row, field = page.locator(f"#{KEY}"), page.get_by_label(LABEL, exact=True)
    expect(row.get_by_role("button", name="Preview")).to_be_hidden()
    expect(row.get_by_text("Changed", exact=True)).to_be_hidden()

    field.fill("90")
    expect(row.locator(".preview")).to_contain_text("60 seconds → 90 seconds. Affects")
    expect(row.get_by_text("Changed", exact=True)).to_be_visible()
    field.fill("0")
    expect(row.locator(".preview")).to_contain_text(f"{KEY} must be between 1 and 86400 seconds, not 0")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("60")
    expect(row.locator(".preview")).to_be_empty()
    expect(field).to_have_attribute("aria-invalid", "false")

    field.fill("120")
    row.get_by_role("link", name="Discard").click()
    expect(field).to_have_value("60")
    expect(field).to_be_focused()
    expect(row.locator(".preview")).to_be_empty()

    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Save")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"{LABEL}: changed from 60 seconds to 600 seconds")
    expect(page.get_by_label(LABEL, exact=True)).to_be_focused()
    assert 0 < page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", KEY) < 800
    assert instance.past.services.instance_settings.get(KEY).value == "600"


def test_a_setting_is_changed_without_a_script(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user(Role.SERVER_ADMIN), java_script_enabled=False).page
    page.goto(SETTINGS)
    row = page.locator("#openapi_enabled")
    row.get_by_role("switch").uncheck()
    row.get_by_role("button", name="Preview").click()
    expect(row.locator(".preview")).to_contain_text("on → off.")
    row.get_by_role("link", name="Discard").click()
    expect(row.get_by_role("switch")).to_be_checked()
    row.get_by_role("switch").uncheck()
    row.get_by_role("button", name="Preview").click()
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("status")).to_contain_text("changed from on to off")
    expect(row.get_by_role("switch")).not_to_be_checked()
    row.get_by_role("switch").check()
    row.get_by_role("button", name="Preview").click()
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("status")).to_contain_text("changed from off to on")
