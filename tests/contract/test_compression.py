"""What is compressed for clients that accept it, and what never is, so that lengths tell nothing."""

import gzip
import re
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.factory import create_app
from app.services import Services
from config import Settings
from tests.contract.asking import AskedGate
from tests.contract.asking_pages import Somebody, addresses, holding, somebody, variables
from tests.contract.conftest import close
from tests.databases import KEYS
from tests.drivers.pages import Pages
from tests.factories import PASSWORD, generate, make_user

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
OURS = GZIP | {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def admin(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def is_compressed(answer: TestResponse) -> bool:
    """In gzip's format, with the right length, and for caches to tell apart."""
    said = answer.headers.get("Content-Encoding")
    assert said in (None, "gzip")
    if answer.request.method != "HEAD":
        assert answer.headers["Content-Length"] == str(len(answer.data))
        assert (answer.data[:2] == b"\x1f\x8b") is (said == "gzip")
    assert said is None or "Accept-Encoding" in answer.headers["Vary"].split(", ")
    return said == "gzip"


def vary(answer: TestResponse) -> set[str]:
    return set(answer.headers["Vary"].split(", "))


def test_every_page_of_more_than_1_kib_is_compressed_for_who_accepts_it(
    app: Flask, services: Services, admin: Somebody
) -> None:
    paths = [*addresses(app, "GET", **variables(admin.user, holding(services, admin.user))), "/nonsense"]
    accepted = {**OURS, "Accept": "text/html"}
    for path in paths:
        packed, plain = (
            admin.pages.client.get(path, headers=headers) for headers in (accepted, {"Accept": "text/html"})
        )
        assert not is_compressed(plain)
        assert is_compressed(packed) is (len(plain.data) >= 1024), path
        if is_compressed(packed):
            assert len(packed.data) < len(plain.data) / 1.5, path
            assert "Accept-Encoding" in vary(plain), path
    assert len(paths) > 25


def test_what_comes_out_is_the_page_and_a_head_has_the_headers_of_its_get(admin: Somebody) -> None:
    plain, packed = (admin.pages.client.get("/docs/", headers=each) for each in ({}, OURS))
    assert without_tokens(gzip.decompress(packed.data).decode()) == without_tokens(plain.text)
    for path in ("/docs/", "/static/daypass.css", "/openapi/native/"):
        got, asked = (admin.pages.client.open(path, method=method, headers=OURS) for method in ("GET", "HEAD"))
        assert is_compressed(got) and is_compressed(asked) and asked.data == b""
        for name in ("Content-Type", "Vary", "Content-Encoding", "Cache-Control"):
            assert asked.headers[name] == got.headers[name]
        assert path == "/docs/" or asked.headers["Content-Length"] == got.headers["Content-Length"]


def test_an_answer_has_the_length_that_it_says(app: Flask, admin: Somebody) -> None:
    """A redirect that a guard raises is no sequence. Fails when it is compressed as what is sent while it is read."""
    for pages in (admin.pages, Pages(app)):
        for path in ("/account/auth", "/admin", "/account/auth/export", "/nothing", "/login", "/docs/"):
            answer = pages.client.get(path, headers=OURS | {"Accept": "text/html"})
            assert int(answer.headers["Content-Length"]) == len(answer.data), path


def without_tokens(page: str) -> str:
    return re.sub(r'name="form_token" value="\w+"', "", page)


def test_what_is_accepted_is_read_as_rfc_9110_says(admin: Somebody) -> None:
    for accepted, is_packed in (
        ("gzip", True), ("*", True), ("br;q=1.0, gzip;q=0.8", True), ("gzip;q=0", False), ("", False), ("br", False),
        ("identity", False), ("gzip;q=0.5, identity", False), ("identity;q=0.5, gzip", True), ("*;q=0", False),
        ("GZIP", True),
    ):  # fmt: skip
        for path in ("/account/auth", "/static/daypass.css"):
            answer = admin.pages.client.get(path, headers=OURS | {"Accept-Encoding": accepted})
            assert is_compressed(answer) is is_packed, (accepted, path)


def test_a_page_that_another_site_asks_for_is_not_compressed(settings: Settings) -> None:
    """◆ Or it could guess at what is in the page, and see in the length whether it is right (BREACH).

    Fails when `_is_asked_for_by_us` answers yes.
    """
    app = create_app(replace(settings, public_url="https://tokens.example.com"), KEYS)
    reader = Pages(app, "https://tokens.example.com")
    for path in ("/login", "/login?next=/account/auth", "/nonsense"):
        for site, is_ours in (
            ("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False), ("", False),
            ("Same-Origin", False), (None, False),
        ):  # fmt: skip
            said = {} if site is None else {"Sec-Fetch-Site": site}
            answer = reader.client.get(path, base_url=reader.url, headers=GZIP | said | {"Accept": "text/html"})
            assert is_compressed(answer) is is_ours, (path, site)
            assert {"Accept-Encoding", "Sec-Fetch-Site", "Cookie"} <= vary(answer)
    close(app)


def test_over_plain_http_a_browser_need_not_say_who_asked(admin: Somebody) -> None:
    """It doesn't, and who sees lengths sees the page."""
    assert is_compressed(admin.pages.client.get("/account/auth", headers=GZIP))


def test_no_answer_to_a_form_is_compressed(app: Flask, services: Services, admin: Somebody) -> None:
    """◆ Secrets are shown in them, and typed ones kept."""
    admin.pages.get("/account/auth")
    shown = admin.pages.client.post(
        "/account/auth/refresh-tokens", data={"name": "x", "form_token": admin.pages.form_token}, headers=OURS
    )
    assert shown.status_code == 200 and "Token Secret Key" in shown.text and not is_compressed(shown)
    about = variables(admin.user, holding(services, admin.user))
    for path in addresses(app, "POST", **about):
        if path not in ("/logout", "/account/security/end-all"):
            form = {"form_token": admin.pages.form_token, "current": PASSWORD, "secret": "x", "name": "y"}
            assert not is_compressed(admin.pages.client.post(path, data=form, headers=OURS)), path


def test_the_form_token_never_stands_twice_in_the_same_letters(admin: Somebody) -> None:
    """◆ What a page says of itself again and again can be guessed at by its length."""
    shown = {
        match
        for _ in range(5)
        for match in set(re.findall(r'name="form_token" value="(\w+)"', admin.pages.get("/account/auth").text))
    }
    assert len(shown) == 5, "one in each response"
    for each in shown:
        assert admin.pages.post("/theme", {"form_token": each, "theme": ""}).status_code == 303


def test_no_answer_of_the_apis_and_the_gate_is_compressed(app: Flask, services: Services, admin: Somebody) -> None:
    secret = generate(services, make_user(services, role=Role.SERVER_ADMIN)).secret
    for _ in range(12):
        make_user(services)
    client, headers = app.test_client(), {"TOKEN": secret, **OURS}
    for path in ("/api/v1/users", "/v4/open-api-spec", "/integration/v1/userinfo/", "/healthz"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200 and not is_compressed(answer), path
        assert "Accept-Encoding" not in answer.headers["Vary"]
    checked = AskedGate(app).open("/auth/verify", headers=headers)
    assert (checked.status_code, checked.data, "Content-Encoding" in checked.headers) == (200, b"", False)


def test_files_are_kept_for_ever_under_the_address_that_names_their_content_alone(admin: Somebody) -> None:
    """Fails when a file of this release is kept under the address of another's, as servers of both may answer."""
    html = admin.pages.get("/account/auth").text
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', html)
    assert len(named) >= 3
    for address in named:
        answer = admin.pages.client.get(address, headers=OURS)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert vary(answer) == {"Accept-Encoding"}
        for other in (address.partition("?")[0], f"{address}0", address[:-1]):
            assert admin.pages.client.get(other).headers["Cache-Control"] == "no-cache"
    assert (
        admin.pages.client.get("/static/daypass.css", headers=OURS).data
        == admin.pages.client.get("/static/daypass.css", headers=OURS).data
    )
