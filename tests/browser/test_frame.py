"""What the script does on every page: a request that fails or takes long, menus by keys, errors in their dialog."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Instance, Visit

TOKENS = "/account/auth"
AWAY = "Daypass could not be reached. Nothing was changed. Try again."
UNANSWERED = "No answer came from Daypass. Look whether your change was made before you try again."


@contextmanager
def unreachable(page: Page, pattern: str) -> Iterator[None]:
    page.route(pattern, lambda route: route.abort())
    yield
    page.unroute(pattern)


def test_a_dialog_whose_request_fails_keeps_the_page_and_opens_at_the_next_click(
    instance: Instance, visit: Visit
) -> None:
    page = visit(instance.new_user()).page
    page.goto(TOKENS)
    link = page.get_by_role("link", name="Create Refresh Token").first
    with unreachable(page, "**/refresh-tokens"):
        link.click()
        expect(page.get_by_role("alert")).to_have_text(AWAY)
    link.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_a_proxy_answers_for_it_does_not_replace_the_page(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user()).page
    page.goto(TOKENS)
    page.route(
        "**/refresh-tokens",
        lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>", content_type="text/html"),
    )
    page.get_by_role("link", name="Create Refresh Token").first.click()
    expect(page.get_by_role("alert")).to_have_text(AWAY)
    assert page.url.endswith(TOKENS)


def test_a_form_whose_request_fails_keeps_what_was_typed_and_is_sent_again(instance: Instance, visit: Visit) -> None:
    anna = visit(instance.new_user())
    anna.page.goto(TOKENS)
    anna.page.get_by_role("link", name="Create Refresh Token").first.click()
    anna.page.get_by_label("Name", exact=True).fill("nightly-etl")
    with unreachable(anna.page, "**/refresh-tokens"):
        anna.page.keyboard.press("Enter")
        expect(anna.page.get_by_role("dialog").get_by_role("alert")).to_have_text(UNANSWERED)
    anna.page.keyboard.press("Enter")
    assert anna.shown_secret()


def test_no_page_says_that_nothing_was_changed_where_the_answer_was_lost(instance: Instance, visit: Visit) -> None:
    anna = visit(user := instance.new_user())
    anna.page.goto(TOKENS)
    anna.page.get_by_role("link", name="Create Refresh Token").first.click()
    anna.page.get_by_label("Name", exact=True).fill("nightly-etl")
    anna.page.route("**/refresh-tokens", lambda route: (route.fetch(), route.abort()))
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_role("dialog").get_by_role("alert")).to_have_text(UNANSWERED)
    anna.page.unroute("**/refresh-tokens")
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_role("dialog").get_by_text("no second token was created")).to_be_visible()
    assert len(instance.tokens_of(user)) == 1


def test_no_number_of_escapes_loses_a_secret_that_was_not_copied(instance: Instance, visit: Visit) -> None:
    """◆ Chrome closes a dialog at the third, whatever its page does with "cancel"."""
    anna = visit(instance.new_user())
    secret = anna.create_refresh_token("nightly-etl")
    for _ in range(4):
        anna.page.keyboard.press("Escape")
    assert anna.shown_secret() == secret


def test_skipping_to_the_content_loads_nothing(instance: Instance, visit: Visit) -> None:
    """◆ Fails when the script takes a place in the page for another page, and loads it again and again."""
    page = visit(instance.new_user()).page
    for path in (TOKENS, "/account/security"):
        page.goto(path)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.go_back()
        assert page.url.endswith(path) and not [each for each in asked if "/static/" not in each]


def test_what_takes_long_is_seen_to_be_busy(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user()).page
    held: list[Route] = []
    page.goto(TOKENS)
    page.route("**/refresh-tokens", lambda route: held.append(route))
    link = page.get_by_role("link", name="Create Refresh Token").first
    link.click()
    expect(link).to_have_attribute("aria-busy", "true")
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(link).not_to_have_attribute("aria-busy", "true")


def test_an_error_appears_at_its_field_and_the_dialog_stays(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user()).page
    page.goto(TOKENS)
    page.get_by_role("link", name="Create Refresh Token").first.click()
    page.get_by_label("Name", exact=True).fill("\u202e")
    page.keyboard.press("Enter")
    field = page.get_by_role("dialog").get_by_label("Name", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_arrow_keys_move_in_a_menu_and_escape_closes_it(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user()).page
    page.goto(TOKENS)
    menu = page.get_by_label("Menu of")
    menu.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Account Settings").last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Preferences")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_menu_closes_by_a_click_elsewhere(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user()).page
    page.goto(TOKENS)
    page.get_by_label("Menu of").click()
    page.get_by_role("heading", level=1).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_on_a_small_screen_the_sidebar_is_a_drawer(instance: Instance, visit: Visit) -> None:
    page = visit(instance.new_user(), viewport={"width": 375, "height": 700}).page
    page.goto(TOKENS)
    drawer = page.get_by_role("navigation", name="Main")
    expect(drawer).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    drawer.get_by_role("link", name="Security").click()
    page.wait_for_url("**/account/security")
