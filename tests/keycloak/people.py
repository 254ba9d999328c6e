"""A person who signs in to Daypass with Keycloak, on the pages of both."""

from typing import Any

from playwright.sync_api import Browser, Locator

from tests.drivers import browser as driver

PATIENCE_MS = 30_000
"""For a page of Keycloak's, which compiles its templates the first time."""


class Visitor(driver.Visitor):
    """`label`: what the button says; `password`: the person's at Keycloak."""

    def __init__(self, browser: Browser, url: str, label: str, password: str, **options: Any) -> None:
        super().__init__(browser, url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self._label = label
        self._password = password

    def continue_(self) -> None:
        """Press the button that leads to Keycloak, and arrive on whatever page comes then."""
        with self.page.expect_navigation():
            self.click(f"Continue with {self._label}", role="link")

    def arrive(self, username: str, at: str = "/login") -> None:
        """Sign in with user name and password at Keycloak."""
        self.page.goto(at)
        self.continue_()
        self.page.get_by_label("Username or email").fill(username)
        self.enter_password()

    def enter_password(self) -> None:
        self.page.get_by_label("Password", exact=True).fill(self._password)
        with self.page.expect_navigation():
            self.click("Sign In")

    def sign_out(self) -> None:
        """Of Daypass, and on the way of Keycloak, back to the sign-in page."""
        self.page.goto("/account/auth")
        self.page.locator("summary.account").click()
        self.click("Sign out")
        self.page.wait_for_url(f"{self.url}/login*")

    @property
    def is_here(self) -> bool:
        """On a page of Daypass."""
        return self.page.url.startswith(self.url)

    @property
    def asks_for_password(self) -> Locator:
        """Keycloak's field."""
        return self.page.get_by_label("Password", exact=True)
