"""Forms whose session ended: what was typed is there again after signing in, and nothing was done."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking_pages import Somebody, addresses, all_rows, holding, somebody, variables
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, page, words
from tests.factories import PASSWORD, allowed_user
from tests.secrecy import PASSWORD_MARK

CREATE = "/account/auth/refresh-tokens"
TYPED = 'a "name" <b>&amp; \u00fc\u0628'
MADE_AGAIN = ("form_token", "form_id", "confirmation")
"""Hidden fields that a page gives another value each time."""


BY_SIGNING_IN: rows.Rows = {name: [] for name in ("sessions", "audit_events", "users", "login_throttle")}
"""The tables that signing in changes."""


class Field(NamedTuple):
    tag: str
    kind: str
    value: str
    is_chosen: bool = True


class Forms(HTMLParser):
    """The forms of a page that people fill in: by address, the fields in order, each with its name."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[tuple[str, Field]]]] = []
        self._is_open, self._select = False, ""
        self.feed(answer.get_data(as_text=True))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        name, value = named.get("name") or "", named.get("value")
        if tag == "form":
            self._is_open = named.get("method") == "post" and "/theme" not in (named.get("action") or "")
            if self._is_open:
                self.found.append((named.get("action") or "", []))
        elif not self._is_open or (tag in ("input", "textarea") and not name):
            return
        elif tag == "select":
            self._select = name
        elif tag == "option":
            self._add(self._select, Field(tag, "", value or "", "selected" in named))
        elif tag in ("input", "textarea"):
            kind = named.get("type") or "text"
            is_choice = kind in ("checkbox", "radio")
            self._add(name, Field(tag, kind, value or ("on" if is_choice else ""), not is_choice or "checked" in named))

    def handle_endtag(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "form"

    def handle_data(self, data: str) -> None:
        if self._is_open and self.found[-1][1] and self.get_starttag_text() and data.strip():
            name, last = self.found[-1][1][-1]
            if last.tag == "textarea" and not last.value:
                self.found[-1][1][-1] = (name, last._replace(value=data.removeprefix("\n")))

    def _add(self, name: str, field: Field) -> None:
        self.found[-1][1].append((name, field))


def typed(fields: list[tuple[str, Field]]) -> dict[str, str]:
    """Other values than a form has, as a person would enter them; hidden ones stay, and a password is one."""
    values: dict[str, str] = {}
    for name, each in fields:
        if each.kind == "password":
            values[name] = f"{PASSWORD_MARK}-typed"
        elif each.kind == "hidden":
            values[name] = each.value
        elif each.kind == "checkbox":
            values |= {} if each.is_chosen else {name: each.value}
        elif each.tag == "option" or each.kind == "radio":
            values[name] = each.value  # the last one
        else:
            values[name] = TYPED
    return values


def shown(fields: list[tuple[str, Field]]) -> dict[str, str]:
    """What the form would send as it is, without passwords."""
    return {name: each.value for name, each in fields if each.is_chosen and each.kind != "password"}


def every_form(app: Flask, asker: Somebody, values: dict[str, str | int]) -> Iterator[tuple[str, str, int]]:
    """Each form of each page: the page, its address, and which of the page's it is."""
    chosen = f"pick-{values['public_id']}=on"
    of_many = f"revoke-by-filter?owner={asker.user.username}", f"revoke-chosen?{chosen}", f"move-chosen?{chosen}"
    for path in sorted({*addresses(app, "GET", **values), *(f"/admin/tokens/{each}" for each in of_many)}):
        if path.startswith(("/account", "/admin", "/preferences")):
            answer = asker.pages.get(path)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                for number, (action, _) in enumerate(Forms(answer).found):
                    if not action.endswith("/logout"):
                        yield path, action, number


def test_every_form_of_every_page_survives_the_end_of_its_session(
    app: Flask, services: Services, database: Database, clock: MovableClock
) -> None:
    """◆ Fails when a form has a kind of field that is not filled in, or when anything is done by signing in."""
    owner, visited = somebody(app, Role.SERVER_ADMIN, allowed=True), 0
    held = holding(services, owner.user)
    forms = list(every_form(app, owner, variables(owner.user, held)))
    for path, action, number in forms:
        browser = Pages(app)
        browser.sign_in(owner.user.username)
        fields = Forms(browser.get(path)).found[number][1]
        entered = typed(fields)
        with clock.later(minutes=31):
            before = all_rows(services, database) | BY_SIGNING_IN
            answer = browser.post(action, entered)
            assert answer.status_code == 303 and answer.headers["Location"].startswith("/login"), path
            browser.get(answer.headers["Location"])
            onward = page(browser.get(answer.headers["Location"])).form("/login").fields["next"]
            browser.post("/login", {"username": owner.user.username, "password": PASSWORD, "next": onward})
            back = browser.get(onward)
            assert TYPED not in answer.headers["Location"] and PASSWORD_MARK not in back.get_data(as_text=True)
            assert all_rows(services, database) | BY_SIGNING_IN == before, path
        if all(each.kind == "hidden" for _, each in fields):
            continue  # nothing was entered
        found = [each for own, each in Forms(back).found if own == action]
        kept = {name: value for name, value in entered.items() if PASSWORD_MARK not in value}
        kept = {name: value for name, value in kept.items() if name not in MADE_AGAIN and "secret" not in name}
        assert any(kept.items() <= shown(each).items() for each in found), (path, action, kept, found)
        assert "nothing was sent yet" in words(back), path
        assert "nothing was sent yet" not in words(browser.get(onward)), path
        visited += 1
    assert visited >= 12


@pytest.fixture
def anna(app: Flask) -> Somebody:
    return somebody(app)


def test_nobody_else_finds_what_was_typed(app: Flask, anna: Somebody, clock: MovableClock) -> None:
    """◆ Who signs in as another person, and who has no session that could have held the form."""
    berta = somebody(app)
    anna.pages.get(CREATE)
    with clock.later(minutes=31):
        location = anna.pages.post(CREATE, {"name": TYPED}).headers["Location"]
        assert "why=kept" in location
        anna.pages.get(location)
        anna.pages.sign_in(berta.user.username)
        assert page(anna.pages.get(CREATE)).value_of("name") == ""
        anna.pages.sign_in(anna.user.username)
        assert page(anna.pages.get(CREATE)).value_of("name") == ""


@pytest.mark.parametrize(
    "spoilt",
    [
        {"form_token": "x"},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"headers": {"Origin": "https://evil.example"}},
    ],
)
def test_a_form_that_another_site_sent_is_not_kept(
    anna: Somebody, clock: MovableClock, spoilt: dict[str, object]
) -> None:
    """◆ It would fill in what a stranger chose."""
    anna.pages.get(CREATE)
    with clock.later(minutes=31):
        token = {"form_token": str(spoilt["form_token"])} if "form_token" in spoilt else {}
        headers = spoilt.get("headers", {})
        answer = anna.pages.post(CREATE, {"name": TYPED} | token, headers=headers)
        assert (answer.status_code, "why=ended" in answer.headers["Location"]) == (303, True)
        assert "daypass_form" not in str(answer.headers.getlist("Set-Cookie"))


def test_what_is_kept_is_for_one_page_short_and_without_secrets(
    app: Flask, services: Services, anna: Somebody, clock: MovableClock
) -> None:
    """◆ A cookie of that path, for half an hour, which scripts cannot read; too long a form is not kept."""
    secret = holding(services, allowed_user(services)).refresh.secret
    anna.pages.get(CREATE)
    with clock.later(minutes=31):
        (cookie,) = anna.pages.post(CREATE, {"name": secret}).headers.getlist("Set-Cookie")
        assert {"Path=/account/auth/refresh-tokens", "HttpOnly", "SameSite=Lax", "Max-Age=1800"} <= set(
            cookie.split("; ")
        )
        pages = services.sessions.kept_forms
        found = pages.unpack(cookie.partition("=")[2].partition(";")[0], anna.user.id, CREATE)
        assert found is not None and found.fields == {}
        long = "".join(chr(0x4E00 + number % 5000) for number in range(0, 14000, 7))
        assert "why=ended" in anna.pages.post(CREATE, {"name": long}).headers["Location"]
