"""Single sign-on as a person at a browser has it: with a provider that nobody here wrote, and with the tests' own."""

from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from app.domain.clock import system_clock
from tests.databases import SqliteFiles
from tests.drivers.browser import Visitor, settled
from tests.drivers.mock_provider import MockProvider, mock_provider
from tests.drivers.provider import CLIENT, Provider
from tests.drivers.server import LiveServer
from tests.secrecy import secrets_in

ROLES = {"DAYPASS_OIDC_MOCK_ROLE_CLAIM": "groups", "DAYPASS_OIDC_MOCK_ROLE_MAP": "composers=COMPOSER,staff=STEWARD"}
HOUR = 3600


@dataclass
class World:
    server: LiveServer
    mock: MockProvider
    own: Provider


@pytest.fixture(scope="module")
def world(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("single-sign-on")
    with sqlite_files.fresh(folder) as url, mock_provider() as mock:
        settings = {"ISSUER": mock.url, "CLIENT_ID": "daypass", "CLIENT_SECRET": "any", "LABEL": "Example SSO"}
        known = {f"DAYPASS_OIDC_MOCK_{name}": value for name, value in settings.items()} | ROLES
        server = LiveServer(url, folder, 1, **known, **provider.issuer("own").environment("own"))
        server.environment["DAYPASS_PUBLIC_URL"] = server.url
        with server:
            done = server.command("conf", "oidc_create_users", "-s", "on")
            assert done.returncode == 0, done.stderr
            yield World(server, mock, provider)
        leaked = secrets_in(server.log())
        assert not leaked, f"the server's log holds secrets: {leaked[:3]}"


def sign_in(page: Page, subject: str, at: str = "/login") -> None:
    page.goto(at)
    page.get_by_role("link", name="Continue with Example SSO").click()
    authorize(page, subject)


def authorize(page: Page, subject: str) -> None:
    """At the provider."""
    page.get_by_placeholder("sub").fill(subject)
    with page.expect_navigation(url=lambda url: "authorize" not in url):
        page.get_by_role("button", name="Authorize").click()
    settled(page)


@pytest.mark.parametrize("has_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_person_signs_in_twice_with_a_role_that_follows_and_proves_for_a_token(
    browser: Browser, world: World, has_script: bool
) -> None:
    subject = f"anna-{token_hex(4)}"
    long_ago = int(system_clock().timestamp()) - HOUR
    known = {"preferred_username": subject, "auth_time": long_ago}
    world.mock.say_of(subject, **known, groups=["staff"])
    with Visitor(browser, world.server.url, java_script_enabled=has_script) as anna:
        page = anna.page
        sign_in(page, subject, "/account/security")
        expect(page).to_have_url(f"{world.server.url}/account/security")
        page.locator("summary.account").click()
        expect(page.locator(".menu-who")).to_contain_text("STEWARD")

        page.goto("/account/auth/refresh-tokens")
        page.get_by_label("Name", exact=True).fill("nightly-etl")
        anna.click("Create Refresh Token")
        expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        world.mock.say_of(subject, **known | {"auth_time": long_ago + HOUR}, groups=["composers"])
        anna.click("Continue with Example SSO", role="link")
        authorize(page, subject)
        expect(page.get_by_label("Name", exact=True)).to_have_value("nightly-etl")
        anna.click("Create Refresh Token")
        expect(page.locator("#secret")).to_be_visible()

        page.goto("/account/auth")
        page.locator("summary.account").click()
        expect(page.locator(".menu-who")).to_contain_text("COMPOSER")
        with page.expect_navigation(url=lambda url: "end_session" in url):
            anna.click("Sign out")
        page.goto("/account/auth")
        expect(page).to_have_title("Sign in · Daypass")
        world.mock.say_of(subject, **known, groups=[])
        sign_in(page, subject)
        page.locator("summary.account").click()
        expect(page.locator(".menu-who")).not_to_contain_text("STEWARD")


def test_who_turns_back_at_the_provider_can_sign_in_another_way(browser: Browser, world: World) -> None:
    with Visitor(browser, world.server.url) as anna:
        anna.page.goto("/login")
        anna.click("Continue with Example SSO", role="link")
        anna.click("Deny")
        expect(anna.page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        anna.click("Sign-in page", role="link")
        expect(anna.page.get_by_label("Password")).to_be_visible()


def test_a_logout_at_the_provider_ends_the_session(browser: Browser, world: World) -> None:
    issuer = world.own.issuer("own").behave(person={"sub": "berta", "preferred_username": "berta"})
    with Visitor(browser, world.server.url) as berta:
        berta.page.goto("/login")
        berta.click("Continue with own", role="link")
        expect(berta.page).to_have_url(f"{world.server.url}/account/auth")
        now = int(system_clock().timestamp())
        claims = {"iss": issuer.url, "aud": CLIENT, "iat": now, "exp": now + 60, "jti": token_hex()}
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        token = issuer.sign(claims | {"sid": issuer.session, "events": events})
        form = {"logout_token": token}
        assert requests.post(f"{world.server.url}/oidc/backchannel-logout", data=form, timeout=30).status_code == 200
        berta.page.goto("/account/auth")
        expect(berta.page).to_have_title("Sign in · Daypass")
