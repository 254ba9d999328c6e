"""A person at a browser: this machine's Chromium, driven by Playwright, on a live server."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

PATIENCE_MS = 60_000
"""Of an act, and of what a page is expected to show: as long as it takes on a busy machine."""

expect.set_options(timeout=PATIENCE_MS)

MISSING = "The browser tests need Chromium. Install it: apt-get install chromium (or Google Chrome)."


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine; AssertionError says what to install where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, MISSING
    with sync_playwright() as playwright:
        # Root has no sandbox; a small /dev/shm would make pages crash.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def settled(page: Page) -> Page:
    """Once its document is whole: a click returns when the next page begins, which has no body yet.

    Not ``wait_for_function``: where it has to look again, the page's policy forbids it to (``eval``).
    """
    page.wait_for_load_state()
    return page


@contextmanager
def posted(page: Page) -> Iterator[None]:
    """Send a form in this block; after it, what its answer leads to is whole.

    The script fetches the answer, and goes on to another page where that says so: the click awaits neither.
    """
    page.evaluate("document.documentElement.dataset.before = ''")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
        yield
    if 300 <= answer.value.status < 400:
        page.locator("html[data-before]").wait_for(state="detached")
    page.locator("form[data-sent]").wait_for(state="detached")
    settled(page)


class Visitor:
    """Somebody with a browser of their own: cookies and all."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def sign_in(self, username: str, password: str, at: str = "/login") -> None:
        self.page.goto(at)
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in").click()

    def enter_code(self, code: str) -> None:
        """The second step of signing in."""
        self.page.get_by_label("Code").fill(code)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in").click()

    def arrive(self, title: str) -> None:
        """Wait for a page by its title, and for all that it loads: its script answers keys from then on only."""
        expect(self.page).to_have_title(f"{title} · Daypass")
        settled(self.page)

    def click(self, name: str, role: Any = "button") -> None:
        self.page.get_by_role(role, name=name, exact=True).click()

    def create_refresh_token(self, name: str) -> str:
        """Through the dialog; the secret that is shown."""
        self.page.goto("/account/auth")
        self.page.get_by_role("link", name="Create Refresh Token").first.click()
        self.page.get_by_label("Name", exact=True).fill(name)
        self.click("Create Refresh Token")
        return self.shown_secret()

    def tab_to(self, target: Locator, most: int = 60) -> Locator:
        """Press Tab until that has the focus; AssertionError if it is not there after so many."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if target.evaluate("(element) => element === document.activeElement"):
                return target
        raise AssertionError(f"{most} times Tab do not lead to {target}")

    def enter(self, target: Locator) -> None:
        """Go there with the keyboard, and press Enter."""
        settled(self.page)
        self.tab_to(target)
        self.page.keyboard.press("Enter")

    def act_on(self, row: str, act: str) -> None:
        """Open a dialog from the menu of a row."""
        settled(self.page)
        menu = self.row(row).locator("details.menu")
        menu.locator("summary").click()
        menu.get_by_role("link", name=act, exact=True).click()

    def done(self) -> None:
        """Leave the page of a secret, whether it was copied or not."""
        self.click("Done")
        if self.page.get_by_role("link", name="Yes, done").is_visible():
            self.click("Yes, done", role="link")
        self.page.wait_for_url(lambda url: "refresh-tokens" not in url and not url.endswith("/new"))
        self.page.locator("#secret").wait_for(state="detached")

    def shown_secret(self) -> str:
        return self.page.locator("#secret").input_value()

    def row(self, name: str) -> Any:
        """The row of a table that holds this text."""
        return self.page.get_by_role("row").filter(has_text=name)
