"""What the pages must never do: take a form from elsewhere, lead elsewhere, tell of others, run what somebody typed.

Here belong the promises about forms, headers, `next`, ids and markup, for every address that pages have. Not here:
sessions and cookies (``test_pages_sessions``), secrets that are shown once (``test_pages_reveals``), and the rules of
the administration pages (``test_admin_pages``).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from app.domain.errors import BadRequest
from app.domain.identity import Role
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage.database import Database, db
from app.web.guards import FORM_REFUSED
from config import Settings
from tests import rows
from tests.contract.asking_pages import (
    NOBODYS,
    NOBODYS_UUID,
    Somebody,
    addresses,
    holding,
    kept,
    somebody,
    variables,
)
from tests.databases import KEYS
from tests.drivers.pages import Pages, page, read, words
from tests.factories import OPERATOR, PASSWORD, allowed_user, make_user

FIELDS = {
    "username": "made-by-a-form", "password": PASSWORD, "repeated": PASSWORD, "current": PASSWORD, "new_role": "VIEWER",
    "name": "made-by-a-form", "description": "made by a form", "lifetime": "7", "reason": "by a form", "value": "77",
    "state": "disabled", "role": "STEWARD", "theme": "dark", "secret": "nonsense", "owner": "made-by-a-form",
}  # fmt: skip
"""Enough of each form of the pages to change something."""

FORM = "application/x-www-form-urlencoded"

FOREIGN_ORIGINS = (
    "https://evil.example", "http://localhost.evil.example", "http://evil.localhost", "http://localhost:81",
    "http://localhost@evil.example", "http://", "localhost", "x", "", "http://[", "http://[::1", "file://",
    "http://localhost, http://evil.example", "http://local\xadhost",
)  # fmt: skip

HOSTILE_NEXT = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "\t//evil.example",
    "/\n/evil.example", "https://evil.example", "https:evil.example", "http:///evil.example", "HTTPS://evil.example/",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "evil.example", "@evil.example", "?x", "#x", "",
    " /account/auth", "/account/auth\r\nSet-Cookie: a=b", "/ /evil.example", "/\x00", "/caf\u00e9",
    "/\u2044evil.example",
    "\uff0f\uff0fevil.example", "/" + "a" * 2000, "/login", "/login?next=/account/auth", "/logout",
    "/account\\..\\..\\evil", "/\u202egnp",
)  # fmt: skip

LOCAL_NEXT = (
    "/", "/account/auth?cursor=1a", "/preferences/access-tokens/new", "/admin/users?part=a&role=",
    "/%2f%2fevil.example",
    "/%0d%0aSet-Cookie:a=b", "/admin/tokens?name=%22%3E", "/account/auth#top", "/x:y@z",
    "/LOGIN/../login",
)  # fmt: skip
"""Odd some of them, but on this host whatever they hold."""

MARKUP = """"'><xss data-evil="1">{{ 7*191 }}&amp;"""
BROKEN_BY_MARKUP = ("<xss", "1337", "&amp;amp;amp;")
INVISIBLE = (
    "\u202e",
    "\u2066",
    "\u200f",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\x00",
    "\x07",
    "\x1b",
    "\x7f",
    "\x85",
    "\u2028",
)


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["daypass_database"]
    return found


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
    """Nobody's administrator."""
    return somebody(app, allowed=True)


def forms(app: Flask, services: Services, owner: Somebody) -> list[str]:
    """The address of every form of the pages, about things of that owner's; the last ends the session."""
    victim = make_user(services)
    about = variables(owner.user, holding(services, owner.user)) | {"user_id": victim.id}
    return sorted(addresses(app, "POST", **about), key=lambda path: path == "/logout")


# Forms from elsewhere


def test_no_form_is_taken_without_the_token_of_this_browser(
    app: Flask, services: Services, database: Database, admin: Somebody, other: Somebody
) -> None:
    """Fails when `_refuse_forged_form` is left out of a guard, or `is_form_token` answers yes."""
    stranger = Pages(app)
    stranger.get("/login")
    held = holding(services, admin.user)
    about = variables(admin.user, held) | {"user_id": make_user(services).id}
    before = kept(services, database)
    forged = (
        "",
        "x",
        "0" * 64,
        other.pages.form_token,
        stranger.form_token,
        admin.pages.form_token[:-1],
        "\u00e9" * 64,
    )
    paths = list(addresses(app, "POST", both_slash_forms=True, **about))
    assert len(paths) > 30
    for path in paths:
        for request in ({"data": FIELDS}, {"json": FIELDS}):
            assert admin.pages.client.post(path, **request).status_code == 400, path
    for path in addresses(app, "POST", **about):
        for token in forged:
            answer = admin.pages.post(path, FIELDS | {"form_token": token})
            assert (answer.status_code, FORM_REFUSED in words(answer)) == (400, True), (path, token)
    assert kept(services, database) == before


def test_no_form_is_taken_from_another_site_even_with_the_token(
    app: Flask, services: Services, database: Database, admin: Somebody
) -> None:
    """Fails when `_is_from_elsewhere` answers no, or compares origins by their end."""
    paths = forms(app, services, admin)
    before = kept(services, database)
    every_way = [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none", "x", "")]
    every_way += [{"Origin": origin} for origin in FOREIGN_ORIGINS]
    every_way += [{"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}]
    every_way += [{"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}]
    some_ways = [every_way[0], every_way[1], {"Origin": "https://evil.example"}]
    for path in paths:
        for headers in every_way if path == "/theme" else some_ways:
            answer = admin.pages.post(path, FIELDS, headers=headers)
            assert (answer.status_code, FORM_REFUSED in words(answer)) == (400, True), (path, headers)
    assert kept(services, database) == before


def test_all_these_forms_are_taken_when_they_are_our_own(app: Flask, services: Services, database: Database) -> None:
    """Or the two tests above would show nothing."""
    own = somebody(app, Role.SERVER_ADMIN)
    changing = []
    for path in forms(app, services, own):
        before = kept(services, database)
        headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        answer = own.pages.post(path, FIELDS, headers=headers)
        assert FORM_REFUSED not in words(answer), path
        changing += [path] * (kept(services, database) != before)
    assert len(changing) >= 9, changing
    assert not own.pages.is_signed_in()


def test_a_browser_that_hides_where_it_comes_from_is_believed_by_the_token(admin: Somebody) -> None:
    """A page without a referrer sends `Origin: null`; so does any site that hides itself, which has no token."""
    hidden = {"Origin": "null"}
    assert admin.pages.post("/theme", headers=hidden).status_code == 303
    assert admin.pages.post("/theme", {"form_token": "0" * 64}, headers=hidden).status_code == 400


def test_a_form_without_any_cookie_says_what_to_do(app: Flask) -> None:
    """Without it, whoever blocks cookies would be told to reload, for ever."""
    answer = app.test_client().post("/login", data={"username": "x", "password": PASSWORD, "form_token": "0" * 64})
    assert answer.status_code == 400
    assert "cookie" in words(answer).lower()


def test_getting_a_page_changes_nothing(app: Flask, services: Services, database: Database, admin: Somebody) -> None:
    """Fails when a page of GET writes anything but when a session was seen."""
    about = variables(admin.user, holding(services, admin.user))
    paths = list(addresses(app, "GET", **about))
    before = kept(services, database)
    for path in paths:
        for query in ("", "?once=1&name=x&value=77&reason=x&state=disabled&theme=dark&lifetime=1&done=revoked"):
            assert admin.pages.get(path + query).status_code in (200, 303, 400), path
        assert admin.pages.client.head(path).data == b""
    assert len(paths) > 25
    assert kept(services, database) == before


# Headers


def every_kind_of_answer() -> Iterator[tuple[str, int]]:
    """What was asked, and the status that it is to be answered with."""
    yield from (("GET /account/auth", 200), ("GET /login", 303), ("GET /", 303), ("GET /admin", 200))
    yield from (("GET /account/nothing", 404), ("GET /admin/users/0", 404), ("GET /nothing", 404))
    yield from (("GET /account/auth?cursor=!", 400), ("POST /account/auth", 405), ("GET /logout", 405))
    yield from (("GET /static/daypass.css", 200), ("GET /static/nothing", 404), ("GET /docs/", 200))
    yield from (("GET /openapi/native/", 200), ("GET /api/v1/me", 401), ("GET /integration/v1/userinfo/", 403))
    yield from (("GET /v4/people/current", 401), ("GET /healthz", 200), ("GET /api/v1/nothing", 404))


def test_every_answer_forbids_inline_script_and_framing(admin: Somebody, other: Somebody) -> None:
    """Fails when a policy allows `unsafe-inline`, or an error page goes out without headers (:func:`check`)."""
    for asked, status in every_kind_of_answer():
        method, path = asked.split(" ")
        answer = admin.pages.get(path) if method == "GET" else admin.pages.post(path)
        assert answer.status_code == status, asked
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, asked
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers
    assert other.pages.get("/admin").status_code == 403
    for request, status in (
        ({"data": "x" * 17_000, "content_type": FORM}, 413), ({"data": "%ff", "content_type": FORM}, 400),
        ({"data": "x", "content_type": "text/plain"}, 415), ({"data": "a=1&a=2", "content_type": FORM}, 400),
        ({"environ_overrides": {"QUERY_STRING": "\xff"}}, 400),
    ):  # fmt: skip
        assert admin.pages.client.post("/account/password", **request).status_code == status


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
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_error_page_tells_the_number_of_its_request(admin: Somebody) -> None:
    for path in ("/account/nothing", "/account/auth?cursor=!"):
        answer = admin.pages.get(path)
        assert answer.headers["X-Request-Id"] in words(answer), path


def test_only_a_trusted_proxy_can_say_that_the_browser_came_over_https(settings: Settings, tmp_path: Path) -> None:
    """Fails when `is_https` reads `X-Forwarded-Proto` whoever sends it."""
    with_proxy = Settings(
        instance=str(tmp_path), database_url=settings.database_url, trusted_proxies="10.0.0.0/8", log_level="DEBUG"
    )
    app = create_app(with_proxy, KEYS)
    for address, told, is_https in (
        ("10.1.2.3", "https", True), ("10.1.2.3", "http", False), ("10.1.2.3", "https, http", False),
        ("10.1.2.3", None, False), ("192.0.2.1", "https", False), ("192.0.2.1", None, False),
    ):  # fmt: skip
        headers = {} if told is None else {"X-Forwarded-Proto": told}
        for path in ("/login", "/api/v1/me", "/account/nothing", "/static/daypass.css"):
            answer = Pages(app, "http://tokens.example.com", address).get(path, headers=headers)
            assert ("Strict-Transport-Security" in answer.headers) is is_https, (address, told, path)
    parts(app).services.close()
    with app.app_context():
        db.engine.dispose()


# Where one is sent after signing in


def is_local(location: str) -> bool:
    """As a browser reads it, which strips tabs and line ends, and takes a backslash for a slash."""
    as_read = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    return as_read == location and re.fullmatch(r"/(?!/)[!-~]*", location) is not None


def test_signing_in_never_leads_elsewhere(app: Flask, other: Somebody) -> None:
    """Fails when LOCAL_PATH is `/.*`, or when `_next` believes what does not match."""
    browser = Pages(app)
    for wanted in HOSTILE_NEXT[::6]:
        answer = browser.sign_in(other.user.username, onward=wanted)
        assert answer.headers["Location"] == "/account/auth", wanted
        browser.post("/logout")
    for wanted in LOCAL_NEXT[:3]:
        answer = browser.sign_in(other.user.username, onward=wanted)
        assert answer.headers["Location"] == wanted
        browser.post("/logout")


def test_neither_do_the_other_ways_onward(app: Flask, other: Somebody) -> None:
    nobody = Pages(app)
    for wanted in (*HOSTILE_NEXT, *(quote(each, safe="") for each in HOSTILE_NEXT)):
        # In an address `%2f%2fevil` is read as `//evil`, as browsers sent it; twice encoded it is a path of ours.
        told = quote(wanted, safe="/:?&=")
        signed_in = other.pages.get(f"/login?next={told}")
        themed = other.pages.post("/theme", {"theme": "", "next": wanted})
        form = page(nobody.get(f"/login?next={told}")).form("/login")
        for location in (signed_in.headers["Location"], themed.headers["Location"]):
            assert is_local(location) and not location.startswith("/log"), wanted
        assert form.fields["next"] == "" or is_local(form.fields["next"]), wanted


def test_a_page_that_asks_to_sign_in_is_where_one_gets_to(app: Flask, other: Somebody) -> None:
    """With its query; a form that was sent meanwhile leads to the page that holds it."""
    for path in ("/account/auth?cursor=1a", "/preferences/access-tokens?offset=50", "/admin/users?part=%2F%2Fevil"):
        browser = Pages(app)
        asked = browser.get(path)
        assert asked.status_code == 303
        form = page(browser.get(asked.headers["Location"])).form("/login")
        assert form.fields["next"] == path
    browser = Pages(app)
    for path, page_of_it in (
        ("/account/auth/refresh-tokens", "/account/auth/refresh-tokens"), ("/account/auth/test-token", "/account/auth"),
    ):  # fmt: skip
        asked = browser.post(path)
        form = page(browser.get(asked.headers["Location"])).form("/login")
        assert form.fields["next"] == page_of_it


# Other people's things


def test_what_is_anothers_looks_as_if_it_were_not_there(
    app: Flask, services: Services, database: Database, other: Somebody
) -> None:
    """Fails when `_own` forgets whose a token is, or `single_tier.get` is not told the owner."""
    victim = allowed_user(services)
    held = holding(services, victim)
    unknown = {"public_id": NOBODYS, "uuid": NOBODYS_UUID}
    theirs = {"public_id": held.refresh.token.public_id, "uuid": held.single.token.uuid}
    of_access = {"public_id": held.access.token.public_id, "uuid": held.access.token.uuid}
    before = kept(services, database)
    for method in ("GET", "POST"):
        for_unknown = list(own_addresses(app, method, unknown))
        assert len(for_unknown) == 4
        for about in (theirs, of_access):
            for path, unknown_path in zip(own_addresses(app, method, about), for_unknown, strict=True):
                told, expected = (asked(other.pages, method, each) for each in (path, unknown_path))
                assert told == expected, path
                assert told[0] == 404, path
    assert kept(services, database) == before


def test_what_can_be_no_id_is_not_there_either(app: Flask, other: Somebody) -> None:
    for odd in ("x", "%00", "..%2f..", "%c3%a9", "'--", "a" * 300, NOBODYS.upper(), "%f0%9f%98%80", "0" * 36):
        for method in ("GET", "POST"):
            for path in own_addresses(app, method, {"public_id": odd, "uuid": odd}):
                assert asked(other.pages, method, path)[0] == 404, path


def test_the_administration_tells_no_user_whether_an_id_exists(
    app: Flask, services: Services, database: Database, admin: Somebody, other: Somebody
) -> None:
    known = variables(admin.user, holding(services, admin.user))
    unknown = {"public_id": NOBODYS, "uuid": NOBODYS_UUID, "user_id": 999_999, "key": "no_such", "name": "x"}
    before = kept(services, database)
    for method in ("GET", "POST"):
        pairs = zip(addresses(app, method, **known), addresses(app, method, **unknown), strict=True)
        for path, unknown_path in [each for each in pairs if each[0].startswith("/admin")]:
            told, expected = (asked(other.pages, method, each) for each in (path, unknown_path))
            assert told == expected, path
            assert told[0] == 403, path
    assert kept(services, database) == before


def test_a_form_can_name_no_other_owner(services: Services, other: Somebody) -> None:
    victim = allowed_user(services)
    as_if = {"user_id": str(victim.id), "owner": victim.username, "username": victim.username}
    other.pages.post("/account/auth/refresh-tokens", {"name": "mine", **as_if})
    other.pages.post("/preferences/access-tokens/new", {"lifetime": "7", **as_if})
    assert services.overview.own_refresh_tokens(victim.id) == ([], None)
    assert services.single_tier.own(victim.id).items == []


def test_a_token_of_somebody_else_is_not_tested_for_one(services: Services, other: Somebody) -> None:
    """Whoever holds a secret can ask any API about it; here it just does not work, and nobody is named."""
    victim = allowed_user(services)
    held = holding(services, victim)
    for kind, secret in zip(("refresh", "access", "access"), held.secrets, strict=True):
        answer = other.pages.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert answer.status_code == 409
        assert victim.username not in words(answer)


def own_addresses(app: Flask, method: str, about: dict[str, str]) -> Iterator[str]:
    """Those about one thing, of the pages of one's own."""
    for path in addresses(app, method, **about | {"user_id": 0, "key": "", "name": ""}):
        if path.startswith(("/account", "/preferences")) and set(path.split("/")) & set(about.values()):
            yield path


def asked(browser: Pages, method: str, path: str) -> tuple[int, str]:
    """Status and words of the answer, without the number of the request."""
    fields = {"reason": "x", "lifetime": "7", "name": "x"}
    answer = browser.post(path, fields) if method == "POST" else browser.get(path)
    return answer.status_code, words(answer).replace(answer.headers["X-Request-Id"], "")


# What people typed


def test_what_somebody_typed_is_never_markup(app: Flask, services: Services, admin: Somebody, other: Somebody) -> None:
    """Fails when any `{{ … }}` of a template is marked safe, or an attribute loses its quotes."""
    user = allowed_user(services, first_name=MARKUP, last_name=MARKUP, title=MARKUP, email=MARKUP)
    for owner in (user, admin.user):
        held = holding(services, owner, name=MARKUP, description=MARKUP)
        services.revoking.revoke(held.access.token.public_id, MARKUP, OPERATOR)
        seen = "".join(whole(admin.pages, path) for path in addresses(app, "GET", **variables(owner, held)))
        # It is shown, at least in one's own lists and dialogs: the search above has something to find.
        assert seen.count("&lt;xss") >= 8


def test_what_stands_in_an_address_is_never_markup(app: Flask, services: Services, admin: Somebody) -> None:
    about = variables(admin.user, holding(services, admin.user))
    names = "name cursor offset next why done part role state owner kind status value actor action object since until"
    names = [*names.split(), "created_from", "unused_for_days", "x"]
    query = "&".join(f"{name}={quote(MARKUP)}" for name in names)
    for path in addresses(app, "GET", **about):
        whole(admin.pages, f"{path}?{query}")
    for path in addresses(app, "GET", **dict.fromkeys(about, quote(MARKUP, safe=""))):
        whole(admin.pages, path)
    for name in names:
        for path in ("/login", "/account/auth", "/account/auth/refresh-tokens", "/preferences/access-tokens/new"):
            whole(admin.pages, f"{path}?{name}={quote(MARKUP)}")
    whole(Pages(app), f"/login?{query}")


def test_what_a_form_shows_again_is_never_markup(app: Flask, services: Services, admin: Somebody) -> None:
    paths = forms(app, services, admin)[:-1]
    odd = dict.fromkeys(FIELDS, MARKUP)
    for path in paths:
        assert_harmless(admin.pages.post(path, odd).get_data(as_text=True), path)
    nobody = Pages(app)
    nobody.get("/login")
    answer = nobody.post("/login", {"username": MARKUP, "password": PASSWORD, "next": MARKUP})
    assert page(answer).value_of("username") == MARKUP
    assert_harmless(answer.get_data(as_text=True), "/login")


def test_a_form_with_fields_that_it_does_not_have_is_no_failure(admin: Somebody) -> None:
    """Fails when a page passes on a form's fields by their names."""
    odd = dict.fromkeys(("status", "error", "fields", "template", "self", "fresh", "why_not", "longest"), "1")
    for path in (
        "/preferences/access-tokens/new",
        "/account/auth/refresh-tokens",
        "/account/password",
        "/admin/users/new",
    ):
        answer = admin.pages.post(path, odd | {"lifetime": "x", "name": "", "username": ""})
        assert answer.status_code == 400, path


@pytest.mark.parametrize("odd", INVISIBLE)
def test_characters_that_show_as_something_else_are_refused(services: Services, other: Somebody, odd: str) -> None:
    """Fails when a description or a name need not be printable."""
    name = f"nightly{odd}etl"
    refused = other.pages.post("/account/auth/refresh-tokens", {"name": name})
    assert (refused.status_code, page(refused).value_of("name")) != (200, "")
    assert refused.status_code == 400
    refused = other.pages.post("/preferences/access-tokens/new", {"lifetime": "7", "description": name})
    assert refused.status_code == 400
    for member in ("first_name", "last_name", "title", "email"):
        with pytest.raises((BadRequest, TypeError, KeyError)):
            make_user(services, **{member: name})


def whole(browser: Pages, path: str) -> str:
    """The page, found harmless."""
    shown = browser.get(path).get_data(as_text=True)
    assert_harmless(shown, path)
    return shown


def assert_harmless(shown: str, path: str) -> None:
    assert not [each for each in BROKEN_BY_MARKUP if each in shown], path
    from_markup = [(tag, named) for tag, named in read(shown).tags if tag == "xss" or "data-evil" in named]
    assert not from_markup, path
