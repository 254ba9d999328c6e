"""An application that knows issuers of the hostile provider, and browsers that sign in by them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.http.context import parts
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.tables import SessionRow, UserRow
from tests import rows
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, check, page, words
from tests.drivers.provider import Issuer, Provider, query_of

MARK = "zqzq"
"""In every text of the provider that nobody may repeat. No word and no secret holds it."""

SCRIPT = f"<script>alert('{MARK}')</script>"

REFUSED = "provider.sign_in_refused"

BEGAN = "session.began"

ROLES = "admins=SERVER_ADMIN,stewards=STEWARD"
"""What the claim `groups` means, for all issuers."""


class Visitor(Pages):
    """A browser; `issuer` is the provider whose button it clicks, by the same name here and there."""

    def __init__(self, app: Flask, issuer: Issuer) -> None:
        super().__init__(app)
        self.issuer = issuer

    def twin(self) -> "Visitor":
        """The same browser in another thread: with its cookie and the form token of its page."""
        twin = Visitor(self.client.application, self.issuer)
        twin.set_cookie(self.cookie or "")
        twin.form_token = self.form_token
        return twin

    def begin(self, **query: str) -> TestResponse:
        """Click the button on the sign-in page; `proof`: that of a page that asks for a fresh proof."""
        path, environ = f"/login/oidc/{self.issuer.name}", {"REMOTE_ADDR": self.address}
        answer = self.client.get(path, query_string=query, base_url=self.url, environ_base=environ)
        if answer.status_code != 303:  # else it holds random values, which look like a secret to the check
            check(answer)
        return answer

    def leave(self, **query: str) -> str:
        """The same; the address at the provider to which the browser is sent."""
        answer = self.begin(**query)
        assert answer.status_code == 303, words(answer)
        assert answer.headers["Location"].startswith(f"{self.issuer.url}/authorize?")
        return answer.headers["Location"]

    def come_back(self, authorization_url: str, **changes: str | None) -> TestResponse:
        """Through the provider; `changes`: to the query with which it sends the browser back."""
        return self.follow(self.issuer.come_back(authorization_url), **changes)

    def follow(self, address: str, **changes: str | None) -> TestResponse:
        """To an address of ours that a provider sent a browser to."""
        query = {name: value for name, value in (query_of(address) | changes).items() if value is not None}
        return self.get(urlsplit(address).path, query_string=query)

    def sign_in_there(self, **query: str) -> TestResponse:
        """All the way."""
        return self.come_back(self.leave(**query))


@dataclass
class Provided:
    """The application, and what stands in its database."""

    app: Flask
    clock: MovableClock
    provider: Provider

    @property
    def services(self) -> Services:
        return parts(self.app).services

    @property
    def database(self) -> Database:
        found: Database = self.app.extensions["daypass_database"]
        return found

    def visitor(self, name: str = "honest", **knobs: Any) -> Visitor:
        """A browser before that issuer, which has forgotten all before and does as these knobs say."""
        return Visitor(self.app, self.provider.issuer(name).behave(**knobs))

    def events(self, *actions: str, after: int = 0) -> list[AuditEventRow]:
        """Of the audit log, with what is buffered: those with these actions, after the one with that id."""
        self.services.last_use.flush()
        query = select(AuditEventRow).where(AuditEventRow.action.in_(actions), AuditEventRow.id > after)
        with self.database.reading() as session:
            return list(session.scalars(query.order_by(AuditEventRow.id)))

    def last_event(self) -> int:
        """The id of the newest event, with what is buffered."""
        self.services.last_use.flush()
        with self.database.reading() as session:
            return session.scalar(select(func.max(AuditEventRow.id))) or 0

    def holds(self) -> tuple[int, int]:
        """How many users and sessions there are."""
        return rows.count(self.database, UserRow), rows.count(self.database, SessionRow)

    @contextmanager
    def refusing(self, times: int = 1) -> Iterator[list[str]]:
        """Within, so many sign-ins are refused: an event each, no user and no session; afterwards, the reasons."""
        before, held = self.last_event(), self.holds()
        reasons: list[str] = []
        yield reasons
        written = self.events(REFUSED, BEGAN, after=before)
        assert [each.action for each in written] == [REFUSED] * times
        assert self.holds() == held
        assert MARK not in "".join(each.detail + each.object_id for each in written), "the log repeats the provider"
        reasons += [json.loads(each.detail)["reason"] for each in written]


def assert_refused(answer: TestResponse, visitor: Visitor) -> None:
    """A page that says what to do, with a way on; no session, and nothing of the provider's own text."""
    assert 400 <= answer.status_code < 500 or answer.status_code == 503, answer.status
    assert MARK not in answer.get_data(as_text=True), "the page repeats what the provider said"
    ways = [named.get("href") or named.get("action") or "" for tag, named in page(answer).tags if tag in ("a", "form")]
    assert any(way.startswith("/login") for way in ways), "no way on"
    assert "sign" in words(answer).lower()
    assert parts(visitor.client.application).services.sessions.find(visitor.cookie) is None
