"""What the pages must never do: accept a form from elsewhere, lead elsewhere, tell of others, run what was typed."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from app.domain.identity import Role
from app.domain.token_view import TokenView
from app.factory import create_app
from app.services import Services
from app.storage.database import Database
from app.web.forged_forms import FORM_REFUSED
from config import Settings
from tests import rows
from tests.contract.asking_pages import Somebody, addresses, all_rows, holding, somebody, variables
from tests.contract.conftest import close
from tests.databases import KEYS
from tests.drivers.pages import Pages, page, read, words
from tests.factories import PASSWORD, allowed_user, make_user, revoke

FIELDS = {
    "username": "made-by-a-form", "password": PASSWORD, "repeated": PASSWORD, "current": PASSWORD, "new_role": "VIEWER",
    "name": "made-by-a-form", "description": "made by a form", "lifetime": "7", "reason": "by a form", "value": "77",
    "state": "disabled", "role": "STEWARD", "theme": "dark", "secret": "nonsense", "owner": "made-by-a-form",
}  # fmt: skip
"""Enough of each form of the pages to change something."""

BY_FILTER = "/admin/tokens/revoke-by-filter"
FORM = "application/x-www-form-urlencoded"

FOREIGN_ORIGINS = (
    "https://evil.example", "http://localhost.evil.example", "http://evil.localhost", "http://localhost:81",
    "http://localhost@evil.example", "http://", "localhost", "", "http://[", "file://",
    "http://localhost, http://evil.example", "http://local\xadhost",
)  # fmt: skip

HOSTILE_NEXT = (
    "//evil.example", "/\\evil.example", "/\t/evil.example", "\t//evil.example", "https:evil.example",
    "HTTPS://evil.example/", "JaVaScRiPt:alert(1)", "evil.example", "@evil.example", "?x", "", " /account/auth",
    "/account/auth\r\nSet-Cookie: a=b", "/ /evil.example", "/\x00", "/\u2044evil.example", "\uff0f\uff0fevil.example",
    "/" + "a" * 2000, "/login?next=/account/auth", "/logout", "/account\\..\\..\\evil", "/\u202egnp",
)  # fmt: skip
LOCAL_NEXT = ("/", "/account/auth?cursor=1a", "/%2f%2fevil.example", "/%0d%0aSet-Cookie:a=b", "/x:y@z")
"""Odd some of them, but on this host whatever they hold."""

MARKUP = """"'><xss data-evil="1">{{ 7654321*7 }}&amp;"""
BROKEN_BY_MARKUP = ("<xss", "53580247", "&amp;amp;amp;")


@pytest.fixture(scope="module")
def module_admin(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def admin(module_admin: Somebody) -> Somebody:
    """Signed in for the whole module, with the form token of a page just read."""
    module_admin.pages.get("/account/password")
    return module_admin


@pytest.fixture(scope="module")
def other(app: Flask) -> Somebody:
    """No administrator."""
    return somebody(app, allowed=True)


def forms(app: Flask, services: Services, owner: Somebody) -> list[str]:
    """The address of every form of the pages, about things of that owner's; the last two end the session."""
    about = variables(owner.user, holding(services, owner.user)) | {"user_id": make_user(services).id}
    return sorted(addresses(app, "POST", **about), key=lambda path: (path == "/logout", path.endswith("/end-all")))


# Forms from elsewhere


def test_no_form_is_accepted_without_the_token_of_this_browser(
    app: Flask, services: Services, database: Database, admin: Somebody, other: Somebody
) -> None:
    """◆ Fails when `_refuse_forged_form` is left out of a guard, or `is_form_token` answers yes."""
    stranger = Pages(app)
    stranger.get("/login")
    about = variables(admin.user, holding(services, admin.user)) | {"user_id": make_user(services).id}
    before = all_rows(services, database)
    forged = ("", "x", other.pages.form_token, stranger.form_token, admin.pages.form_token[:-1], "\u00e9" * 64)
    paths = list(addresses(app, "POST", both_slash_forms=True, **about))
    assert len(paths) > 30
    for path in paths:
        for request in ({"data": FIELDS}, {"json": FIELDS}):
            assert admin.pages.client.post(path, **request).status_code == 400, path
        for token in forged if not path.endswith("/") else ():
            answer = admin.pages.post(path, FIELDS | {"form_token": token})
            assert (answer.status_code, FORM_REFUSED in words(answer)) == (400, True), (path, token)
    assert all_rows(services, database) == before


def test_no_form_is_accepted_from_another_site_even_with_the_token(
    app: Flask, services: Services, database: Database, admin: Somebody
) -> None:
    """◆ Fails when `_is_from_elsewhere` answers no, or compares origins by their end."""
    paths = forms(app, services, admin)
    before = all_rows(services, database)
    every_way = [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none", "x", "")]
    every_way += [{"Origin": origin} for origin in FOREIGN_ORIGINS]
    every_way += [{"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}]
    every_way += [{"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}]
    some_ways = [every_way[0], {"Origin": "https://evil.example"}]
    for path in paths:
        for headers in every_way if path == "/theme" else some_ways:
            answer = admin.pages.post(path, FIELDS, headers=headers)
            assert (answer.status_code, FORM_REFUSED in words(answer)) == (400, True), (path, headers)
    assert all_rows(services, database) == before


def test_all_these_forms_are_accepted_when_they_are_our_own(app: Flask, services: Services, database: Database) -> None:
    """Or the two tests above would show nothing."""
    own = somebody(app, Role.SERVER_ADMIN)
    changing = []
    for path in forms(app, services, own):
        before = all_rows(services, database)
        headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert FORM_REFUSED not in words(own.pages.post(path, FIELDS, headers=headers)), path
        changing += [path] * (all_rows(services, database) != before)
    assert len(changing) >= 9, changing
    assert not own.pages.is_signed_in()


def test_a_browser_that_hides_its_origin_is_believed_by_the_token_and_one_without_cookies_told_of_them(
    app: Flask, admin: Somebody
) -> None:
    """A page without a referrer sends `Origin: null`; so does any site that hides itself, which has no token."""
    hidden = {"Origin": "null"}
    assert admin.pages.post("/theme", headers=hidden).status_code == 303
    assert admin.pages.post("/theme", {"form_token": "0" * 64}, headers=hidden).status_code == 400
    answer = app.test_client().post("/login", data={"username": "x", "password": PASSWORD, "form_token": "0" * 64})
    assert (answer.status_code, "cookie" in words(answer).lower()) == (400, True)


def test_getting_a_page_changes_nothing(app: Flask, services: Services, database: Database, admin: Somebody) -> None:
    """Fails when a page of GET writes anything but when a session was seen."""
    paths = list(addresses(app, "GET", **variables(admin.user, holding(services, admin.user))))
    before = all_rows(services, database)
    for path in paths:
        for query in ("", "?once=1&name=x&value=77&reason=x&state=disabled&theme=dark&lifetime=1&done=revoked"):
            expected = (404,) if path.startswith("/login/oidc/") else (200, 303, 400)  # no provider is configured
            assert admin.pages.get(path + query).status_code in expected, path
        assert admin.pages.client.head(path).data == b""
    assert len(paths) > 25
    assert all_rows(services, database) == before


# Headers and failures


def test_every_answer_has_a_request_id_and_a_policy_and_no_cors(admin: Somebody) -> None:
    """The policy is looked at in :func:`check`. Fails when an error page goes out without headers."""
    for method, path, status in (
        ("GET", "/account/auth", 200), ("GET", "/", 303), ("GET", "/nothing", 404), ("GET", "/account/nothing", 404),
        ("GET", "/account/auth?cursor=!", 400), ("POST", "/account/auth", 405), ("GET", "/static/daypass.css", 200),
        ("GET", "/static/nothing", 404), ("GET", "/docs/", 200), ("GET", "/api/v1/me", 401), ("GET", "/healthz", 200),
        ("GET", "/integration/v1/userinfo/", 403), ("GET", "/v4/people/current", 401),
    ):  # fmt: skip
        answer = admin.pages.get(path) if method == "GET" else admin.pages.post(path)
        assert answer.status_code == status
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
        assert not {"Access-Control-Allow-Origin", "Server"} & set(answer.headers.keys())
        if status in (400, 404) and path.startswith("/account"):
            assert answer.headers["X-Request-Id"] in words(answer)


def test_a_form_that_cannot_be_read_is_a_4xx_and_unknown_fields_are_no_failure(admin: Somebody) -> None:
    """Fails when a page passes on a form's fields by their names."""
    for request, status in (
        ({"data": "x" * 17_000, "content_type": FORM}, 413), ({"data": "%ff", "content_type": FORM}, 400),
        ({"data": "x", "content_type": "text/plain"}, 415), ({"data": "a=1&a=2", "content_type": FORM}, 400),
        ({"environ_overrides": {"QUERY_STRING": "\xff"}}, 400),
    ):  # fmt: skip
        assert admin.pages.client.post("/account/password", **request).status_code == status
    odd = dict.fromkeys(("status", "error", "fields", "template", "self", "fresh", "why_not", "longest"), "1")
    for path in ("/preferences/access-tokens/new", "/account/auth/refresh-tokens", "/admin/users/new"):
        assert admin.pages.post(path, odd | {"lifetime": "x", "name": "", "username": ""}).status_code == 400, path


def test_a_failure_inside_is_a_page_with_its_number_and_nothing_of_the_inside(
    admin: Somebody, database: Database
) -> None:
    admin.pages.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    rows.refuse_writes(database, "refresh_tokens", "INSERT")
    try:
        fields = {"name": "never", "form_token": admin.pages.form_token}
        answer = admin.pages.client.post("/account/auth/refresh-tokens", data=fields)
    finally:
        rows.allow_writes(database, "refresh_tokens")
    assert answer.status_code == 500
    assert "planted" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] in words(answer)


def test_only_a_trusted_proxy_can_say_that_the_browser_came_over_https(settings: Settings, tmp_path: Path) -> None:
    """Fails when `is_https` reads `X-Forwarded-Proto` from anybody."""
    with_proxy = Settings(
        instance=str(tmp_path), database_url=settings.database_url, trusted_proxies="10.0.0.0/8", log_level="DEBUG"
    )
    app = create_app(with_proxy, KEYS)
    for address, headers, is_https in (
        ("10.1.2.3", {"X-Forwarded-Proto": "https"}, True), ("10.1.2.3", {"X-Forwarded-Proto": "https, http"}, False),
        ("10.1.2.3", {}, False), ("192.0.2.1", {"X-Forwarded-Proto": "https"}, False),
    ):  # fmt: skip
        for path in ("/login", "/api/v1/me", "/account/nothing", "/static/daypass.css"):
            answer = Pages(app, "http://tokens.example.com", address).get(path, headers=headers)
            assert ("Strict-Transport-Security" in answer.headers) is is_https, (address, headers, path)
    close(app)


# Where signing in leads


def is_local(location: str) -> bool:
    """As a browser reads it, which strips tabs and line ends, and takes a backslash for a slash."""
    as_read = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    return as_read == location and re.fullmatch(r"/(?!/)[!-~]*", location) is not None


def test_signing_in_and_the_other_ways_onward_never_lead_elsewhere(app: Flask, other: Somebody) -> None:
    """◆ Fails when LOCAL_PATH is `/.*`, or when `_next` believes what does not match."""
    browser, nobody = Pages(app), Pages(app)
    for onward, expected in (
        *((each, "/account/auth") for each in HOSTILE_NEXT[::6]),
        *((each, each) for each in LOCAL_NEXT),
    ):
        assert browser.sign_in(other.user.username, onward=onward).headers["Location"] == expected, onward
        browser.post("/logout")
    for onward in (*HOSTILE_NEXT, *(quote(each, safe="") for each in HOSTILE_NEXT)):
        # In an address `%2f%2fevil` is read as `//evil`, as browsers sent it; twice encoded it is a path of ours.
        query = quote(onward, safe="/:?&=")
        signed_in = other.pages.get(f"/login?next={query}")
        themed = other.pages.post("/theme", {"theme": "", "next": onward})
        form = page(nobody.get(f"/login?next={query}")).form("/login")
        for location in (signed_in.headers["Location"], themed.headers["Location"]):
            assert is_local(location) and not location.startswith("/log"), onward
        assert form.fields["next"] == "" or is_local(form.fields["next"]), onward


# Other people's things


def test_a_form_can_name_no_other_owner(services: Services, other: Somebody) -> None:
    victim = allowed_user(services)
    as_if = {"user_id": str(victim.id), "owner": victim.username, "username": victim.username}
    other.pages.post("/account/auth/refresh-tokens", {"name": "mine", **as_if})
    other.pages.post("/preferences/access-tokens/new", {"lifetime": "7", **as_if})
    assert services.token_lists.refresh_tokens_of(victim.id, TokenView()).items == []
    assert services.single_tier.list_tokens(victim.id).items == []


# What people typed


def test_what_somebody_typed_is_never_markup(app: Flask, services: Services, admin: Somebody) -> None:
    """Fails when any `{{ … }}` of a template is marked safe, or an attribute loses its quotes."""
    user = allowed_user(services, first_name=MARKUP, last_name=MARKUP, title=MARKUP)
    for owner in (user, admin.user):
        held = holding(services, owner, name=MARKUP, description=MARKUP)
        revoke(services, held.access, MARKUP)
        paths = [*addresses(app, "GET", **variables(owner, held)), f"{BY_FILTER}?owner={owner.username}"]
        seen = "".join(whole(admin.pages, path) for path in paths)
        assert seen.count("&lt;xss") >= 8, "it is shown: the search above has something to find"


def test_what_an_address_or_a_form_holds_is_never_markup(app: Flask, services: Services, admin: Somebody) -> None:
    about = variables(admin.user, holding(services, admin.user))
    names = "name cursor offset next why done part role state owner kind status value actor action object since until"
    names = [*names.split(), "q", "request", "around", "without", "created_from", "unused_for_days", "x"]
    query = "&".join(f"{name}={quote(MARKUP)}" for name in names)
    for path in addresses(app, "GET", **about):
        whole(admin.pages, f"{path}?{query}")
    for path in addresses(app, "GET", **dict.fromkeys(about, quote(MARKUP, safe=""))):
        whole(admin.pages, path)
    for name in names:
        for path in ("/account/auth", "/admin/tokens"):
            whole(admin.pages, f"{path}?{name}={quote(MARKUP)}")
    nobody = Pages(app)
    whole(nobody, f"/login?{query}")
    for path in forms(app, services, admin)[:-1]:
        assert_harmless(admin.pages.post(path, dict.fromkeys(FIELDS, MARKUP)).get_data(as_text=True), path)
    answer = nobody.post("/login", {"username": MARKUP, "password": PASSWORD, "next": MARKUP})
    assert page(answer).value_of("username") == MARKUP
    assert_harmless(answer.get_data(as_text=True), "/login")


def whole(browser: Pages, path: str) -> str:
    """The page, found harmless."""
    answer = browser.get(path)
    shown = answer.get_data(as_text=True)
    if answer.mimetype != "text/csv":
        assert_harmless(shown, path)
    return shown


def assert_harmless(shown: str, path: str) -> None:
    assert not [each for each in BROKEN_BY_MARKUP if each in shown], path
    from_markup = [(tag, named) for tag, named in read(shown).tags if tag == "xss" or "data-evil" in named]
    assert not from_markup, path
