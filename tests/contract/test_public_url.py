"""With ``DAYPASS_PUBLIC_URL``: cookies, forms, ways onward, addresses in documents; and nothing without it.

Not here: every page behind a real proxy (``tests/environment/test_below_a_path.py``).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from werkzeug.test import Client

import app.web
from app.factory import create_app
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from config import Settings, SettingsError
from tests.contract.asking import raw_path
from tests.contract.conftest import close
from tests.databases import KEYS
from tests.drivers.pages import Pages, page, words
from tests.factories import PASSWORD, issue, make_user, mint

PATH = "/daypass"
PUBLIC = f"https://tools.example.com{PATH}"
TEMPLATES = Path(app.web.__file__).parent / "templates"

Serve = Callable[..., Flask]


@pytest.fixture(scope="module")
def serve(settings: Settings) -> Iterator[Serve]:
    """``serve(public_url, **settings)``: an application with it on the module's database.

    It answers under the names of this machine too, as behind a proxy that does not pass the client's on.
    """
    serving: dict[tuple[str, ...], Flask] = {}

    def at(public_url: str, **others: str) -> Flask:
        key = (public_url, *others.values())
        if key not in serving:
            others = {"other_hosts": "127.0.0.1,localhost,tools.example.com" if public_url else ""} | others
            serving[key] = create_app(replace(settings, public_url=public_url, **others), KEYS)
        return serving[key]

    yield at
    for each in serving.values():
        close(each)


class PagesBelow(Pages):
    """A browser at a site of which Daypass has the path only."""

    path = PATH

    def _send(self, method: str, path: str, **request: object):  # type: ignore[no-untyped-def]
        return super()._send(method, f"{self.path}{path}", **request)


@pytest.fixture(scope="module")
def user(services: Services) -> str:
    return make_user(services, password=PASSWORD).username


@pytest.mark.parametrize(
    ("public_url", "name", "path", "is_secure"),
    [
        (PUBLIC, "__Secure-daypass", PATH, True),
        ("https://tools.example.com", "__Host-daypass", "/", True),
        ("https://localhost/daypass", "__Secure-daypass", PATH, True),
        ("http://localhost:8000/daypass", "daypass", PATH, False),
        ("http://tools.example.com/daypass", "__Secure-daypass", PATH, True),
    ],
)
def test_cookies_are_for_the_path_alone_and_as_secure_as_the_address(
    serve: Serve, user: str, public_url: str, name: str, path: str, is_secure: bool
) -> None:
    """◆ Whatever Host the proxy sends. Fails with ``path="/"``, and with ``__Host-`` below a path."""
    for host in ("127.0.0.1:8080", "tools.example.com"):
        browser = PagesBelow(serve(public_url), f"http://{host}")
        browser.path = path.rstrip("/")
        browser.client = browser.client.application.test_client(use_cookies=False)
        sent = browser.get("/login").headers["Set-Cookie"]
        first, *attributes = re.split(r";\s*", sent)
        assert first.partition("=")[0] == name
        assert {f"Path={path}", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert ("Secure" in attributes) is is_secure
        assert not any(each.startswith("Domain") for each in attributes)
        session = {"Cookie": first}
        signed_in = browser.post("/login", {"username": user, "password": PASSWORD}, headers=session)
        assert f"Path={path}" in signed_in.headers["Set-Cookie"]


def test_two_instances_on_one_host_do_not_see_each_others_sessions(serve: Serve, user: str) -> None:
    """The same browser, and even the same database: a cookie of one is not sent to the other."""
    one, other = (PagesBelow(serve(f"https://tools.example.com/{name}"), PUBLIC[:-8]) for name in ("one", "other"))
    other.client = one.client
    for browser, path in ((one, "/one"), (other, "/other")):
        browser.path = path
    one.sign_in(user)
    assert one.is_signed_in()
    cookies = one.client._cookies or {}
    assert {cookie.path for cookie in cookies.values()} == {"/one"}
    assert not any(cookie._matches_request("tools.example.com", "/other/login") for cookie in cookies.values())
    assert not any(cookie._matches_request("tools.example.com", "/onerous") for cookie in cookies.values())


def test_a_form_is_accepted_from_the_public_origin_whatever_host_the_proxy_sends(serve: Serve, user: str) -> None:
    """◆ Fails when the scheme of the public origin is not compared."""
    for host in ("127.0.0.1:8080", "tools.example.com"):
        for origin, is_own in (
            ("https://tools.example.com", True), ("HTTPS://Tools.example.com", True), ("null", True),
            ("http://tools.example.com", False), ("https://tools.example.com:8443", False),
            ("https://evil.example", False),
            ("https://evil.tools.example.com", False), ("https://example.com", False), ("x://tools.example.com", False),
            (f"http://{host}", host.startswith("127.")),
        ):  # fmt: skip
            browser = PagesBelow(serve(PUBLIC), f"https://{host}")
            browser.get("/login")
            fields = {"username": user, "password": PASSWORD}
            answer = browser.post("/login", fields, headers={"Origin": origin})
            assert answer.status_code == (303 if is_own else 400), (host, origin)


@pytest.mark.parametrize(
    ("onward", "leads_to"),
    [
        *((each, f"{PATH}/account/password") for each in ("/account/password", f"{PATH}/account/password")),
        *((each, f"{PATH}/") for each in (PATH, f"{PATH}/", "/")),
        *((each, f"{PATH}/account/auth") for each in ("", "//evil.example", f"{PATH}//evil.example", "https:/x",
          PATH[1:], f"{PATH}/login", f"{PATH}/logout", f"{PATH}/\\evil.example", "https://tools.example.com/daypass/")),
        ("/wiki/page", f"{PATH}/wiki/page"),  # not to others of the site
        ("/daypassport", f"{PATH}/daypassport"),
    ],
)  # fmt: skip
def test_the_way_onward_never_leaves_the_path(serve: Serve, user: str, onward: str, leads_to: str) -> None:
    """◆ Fails when `next` is followed as it is."""
    browser = PagesBelow(serve(PUBLIC), PUBLIC.removesuffix(PATH))
    assert browser.sign_in(user, onward=onward).headers["Location"] == leads_to
    assert browser.post("/theme", {"theme": "dark", "next": onward}).headers["Location"] == leads_to


def test_strict_transport_follows_the_public_url_unless_a_trusted_proxy_says_http(serve: Serve) -> None:
    app = serve(PUBLIC, trusted_proxies="10.0.0.0/8")
    for address, headers, expected in (
        ("10.1.2.3", {}, True), ("10.1.2.3", {"X-Forwarded-Proto": "https"}, True),
        ("10.1.2.3", {"X-Forwarded-Proto": "http"}, False), ("192.0.2.1", {"X-Forwarded-Proto": "http"}, True),
    ):  # fmt: skip
        answer = Pages(app, "http://127.0.0.1:8080", address).client.get(
            "/healthz", headers=headers, environ_base={"REMOTE_ADDR": address}
        )
        assert answer.status_code == 200
        assert ("Strict-Transport-Security" in answer.headers) is expected, (address, headers)


def test_documents_and_examples_name_the_public_address(serve: Serve, user: str) -> None:
    client = serve(PUBLIC).test_client()
    for path in ("/openapi/native/", f"{PATH}/openapi/oauth/"):
        assert client.get(path).get_json()["servers"] == [{"url": PUBLIC}], path
    browser = PagesBelow(serve(PUBLIC), PUBLIC.removesuffix(PATH))
    browser.sign_in(user)
    browser.get("/account/auth/refresh-tokens")
    shown = browser.post("/account/auth/refresh-tokens", {"name": "nightly-etl", "form_id": "x" * 22})
    assert f"curl {PUBLIC}/integration/v1/createAPIAccessToken/" in shown.text
    assert f"DAYPASS_URL={PUBLIC} " in words(shown).replace("= ", "=")


def test_confirmations_errors_and_repeats_stay_below_the_path(serve: Serve, user: str) -> None:
    """Pages that no link leads to."""
    application = serve(PUBLIC)
    browser = PagesBelow(application, PUBLIC.removesuffix(PATH))
    browser.sign_in(user)
    fields = {"name": "twice", "form_id": "y" * 22}
    new = "/account/auth/refresh-tokens"
    browser.get(new)
    answers = [browser.post(new, fields), browser.post(new, fields), browser.get("/account/nothing")]
    assert "already sent" in words(answers[1])
    for answer in answers:
        for tag, named in page(answer).tags:
            address = named.get("href") or named.get("src") or named.get("action")
            if address and not address.startswith("#"):
                assert address.startswith(f"{PATH}/"), (tag, address)


def test_the_path_itself_is_the_first_page_with_a_slash_and_without(serve: Serve) -> None:
    client = serve(PUBLIC).test_client()
    for path in ("/", PATH, f"{PATH}/"):
        assert client.get(path).headers["Location"] == f"{PATH}/login"


def test_no_template_has_an_address_without_the_path() -> None:
    """Every address that is written out begins with ``{{ root }}``; ``url_for`` and ``asset`` have it.

    The script has none: it takes them from the page.
    """
    for template in sorted(TEMPLATES.glob("*.html")):
        assert not re.search(r'(href|action|src|data-url)="/', template.read_text()), template.name
    assert not re.search(r"""["'`]/[a-z]""", (TEMPLATES.parent / "static" / "daypass.js").read_text())


def test_a_path_that_is_one_of_daypass_own_is_refused(serve: Serve) -> None:
    """Behind a proxy that removes it, it could not be told from the route."""
    for path in ("/admin", "/API/v1", "/auth", "/v4", "/docs/native", "/account/auth/refresh-tokens/x/revoke"):
        with pytest.raises(SettingsError, match="DAYPASS_PUBLIC_URL: the path"):
            serve(f"https://tools.example.com{path}")
    beside = serve("https://tools.example.com/API/tokens").test_client()
    assert beside.get("/API/tokens/healthz").status_code == 200


def test_the_gate_answers_with_the_path_and_without(serve: Serve, services: Services) -> None:
    application = serve(PUBLIC)
    client = Client(Gate(application.wsgi_app, parts(application)))
    secret = mint(services, issue(services, make_user(services))).secret
    for path, status in (
        ("/auth/verify", 200), (f"{PATH}/auth/verify", 200), (f"{PATH}/auth/verify/", 200), ("/other/auth/verify", 404),
        (f"{PATH}{PATH}/auth/verify", 404), (f"{PATH}auth/verify", 404), (f"{PATH}//auth/verify", 200),
        (f"/{PATH}/auth/verify/", 200), ("///auth/verify", 200), (f"{PATH}/auth//verify", 404),
        (f"/other/{PATH}//auth/verify", 404),
    ):  # fmt: skip
        answer = client.get("/", headers={"TOKEN": secret}, **raw_path(path))
        assert answer.status_code == status, path


def test_a_base_url_that_ends_in_a_slash_works_below_the_path(serve: Serve, services: Services) -> None:
    """◆ Fails when slashes are made one before the path is removed only, or after it only."""
    client = serve(PUBLIC).test_client()
    secret = mint(services, issue(services, make_user(services))).secret
    for path in (
        f"{PATH}//api/v1/me",
        f"/{PATH}/api/v1/me",
        f"//{PATH}///integration/v1/userinfo/",
        "//V4/People/Current",
    ):
        assert client.get("/", headers={"TOKEN": secret}, **raw_path(path)).status_code == 200, path
    for path, leads_to in (
        (f"{PATH}//", f"{PATH}/login"), (f"{PATH}//account/auth", f"{PATH}/login?next={PATH}/account/auth"),
        ("//account/auth", f"{PATH}/login?next={PATH}/account/auth"),
    ):  # fmt: skip
        answer = client.get("/", **raw_path(path))
        assert (answer.status_code, unquote(answer.headers["Location"])) == (303, leads_to), path
    assert client.get("/", **raw_path(f"{PATH}//evil.example/login")).status_code == 404


def test_without_a_public_url_nothing_is_below_a_path(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/").headers["Location"] == "/login"
    assert client.get(f"{PATH}/healthz").status_code == 404
    assert "servers" not in client.get("/openapi/native/").get_json()
