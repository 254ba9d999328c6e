"""Reloading, going back, two tabs, a session that ends, a double click, menus and dialogs by keys."""

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Error, Page, Route, expect

from app.domain.clock import system_clock
from app.domain.identity import User
from tests.browser.conftest import Instance, Visit
from tests.drivers.browser import Visitor, settled
from tests.factories import PASSWORD
from tests.secrecy import secrets_in

TOKENS = "/account/auth"


def test_reloading_going_back_and_forward_shows_no_secret_again_and_creates_nothing(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    anna = visit(user)
    secret = anna.create_refresh_token("nightly-etl")
    anna.page.reload()
    expect(anna.row("nightly-etl")).to_be_visible()
    seen = _all_that_a_page_holds(anna.page)
    another = anna.create_refresh_token("weekly-report")
    anna.done()
    for move in (anna.page.go_back, anna.page.go_back, anna.page.go_forward, anna.page.reload):
        _go(anna.page, move)
        seen += _all_that_a_page_holds(anna.page)

    assert secret not in seen and another not in seen
    assert len(instance.tokens_of(user)) == 2


def test_clicking_again_while_an_answer_is_awaited_opens_and_sends_nothing_more(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    anna = visit(user)
    sent: list[Route] = []
    anna.page.goto(TOKENS)
    anna.page.get_by_role("link", name="Create Refresh Token").dblclick()
    expect(anna.page.get_by_role("dialog")).to_have_count(1)
    anna.page.get_by_label("Name", exact=True).fill("nightly-etl")
    button = anna.page.get_by_role("button", name="Create Refresh Token", exact=True)
    anna.page.route("**/refresh-tokens", lambda route: sent.append(route))
    # By the page itself: Playwright's own click would await the answer to the one before.
    for _ in range(3):
        button.evaluate("(button) => button.click()")
    while not sent:
        anna.page.wait_for_timeout(50)
    anna.page.wait_for_timeout(300)  # for one too many
    assert len(sent) == 1
    sent[0].continue_()

    assert secrets_in(anna.shown_secret())
    assert len(instance.tokens_of(user)) == 1


def test_a_session_that_ends_while_a_form_is_filled_in_changes_nothing_and_one_goes_on_after_signing_in(
    instance: Instance, visit: Visit
) -> None:
    user = instance.new_user()
    anna = visit(user)

    def an_hour_passes() -> None:
        instance.past.change_sessions(user.username, seen_at=system_clock() - timedelta(hours=1))

    anna.page.goto(TOKENS)
    an_hour_passes()
    anna.page.get_by_role("link", name="Create Refresh Token").click()
    _sign_in_here(anna, user)
    expect(anna.page.get_by_role("heading", name="Create Refresh Token")).to_be_visible()
    anna.page.get_by_label("Name", exact=True).fill("nightly-etl")
    anna.page.get_by_text("7 days").click()
    an_hour_passes()
    anna.click("Create Refresh Token")
    expect(anna.page.get_by_text("What you entered is kept")).to_be_visible()
    assert instance.tokens_of(user) == []

    _sign_in_here(anna, user)
    expect(anna.page.get_by_text("nothing was sent yet")).to_be_visible()
    expect(anna.page.get_by_label("Name", exact=True)).to_have_value("nightly-etl")
    expect(anna.page.get_by_label("7 days")).to_be_checked()
    assert instance.tokens_of(user) == [] and "nightly-etl" not in anna.page.url
    anna.click("Create Refresh Token")

    assert secrets_in(anna.shown_secret())
    assert len(instance.tokens_of(user)) == 1


def test_with_the_keyboard_alone_menus_and_dialogs_open_hold_the_focus_and_give_it_back(
    instance: Instance, visit: Visit
) -> None:
    anna = visit(instance.new_user())
    page = anna.page
    anna.tab_to(menu := page.get_by_label("Menu of"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(menu).to_be_focused()

    link = page.get_by_role("link", name="Create Refresh Token")
    anna.tab_to(link)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()

    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("nightly-etl")
    page.keyboard.press("Enter")
    assert secrets_in(anna.shown_secret())

    page.goto(TOKENS)
    anna.tab_to(page.get_by_label("Actions for nightly-etl"))
    page.keyboard.press("ArrowUp")  # to the last one
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Revoke nightly-etl?")).to_be_focused()  # not the button that ends it
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Revoked nightly-etl")


def test_a_chosen_theme_stays_and_wins_over_the_systems(instance: Instance, visit: Visit) -> None:
    anna = visit(instance.new_user(), color_scheme="light")
    light = _background(anna.page)
    anna.page.get_by_label("Menu of").click()
    anna.click("Dark")
    expect(anna.page.locator("html[data-theme='dark']")).to_have_count(1)
    dark = _background(anna.page)
    anna.page.reload()
    assert light != dark == _background(anna.page)

    anna.page.get_by_label("Menu of").click()
    anna.click("System")
    expect(anna.page.locator("html[data-theme]")).to_have_count(0)
    assert _background(anna.page) == light


def _go(page: Page, move: Callable[[], object]) -> None:
    """Where a form's answer was, the browser asks whether to send the form again, as it may not keep the page."""
    try:
        move()
    except Error as error:
        assert "ERR_CACHE_MISS" in error.message
        page.wait_for_function("location.protocol === 'chrome-error:' && document.readyState === 'complete'")


def _sign_in_here(visitor: Visitor, user: User) -> None:
    visitor.page.get_by_label("User name").fill(user.username)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.click("Sign in")


def _all_that_a_page_holds(page: Page) -> str:
    """Its text and markup, and what stands in its fields."""
    values = page.evaluate("[...document.querySelectorAll('input, textarea')].map((each) => each.value)")
    return "\n".join([page.content(), *values])


def _background(page: Page) -> str:
    return str(settled(page).evaluate("getComputedStyle(document.documentElement).backgroundColor"))
