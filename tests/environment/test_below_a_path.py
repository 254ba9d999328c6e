"""Daypass below a path of somebody else's site, behind a real nginx that passes the path on, or removes it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from playwright.sync_api import Request, expect

from app.domain.identity import Role, User
from app.http.context import parts
from app.services import Services
from config import Settings
from tests.databases import SqliteFiles, application
from tests.drivers.browser import Visitor, chromium
from tests.drivers.nginx import NginxBelowAPath, free_port
from tests.drivers.pages import Page, read
from tests.drivers.raw import RawHttp
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint, revoke
from tests.secrecy import secrets_in

PATH = "/daypass"
ADDRESSES = {"a": "href", "link": "href", "script": "src", "img": "src", "form": "action", "main": "data-url"}
FORMS_ONLY = (
    "/theme", "/logout", "/account/auth/test-token", "/account/second-factor/new", "/account/security/end-all",
    "/account/security/end-others", "/account/security/sessions/*/end", "/admin/tokens/revoke-chosen",
    "/admin/tokens/move-chosen",
)  # fmt: skip
"""Addresses without a page of their own, or only with what is chosen in a list."""

PUBLIC_ID = re.compile(r"/(?:[a-z0-9]{12}|[0-9a-f-]{36}|\d+)(?=/|$)")


@dataclass(frozen=True)
class Site:
    """`keeping`, `stripping`: the site's origins. The first is the public one."""

    daypass: LiveServer
    services: Services
    keeping: str
    stripping: str
    administrator: User


@pytest.fixture(scope="module")
def site(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("below")
    port = free_port()
    nginx = NginxBelowAPath(folder, port)
    keeping, stripping = (f"http://127.0.0.1:{each}" for each in (nginx.port_keeping, nginx.port_stripping))
    with sqlite_files.fresh(folder) as url:
        about = {"DAYPASS_PUBLIC_URL": f"{keeping}{PATH}/", "DAYPASS_TRUSTED_PROXIES": "127.0.0.1/32"}
        server = LiveServer(url, folder, workers=1, **about, DAYPASS_PORT=str(port))
        server.port, server.url = port, f"http://127.0.0.1:{port}"
        with (
            application(Settings(instance=str(folder), database_url=url, log_level="ERROR")) as app,
            nginx,
            server,
        ):
            services = parts(app).services
            yield Site(server, services, keeping, stripping, _fill(services))
        assert not secrets_in(server.log())


def _fill(services: Services) -> User:
    """Something on each page of an administrator, and of a user; the administrator."""
    administrator = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    for user in (administrator, allowed_user(services)):
        for name in ("nightly-etl", "weekly-report"):
            last = issue(services, user, name)
            mint(services, last)
        revoke(services, last)
    generate(services, administrator, description="spreadsheet")
    return administrator


class Browser:
    """A browser without JavaScript that never follows anything out of the path. `origin`: of the site."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.session = requests.Session()
        self.session.trust_env = False
        self.page = Page("")

    def get(self, path: str) -> requests.Response:
        return self._seen(self.session.get(f"{self.origin}{path}", allow_redirects=False, timeout=60))

    def post(self, action: str, **fields: str) -> requests.Response:
        """Send the form with this action of the last page, as a browser would."""
        form = self.page.form(action)
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        answer = self.session.post(
            f"{self.origin}{action}", form.fields | fields, headers=headers, allow_redirects=False, timeout=60
        )
        return self._seen(answer)

    def sign_in(self, user: User, onward: str = "") -> requests.Response:
        self.get(f"{PATH}/login?next={onward}" if onward else f"{PATH}/login")
        return self.post(f"{PATH}/login", username=user.username, password=PASSWORD)

    def _seen(self, answer: requests.Response) -> requests.Response:
        assert answer.status_code < 400, (answer.url, answer.status_code, answer.text[:300])
        for address in addresses_of(answer):
            assert_below(address, answer.url, self.origin)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            self.page = read(answer.text)
        return answer


def addresses_of(answer: requests.Response) -> list[str]:
    """All that a browser would follow, load or send to, cookies' paths included."""
    found = [answer.headers["Location"]] if "Location" in answer.headers else []
    found += re.findall(r"[Pp]ath=([^;,]*)", answer.headers.get("Set-Cookie", ""))
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if kind == "text/html":
        for tag, named in read(answer.text).tags:
            if tag in ADDRESSES and named.get(ADDRESSES[tag]) is not None:
                found.append(str(named[ADDRESSES[tag]]))
    elif kind == "text/css":
        found += re.findall(r"url\([\"']?([^)\"']*)", answer.text)
    return [unescape(each) for each in found if not each.startswith(("#", "data:"))]


def assert_below(address: str, page: str, origin: str) -> None:
    parts = urlsplit(urljoin(page, address))
    assert f"{parts.scheme}://{parts.netloc}" == origin, (page, address)
    assert parts.path == PATH or parts.path.startswith(f"{PATH}/"), (page, address)


def crawl(browser: Browser, start: str) -> set[str]:
    """Every page that links lead to, one of each kind: the kinds, with ``/*`` for ids."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        parts = urlsplit(urljoin(browser.origin, waiting.pop()))
        kind = PUBLIC_ID.sub("/*", parts.path.removeprefix(PATH).rstrip("/"))
        kind = re.sub(r"^/(docs|openapi)/\w+$", r"/\1/*", kind)  # the same page for each document
        if kind in seen or kind in FORMS_ONLY:
            continue
        seen.add(kind)
        answer = browser.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        waiting += addresses_of(answer)
    return seen


@pytest.mark.parametrize("proxy", ["keeping", "stripping"])
def test_no_page_leads_out_of_the_path(site: Site, proxy: str) -> None:
    """Every link, form, script, style, picture, redirect and cookie of every page."""
    browser = Browser(getattr(site, proxy))
    assert browser.get(PATH).headers["Location"].endswith(f"{PATH}/")
    assert browser.get(f"{PATH}/").headers["Location"] == f"{PATH}/login"
    asked = browser.get(f"{PATH}/admin/tokens?status=active")
    assert asked.headers["Location"] == f"{PATH}/login?next={PATH}/admin/tokens?status%3Dactive"
    onward = browser.sign_in(site.administrator, f"{PATH}/admin/tokens?status%3Dactive")
    assert onward.headers["Location"] == f"{PATH}/admin/tokens?status=active"
    kinds = crawl(browser, onward.headers["Location"])
    assert kinds >= {
        "/admin", "/admin/users", "/admin/users/*", "/admin/tokens", "/admin/tokens/*", "/admin/tokens/*/revoke",
        "/admin/tokens/revoke-by-filter", "/admin/identify", "/admin/settings", "/admin/audit", "/admin/jobs",
        "/account/auth", "/account/password", "/account/auth/refresh-tokens/*/revoke", "/preferences/access-tokens",
        "/account/security", "/account/second-factor", "/admin/scim", "/admin/scim/tokens/new",
        "/preferences/access-tokens/*/delete", "/static/daypass.css", "/static/daypass.js", "/docs", "/docs/*",
        "/openapi/*",
    }  # fmt: skip


@pytest.mark.parametrize("proxy", ["keeping", "stripping"])
def test_forms_work_and_examples_name_the_public_address(site: Site, proxy: str) -> None:
    browser = Browser(getattr(site, proxy))
    browser.sign_in(site.administrator)
    browser.get(f"{PATH}/account/auth/refresh-tokens")
    shown = browser.post(f"{PATH}/account/auth/refresh-tokens", name=f"made-{proxy}").text
    assert f'DAYPASS_URL=<span class="s">{site.keeping}{PATH}</span>\n' in shown
    assert f"curl {site.keeping}{PATH}/integration/v1/createAPIAccessToken/" in shown
    secret = browser.page.value_of("secret")
    minted = requests.post(
        f"{browser.origin}{PATH}/integration/v1/createAPIAccessToken/",
        {"refresh_token": secret, "user_id": site.administrator.id},
        timeout=60,
    )
    token = {"TOKEN": minted.json()["api_access_token"]}
    for address in (f"{browser.origin}{PATH}", site.daypass.url, f"{site.daypass.url}{PATH}"):
        verified = requests.get(f"{address}/auth/verify?role=SERVER_ADMIN", headers=token, timeout=60)
        assert (verified.status_code, verified.headers["X-Auth-User"]) == (200, site.administrator.username)
        assert requests.get(f"{address}/auth/verify/more", headers=token, timeout=60).status_code == 404
        assert requests.get(f"{address}/readyz", timeout=60).json()["ready"]
        listed = requests.get(f"{address}/api/v1/me/tokens?limit=1", headers=token, timeout=60)
        assert listed.headers["Link"].startswith(f"<{PATH}/api/v1/me/tokens?")
    browser.get(f"{PATH}/account/auth")
    assert browser.post(f"{PATH}/theme", theme="dark").headers["Location"] == f"{PATH}/account/auth"
    browser.get(f"{PATH}/account/auth")
    assert browser.post(f"{PATH}/logout").headers["Location"] == f"{PATH}/login"
    assert browser.get(f"{PATH}/account/auth").status_code == 303


def test_what_is_wrong_is_answered_by_daypass_below_the_path_and_by_the_site_elsewhere(site: Site) -> None:
    for origin in (site.keeping, site.stripping):
        missing = requests.get(f"{origin}{PATH}/account/nothing", timeout=60)
        assert missing.status_code == 404 and f'href="{PATH}/static/' in missing.text
        assert requests.get(f"{origin}{PATH}/nothing", timeout=60).json()["reason"] == "not_found"
        assert requests.get(f"{origin}{PATH}/metrics", timeout=60).status_code == 404
        for elsewhere in ("/", "/login", "/daypassport", "/static/daypass.css"):
            assert requests.get(f"{origin}{elsewhere}", timeout=60).status_code == 418


def test_clients_of_oauth_find_its_metadata_where_the_rfcs_have_it_and_below_the_path(site: Site) -> None:
    issuer = f"{site.keeping}{PATH}"
    for kind, names in (("oauth-authorization-server", "issuer"), ("oauth-protected-resource", "resource")):
        for path in (f"/.well-known/{kind}{PATH}", f"/.well-known/{kind}{PATH}/", f"{PATH}/.well-known/{kind}"):
            for origin in (site.keeping, site.stripping):
                assert requests.get(f"{origin}{path}", timeout=60).json()[names] == issuer, (origin, path)
        assert requests.get(f"{site.keeping}/.well-known/{kind}", timeout=60).status_code == 418


def test_the_clients_address_arrives_and_the_terminal_names_the_public_address(site: Site) -> None:
    """Over TCP: through nginx, which drops what the client sends, and from another proxy on this machine."""
    for address, forwarded, seen in (
        (f"{site.keeping}{PATH}", "6.6.6.6", "127.0.0.1"), (f"{site.stripping}{PATH}", "6.6.6.6", "127.0.0.1"),
        (site.daypass.url, "6.6.6.6, 1.2.3.4:5678", "1.2.3.4"),
    ):  # fmt: skip
        asked = requests.get(f"{address}/healthz", headers={"X-Forwarded-For": forwarded}, timeout=60)
        line = next(each for each in site.daypass.log().splitlines() if asked.headers["X-Request-Id"] in each)
        assert (json.loads(line)["address"], json.loads(line)["path"]) == (seen, "/healthz")
    log = site.daypass.log()
    assert f"Daypass serves on {site.daypass.url}, for users at {site.keeping}{PATH}\n" in log
    assert f"curl {site.keeping}{PATH}/integration/v1/createRefreshToken/" in log


def _is_left(request: Request) -> bool:
    """A page that is left while it loads stops loading: nothing has failed."""
    return request.failure == "net::ERR_ABORTED"


def test_a_user_signs_in_creates_a_token_and_signs_out_in_a_browser(site: Site, tmp_path: Path) -> None:
    with chromium() as browser, Visitor(browser, site.stripping) as anna:
        failed: list[str] = []
        anna.page.on("requestfailed", lambda request: failed.extend([] if _is_left(request) else [request.url]))
        anna.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        anna.sign_in(site.administrator.username, PASSWORD, at=f"{PATH}/")
        anna.page.get_by_role("link", name="Create Refresh Token").first.click()
        expect(anna.page.get_by_role("dialog")).to_be_visible()
        anna.page.get_by_label("Name", exact=True).fill("by-hand")
        anna.click("Create Refresh Token")
        assert anna.shown_secret().startswith("dpr_")
        anna.click("Test")
        expect(anna.page.locator("output")).to_contain_text("Accepted: ")
        anna.click("Done")
        anna.click("Yes, done", role="link")
        expect(anna.row("by-hand")).to_contain_text("Active")
        anna.page.get_by_label("Menu of").click()
        anna.click("Sign out")
        anna.arrive("Sign in")
        anna.page.go_back()
        anna.arrive("Sign in")
        assert failed == []


SLASHES: tuple[tuple[str, str, int], ...] = (
    ("GET", "/daypass//login", 200), ("GET", "//daypass/login", 200), ("GET", "///daypass///login", 200),
    ("GET", "//daypass//auth/verify", 401), ("GET", "/daypass///auth/verify/", 401),
    ("GET", "/daypass//integration/v1/userinfo/", 403), ("GET", "//daypass//v4/people/current", 401),
    ("GET", "/daypass//V4/PEOPLE/CURRENT", 401), ("GET", "///daypass/api/v1/me", 401),
    ("POST", "//daypass//integration/v1/createAPIAccessToken", 400), ("GET", "/daypass//oauth/introspect", 405),
    ("GET", "/daypass//", 303), ("GET", "//daypass//account/auth", 303),
    ("GET", "/daypass//evil.example/login", 404), ("GET", "//daypass//%2Fevil.example", 404),
)  # fmt: skip
"""Method, target and status, on Daypass's own port and behind a proxy that passes the path on or removes it."""

ON_ITS_OWN_PORT = (
    ("GET", "//login", 200), ("GET", "///auth/verify", 401), ("GET", "//daypass", 303), ("GET", "//", 303),
    ("GET", "//evil.example/login", 404),
    ("GET", "//evil.example@127.0.0.1/login", 404), ("GET", "//127.0.0.1/login", 404),
    ("GET", "/daypass/account//auth", 404), ("GET", "/daypass/integration//v1/userinfo", 404),
    ("GET", "/daypass/auth//verify", 404), ("GET", "/x//daypass/login", 404),
)  # fmt: skip
"""Such as without the path; and within a path, where nginx makes one slash of several."""


def test_several_slashes_at_the_start_count_as_one_whatever_passes_them_on(site: Site) -> None:
    """Raw bytes through real servers: none takes what follows two slashes for a host, and no API redirects."""
    origin = urlsplit(site.keeping)
    ports = [site.daypass.port, *(urlsplit(each).port or 0 for each in (site.keeping, site.stripping))]
    for port in ports:
        for method, target, status in (*SLASHES, *(ON_ITS_OWN_PORT if port == site.daypass.port else ())):
            answer = RawHttp(port).send(
                f"{method} {target} HTTP/1.1\r\nHost: {origin.netloc}\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n".encode()
            )
            assert answer.status == status, (port, method, target, answer)
            assert answer.headers.get("location", PATH).startswith((PATH, f"{site.keeping}{PATH}")), target
