"""Names of any script on the pages: one that is written from right to left does not reorder what stands beside it."""

import re
from html.parser import HTMLParser

from flask import Flask

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_pages import addresses, holding, somebody, variables
from tests.drivers.pages import Pages
from tests.factories import PASSWORD, allowed_user, revoke

NAME, DESCRIPTION, REASON, PERSON = "גיבוי לילי (2)", "דוח שבועי!", "אבד...", "נועה"
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Isolation(HTMLParser):
    """Collects where one of the texts stands without an element around it that decides its direction by itself."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.isolated = 0
        self.bare: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag not in VOID:
            is_heard = "sr" in (named.get("class") or "").split()
            self._open.append((tag, tag == "bdi" or is_heard or named.get("dir") == "auto"))
        elif named.get("type", "text") == "text" and any(each in (named.get("value") or "") for each in TEXTS):
            assert named.get("dir") == "auto", named

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(text in data for text in TEXTS):
            is_isolated = any(isolates for _, isolates in self._open) or bool(re.search("\u2068.*\u2069", data))
            self.isolated += is_isolated
            if not is_isolated:
                self.bare.append(data)


TEXTS = (NAME, DESCRIPTION, REASON, PERSON)


def test_every_name_that_a_page_shows_decides_its_own_direction(app: Flask, services: Services) -> None:
    """Fails where a name stands on a page as it is."""
    user = allowed_user(services, password=PASSWORD, first_name=PERSON, email=f"{PERSON}@example.org")
    held = holding(services, user, NAME, DESCRIPTION)
    gone = holding(services, user, NAME, DESCRIPTION)
    for each in (gone.access, gone.refresh, gone.single):
        revoke(services, each, REASON)
    owner = Pages(app)
    owner.sign_in(user.username)
    admin = somebody(app, Role.SERVER_ADMIN).pages
    seen = 0
    for browser, holdings in ((owner, (held,)), (admin, (held, gone))):
        for each in holdings:
            queries = (f"/admin/tokens?name={NAME[:5]}", f"/admin/tokens/{each.access.token.public_id}")
            for path in {*addresses(app, "GET", **variables(user, each)), *queries}:
                answer = browser.get(path)
                if answer.mimetype == "text/html" and answer.status_code == 200:
                    found = Isolation(answer.text)
                    assert found.bare == [], path
                    seen += found.isolated
    assert seen > 30
