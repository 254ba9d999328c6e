"""The pages as a browser without JavaScript uses them, in-process; every answer goes through :func:`check`."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import PASSWORD
from tests.secrecy import secrets_in

HOME = "http://localhost"
MAKING = ("/refresh-tokens", "/regenerate", "/rotate", "/access-token", "/new")
"""How the addresses end whose forms show a secret."""

OUTSIDE_PAGES = ("/static/", "/api/", "/openapi/", "/integration/", "/v4/")


ENCRYPTED = re.compile(r'id_token_hint=[^&"]+|name="offered_secret" value="[^"]+')
"""The ID token of a session that has ended, for the provider's sign-out; a second factor that is offered, encrypted."""


@dataclass
class Form:
    """A form of a page, as it would be sent: the values of its fields by name."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a browser makes of an answer: `tags` with their attributes, `forms`, and the `words` between."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[Form] = []
        self.words = ""
        self._is_inside_form = False
        self._textarea: str | None = None
        self._entered: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.tags.append((tag, named))
        if tag == "form":
            self.forms.append(Form(named.get("action") or "", named.get("method") or "get"))
            self._is_inside_form = True
        elif tag == "textarea":
            self._textarea = named.get("id") or ""
        elif tag == "input" and self._is_inside_form and named.get("name"):
            is_choice = named.get("type") in ("checkbox", "radio")
            if not is_choice or "checked" in named:
                value = named.get("value")
                self.forms[-1].fields[str(named["name"])] = value or ("on" if is_choice and value is None else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside_form = False
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"
        if self._textarea is not None:
            self._entered[self._textarea] = data

    def form(self, action: str) -> Form:
        """The form that is sent to that address, whatever its query is."""
        return next(each for each in self.forms if action in (each.action, each.action.partition("?")[0]))

    def value_of(self, element_id: str) -> str:
        """What stands in the field with this id."""
        if element_id in self._entered:
            return self._entered[element_id]
        return next(str(named.get("value", "")) for _, named in self.tags if named.get("id") == element_id)


def page(answer: TestResponse) -> Page:
    return read(answer.get_data(as_text=True))


@lru_cache(8)  # an answer is looked at several times
def read(html: str) -> Page:
    return Page(html)


def words(answer: TestResponse) -> str:
    """The text of a page, in one line."""
    return " ".join(page(answer).words.split())


class Pages:
    """A browser of its own. `url`: how it calls Daypass; `form_token`: of the last page that it read."""

    def __init__(self, app: Flask, url: str = HOME, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.url = url
        self.address = address
        self.form_token = ""

    def sign_in(self, username: str, password: str = PASSWORD, onward: str = "") -> TestResponse:
        """Through the form; afterwards on the page that the answer leads to."""
        self.get("/login")
        answer = self.post("/login", {"username": username, "password": password, "next": onward})
        if answer.status_code == 303:
            self.get("/account/auth")
        return answer

    def get(self, path: str, **request: Any) -> TestResponse:
        return self._send("GET", path, **request)

    def post(self, path: str, fields: dict[str, str] | None = None, **request: Any) -> TestResponse:
        """A form with these fields and, unless they hold one, the form token of this browser."""
        return self._send("POST", path, data={"form_token": self.form_token} | (fields or {}), **request)

    def fill_in(self, path: str, fields: dict[str, str] | None = None) -> dict[str, str]:
        """The fields of the form that a dialog sends to its own address, hidden ones included, with these typed in."""
        return page(self.get(path)).form(path).fields | (fields or {})

    @property
    def cookie(self) -> str | None:
        """The session's, whichever name it has."""
        held = (self.client.get_cookie(name, self._host) for name in ("daypass", "__Host-daypass"))
        return next((each.value for each in held if each is not None), None)

    def set_cookie(self, value: str, name: str = "daypass") -> "Pages":
        """As if somebody had put it into this browser."""
        self.client.set_cookie(name, value, domain=self._host)
        return self

    @property
    def _host(self) -> str:
        return re.sub(r"^https?://|:\d+$", "", self.url)

    def is_signed_in(self) -> bool:
        return self.get("/account/auth").status_code == 200

    def _send(self, method: str, path: str, **request: Any) -> TestResponse:
        environ = {"REMOTE_ADDR": self.address}
        answer = self.client.open(path, method=method, base_url=self.url, environ_base=environ, **request)
        check(answer)
        shown = [each.fields["form_token"] for each in page(answer).forms if "form_token" in each.fields]
        self.form_token = shown[-1] if shown else self.form_token
        return answer


def check(answer: TestResponse) -> None:
    """Never kept by a cache, no script or style inside the page, never a 5xx but 503, no secret but a new one."""
    path = answer.request.path.rstrip("/")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code < 500 or answer.status_code == 503, (path, answer.status)
    assert (answer.status_code in (429, 503)) == ("Retry-After" in answer.headers), path
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    if path.startswith(OUTSIDE_PAGES):
        return
    assert answer.headers["Cache-Control"] == "no-store"
    shown = ENCRYPTED.sub("", answer.get_data(as_text=True))
    makes = answer.request.method == "POST" and path.endswith(MAKING) and answer.status_code == 200
    assert makes or not secrets_in(shown), f"{path} shows a secret"
    for tag, named in read(shown).tags:
        assert tag != "style" and (tag != "script" or named.get("src")), f"{path}: <{tag}>"
        assert not [name for name in named if name == "style" or name.startswith("on")], f"{path}: <{tag} {named}>"
