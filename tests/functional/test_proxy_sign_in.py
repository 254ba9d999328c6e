"""A real nginx that signs people in at Daypass's sign-in page, with the lines of the document."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from app.http.context import parts
from app.services import Services
from config import Settings
from tests.databases import SqliteFiles, application
from tests.drivers.nginx import PROXY, TOKENS, NginxSigningIn
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint
from tests.secrecy import PASSWORD_MARK, secrets_in

AT_THE_PROXY = {"anna": f"{PASSWORD_MARK}-annas-at-the-proxy", "zed": f"{PASSWORD_MARK}-zeds-at-the-proxy"}
SPELLINGS = ("Remote-User", "remote-user", "REMOTE-USER", "Remote_User", "REMOTE_USER")


@dataclass(frozen=True)
class Stack:
    daypass: LiveServer
    services: Services
    nginx: NginxSigningIn

    def browser(self, name: str | None = None) -> requests.Session:
        """With what the proxy asks for; it keeps cookies."""
        browser = self.nginx.session(TOKENS)
        browser.auth = None if name is None else (name, AT_THE_PROXY[name])
        return browser

    def open(self, browser: requests.Session, path: str, **headers: str) -> requests.Response:
        """Follows redirects within Daypass."""
        answer = browser.get(f"{self.nginx.url}{path}", headers=headers, timeout=60, allow_redirects=False)
        for _ in range(3):
            if answer.status_code != 303:
                break
            path = answer.headers["Location"]
            for cookie in answer.cookies:  # they are for HTTPS
                browser.cookies.set(cookie.name, cookie.value or "", secure=False)
            answer = browser.get(f"{self.nginx.url}{path}", headers=headers, timeout=60, allow_redirects=False)
        return answer


@pytest.fixture(scope="module")
def stack(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("signing-in")
    known = {"DAYPASS_TRUSTED_PROXIES": PROXY, "DAYPASS_REMOTE_USER_HEADER": "Remote-User"}
    with (
        sqlite_files.fresh(folder) as url,
        LiveServer(url, folder, workers=1, **known) as daypass,
        application(Settings(instance=str(folder), database_url=url, log_level="ERROR")) as app,
        NginxSigningIn(folder, daypass.port, AT_THE_PROXY) as nginx,
    ):
        make_user(parts(app).services, "anna")
        yield Stack(daypass, parts(app).services, nginx)
    assert not secrets_in(daypass.log() + nginx.logs())


def test_the_proxy_signs_people_in_and_nobody_whom_it_does_not_know(stack: Stack) -> None:
    """Fails without the line for Remote-User in the document."""
    shown = stack.open(stack.browser("anna"), "/account/security")
    assert shown.status_code == 200 and "Where you are signed in" in shown.text and "anna" in shown.text
    assert stack.open(stack.browser(), "/account/security").status_code == 401, "nginx asks first"
    refused = stack.open(stack.browser("zed"), "/account/security")
    assert refused.status_code == 403 and "there is no such user here" in refused.text


@pytest.mark.parametrize("name", SPELLINGS)
def test_no_header_of_a_client_signs_anybody_in(stack: Stack, name: str) -> None:
    """◆ Through nginx as somebody else, and past it. Fails when nginx passes it on, or Daypass believes its port."""
    forged = {name: "anna"}
    shown = stack.open(stack.browser("zed"), "/account/security", **forged)
    assert shown.status_code == 403 and "Where you are signed in" not in shown.text
    for path in ("/account/security", "/", "/api/v1/me"):
        assert "Where you are signed in" not in stack.open(stack.browser(), path, **forged).text
    direct = requests.get(f"{stack.daypass.url}/login", headers=forged, timeout=60, allow_redirects=False)
    assert direct.status_code == 200 and "Continue as" not in direct.text


def test_apis_behind_the_same_nginx_ask_for_a_token_and_nothing_else(stack: Stack) -> None:
    browser = stack.browser("anna")
    stack.open(browser, "/account/security")
    url = f"{stack.nginx.url}/api/v1/me"
    browser.auth = None
    assert browser.get(url, headers={"Remote-User": "anna"}, timeout=60).status_code == 401
    user = make_user(stack.services)
    access = mint(stack.services, issue(stack.services, user))
    answer = browser.get(url, headers={"TOKEN": access.secret, "Remote-User": "anna"}, timeout=60)
    assert answer.json()["username"] == user.username
