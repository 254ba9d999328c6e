"""Single sign-on as a person at a browser has it: with a provider that nobody here wrote, and with the tests' own."""

from collections.abc import Iterator
from secrets import token_hex

import pytest
import requests
from playwright.sync_api import Page, expect

from app.domain.clock import system_clock
from tests.browser.conftest import Instance, Visit
from tests.drivers.browser import settled
from tests.drivers.mock_provider import MockProvider, mock_provider
from tests.drivers.provider import CLIENT, Provider
from tests.factories import configure

HOUR = 3600


@pytest.fixture(scope="module")
def mock(instance: Instance) -> Iterator[MockProvider]:
    with mock_provider(instance.server.environment["DAYPASS_OIDC_MOCK_ISSUER"]) as mock:
        yield mock


@pytest.fixture(scope="module", autouse=True)
def creates_users(instance: Instance) -> Iterator[None]:
    configure(instance.past.services, oidc_create_users="on")
    yield
    configure(instance.past.services, oidc_create_users="off")


def sign_in(page: Page, subject: str, at: str = "/login") -> None:
    page.goto(at)
    page.get_by_role("link", name="Continue with Staff SSO").click()
    authorize(page, subject)


def authorize(page: Page, subject: str) -> None:
    """At the provider."""
    page.get_by_placeholder("sub").fill(subject)
    with page.expect_navigation(url=lambda url: "authorize" not in url):
        page.get_by_role("button", name="Authorize").click()
    settled(page)


@pytest.mark.parametrize("has_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_person_signs_in_twice_with_a_role_that_follows_and_proves_for_a_token(
    instance: Instance, mock: MockProvider, visit: Visit, has_script: bool
) -> None:
    subject = f"anna-{token_hex(4)}"
    long_ago = int(system_clock().timestamp()) - HOUR
    known = {"preferred_username": subject, "auth_time": long_ago}
    mock.say_of(subject, **known, groups=["staff"])
    anna = visit(java_script_enabled=has_script)
    page = anna.page
    sign_in(page, subject, "/account/security")
    expect(page).to_have_url(f"{instance.server.url}/account/security")
    expect(page.locator(".menu-who")).to_contain_text("STEWARD")

    page.goto("/account/auth/refresh-tokens")
    page.get_by_label("Name", exact=True).fill("nightly-etl")
    anna.click("Create Refresh Token")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    mock.say_of(subject, **known | {"auth_time": long_ago + HOUR}, groups=["composers"])
    anna.click("Continue with Staff SSO", role="link")
    authorize(page, subject)
    expect(page.get_by_label("Name", exact=True)).to_have_value("nightly-etl")
    anna.click("Create Refresh Token")
    expect(page.locator("#secret")).to_be_visible()

    page.goto("/account/auth")
    expect(page.locator(".menu-who")).to_contain_text("COMPOSER")
    page.locator("summary.account").click()
    with page.expect_navigation(url=lambda url: "end_session" in url):
        anna.click("Sign out")
    page.goto("/account/auth")
    anna.arrive("Sign in")
    mock.say_of(subject, **known, groups=[])
    sign_in(page, subject)
    expect(page.locator(".menu-who")).to_contain_text("VIEWER")


def test_who_turns_back_at_the_provider_can_sign_in_another_way(mock: MockProvider, visit: Visit) -> None:
    anna = visit()
    anna.page.goto("/login")
    anna.click("Continue with Staff SSO", role="link")
    anna.click("Deny")
    expect(anna.page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    anna.click("Sign-in page", role="link")
    expect(anna.page.get_by_label("Password")).to_be_visible()


def test_a_logout_at_the_provider_ends_the_session(instance: Instance, provider: Provider, visit: Visit) -> None:
    subject = f"berta-{token_hex(4)}"
    issuer = provider.issuer("own").behave(person={"sub": subject, "preferred_username": subject})
    berta, url = visit(), instance.server.url
    berta.page.goto("/login")
    berta.click("Continue with own", role="link")
    expect(berta.page).to_have_url(f"{url}/account/auth")
    now = int(system_clock().timestamp())
    claims = {"iss": issuer.url, "aud": CLIENT, "iat": now, "exp": now + 60, "jti": token_hex()}
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    form = {"logout_token": issuer.sign(claims | {"sid": issuer.session, "events": events})}
    assert requests.post(f"{url}/oidc/backchannel-logout", data=form, timeout=60).status_code == 200
    berta.page.goto("/account/auth")
    berta.arrive("Sign in")
