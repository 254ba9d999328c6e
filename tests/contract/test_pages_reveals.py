"""Secrets on the pages: each is shown once, in the answer of the form that made it, and nowhere else.

Here belong the four forms that make one, sent twice, at once and late. Not here: what else a secret may not be in
(``tests/unit/services/test_secrets_at_rest``), and who may make one (the services' tests).
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.errors import TokenRefused
from app.domain.identity import Role
from app.domain.tokens import RefreshToken
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow
from tests import rows
from tests.contract.asking_pages import Somebody, addresses, holding, kept, somebody, variables
from tests.contract.conftest import MovableClock, Setting
from tests.crowds import all_at_once
from tests.drivers.pages import Pages, page, words
from tests.factories import OPERATOR, issue
from tests.secrecy import secrets_in

CREATE, GENERATE = "/account/auth/refresh-tokens", "/preferences/access-tokens/new"
TYPED = {"name": "nightly-etl", "lifetime": "7", "description": "a report"}
ALREADY = "This form was already sent"


@dataclass
class Making:
    """A form that shows a secret, ready to be sent."""

    pages: Pages
    path: str
    fields: dict[str, str]

    def send(self, **fields: str) -> TestResponse:
        return self.pages.post(self.path, self.fields | fields)


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["daypass_database"]
    return found


@pytest.fixture(scope="module")
def owner(app: Flask) -> Somebody:
    return somebody(app, allowed=True)


@pytest.fixture(params=["create", "regenerate", "access-token", "generate"])
def making(request: pytest.FixtureRequest, services: Services, owner: Somebody) -> Making:
    """Each of the four forms, under a refresh token of its own."""
    of_token = f"{CREATE}/{issue(services, owner.user).token.public_id}/{request.param}"
    path = {"create": CREATE, "generate": GENERATE}.get(request.param, of_token)
    typed = TYPED if path in (CREATE, GENERATE) else {}
    return Making(owner.pages, path, owner.pages.fill_in(path, typed))


def secret_in(answer: TestResponse) -> str:
    assert answer.status_code == 200
    return page(answer).value_of("secret")


def tokens(database: Database) -> tuple[int, int]:
    return rows.count(database, RefreshTokenRow), rows.count(database, AccessTokenRow)


def works(services: Services, secret: str, owner: Somebody) -> bool:
    try:
        if secret.partition("_")[0].endswith("r"):
            services.refresh_verifier.validate(secret, owner.user.id)
        else:
            services.verifier.verify(secret)
    except TokenRefused:
        return False
    return True


def test_a_form_that_is_sent_again_makes_one_token_and_shows_no_second_secret(
    services: Services, owner: Somebody, database: Database, making: Making
) -> None:
    """Reloading. Fails when a page makes without `once()`: a second token would be there, or the first replaced."""
    secret = secret_in(making.send())
    before = kept(services, database)
    for _ in range(2):
        again = making.send()
        assert (again.status_code, ALREADY in words(again)) == (200, True)
        assert not secrets_in(again.text)
    assert kept(services, database) == before
    assert works(services, secret, owner)


def test_a_form_that_is_sent_again_later_makes_no_second_token(
    services: Services, database: Database, making: Making, clock: MovableClock
) -> None:
    """A browser's back button and reload, some minutes later, within the session."""
    secret_in(making.send())
    before = tokens(database)
    with clock.later(minutes=9):
        again = making.send()
    assert ALREADY in words(again)
    assert tokens(database) == before


def test_a_form_that_is_sent_again_with_something_else_in_it_is_refused(
    services: Services, database: Database, making: Making
) -> None:
    secret_in(making.send())
    before = kept(services, database)
    other = making.send(name="another", description="another", lifetime="8")
    assert other.status_code == 409
    assert not secrets_in(other.text)
    assert kept(services, database) == before


def test_a_form_that_is_opened_anew_makes_another(services: Services, owner: Somebody, making: Making) -> None:
    first = secret_in(making.send())
    fresh = making.pages.fill_in(making.path, {name: making.fields[name] for name in TYPED if name in making.fields})
    assert fresh["form_id"] != making.fields["form_id"]
    second = secret_in(making.pages.post(making.path, fresh))
    assert first != second and works(services, second, owner)


def test_the_same_once_of_two_people_makes_a_token_for_each(app: Flask, owner: Somebody) -> None:
    other = somebody(app, allowed=True)
    for path in (CREATE, GENERATE):
        fields = owner.pages.fill_in(path, TYPED)
        assert secret_in(owner.pages.post(path, fields))
        assert secret_in(other.pages.post(path, fields | {"form_token": other.pages.form_token}))


def test_of_two_that_are_sent_at_once_one_shows_a_secret(app: Flask, owner: Somebody, database: Database) -> None:
    """A double click. On both databases, in threads that begin together."""
    fields = owner.pages.fill_in(CREATE, {"name": "double-click"})
    cookie = owner.pages.cookie or ""
    before = tokens(database)

    def click() -> TestResponse:
        return Pages(app).set_cookie(cookie).post(CREATE, fields)

    acts: list[Callable[[], TestResponse]] = [click] * 6
    answers = all_at_once(acts)
    assert [each.status_code for each in answers] == [200] * 6
    assert sum(bool(secrets_in(each.text)) for each in answers) == 1
    assert sum(ALREADY in words(each) for each in answers) == 5
    assert tokens(database) == (before[0] + 1, before[1])


def test_a_secret_stands_in_no_header_and_no_address(making: Making) -> None:
    answer = making.send()
    secret = secret_in(answer)
    assert secret not in str(answer.headers) and secret not in answer.request.url
    assert answer.headers["Cache-Control"] == "no-store"
    hrefs = [str(named.get(name, "")) for _, named in page(answer).tags for name in ("href", "action", "src")]
    assert not secrets_in(" ".join(hrefs))


def test_a_secret_is_in_no_page_after_its_own_and_not_in_the_audit_log(
    app: Flask, services: Services, owner: Somebody, database: Database, making: Making
) -> None:
    """Fails when a list, a dialog, a repeat or an audit row holds what was shown."""
    secret = secret_in(making.send())
    tail = secret.rpartition("_")[2]
    admin = somebody(app, Role.SERVER_ADMIN)
    held = holding(services, owner.user)
    for path in addresses(app, "GET", **variables(owner.user, held)):
        for browser in (owner.pages, admin.pages):
            assert tail not in browser.get(path).text, path
    assert tail not in making.send().text
    with database.engine.connect() as connection:
        audited = str(connection.execute(AuditEventRow.__table__.select()).all())
    assert tail not in audited and not secrets_in(audited)


def test_testing_a_new_token_does_not_show_it_again(services: Services, owner: Somebody) -> None:
    held = holding(services, owner.user)
    for kind, secret in zip(("refresh", "access", "access"), held.secrets, strict=True):
        answer = owner.pages.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert "It works." in words(answer)
        assert secret.rpartition("_")[2] not in answer.text
    services.revoking.revoke(held.refresh.token.public_id, "x", OPERATOR)
    for kind, secret in (("refresh", held.refresh.secret), ("access", held.access.secret), ("access", "x"), ("", "")):
        answer = owner.pages.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert answer.status_code == 409
        assert "It does not work." in words(answer)


def test_testing_a_token_counts_as_no_use_of_it(services: Services, owner: Somebody, database: Database) -> None:
    held = holding(services, owner.user)
    owner.pages.post("/account/auth/test-token", {"kind": "access", "secret": held.access.secret})
    services.last_use.flush()
    assert services.listing.find(held.access.token.public_id).token.last_used_at is None


def test_a_limit_is_said_in_words_and_makes_nothing(
    services: Services, owner: Somebody, database: Database, setting: Setting
) -> None:
    before = tokens(database)
    with setting(max_refresh_tokens_per_user="1"):
        issue_twice = [owner.pages.post(CREATE, owner.pages.fill_in(CREATE, {"name": "over"})) for _ in range(2)]
    assert issue_twice[-1].status_code == 409
    assert "which is the limit" in words(issue_twice[-1])
    assert page(issue_twice[-1]).value_of("name") == "over"
    assert tokens(database)[0] - before[0] <= 1


def test_what_is_turned_off_or_denied_is_said_in_words(
    services: Services, owner: Somebody, database: Database, setting: Setting
) -> None:
    before = tokens(database)
    with setting(api_tokens_enabled="off"):
        refused = owner.pages.post(GENERATE, TYPED)
        assert (refused.status_code, "turned off" in words(refused)) == (403, True)
    services.accounts.set_api_tokens(owner.user.username, "deny", OPERATOR)
    for path in (CREATE, GENERATE):
        assert owner.pages.post(path, TYPED).status_code == 403
    services.accounts.set_api_tokens(owner.user.username, "allow", OPERATOR)
    assert tokens(database) == before


def test_a_token_that_several_jobs_share_is_made_so_and_the_choice_stays_when_the_name_is_wrong(
    services: Services, owner: Somebody
) -> None:
    made = page(owner.pages.post(CREATE, owner.pages.fill_in(CREATE, TYPED | {"is_shared": "on"})))
    public_id = made.value_of("secret").split("_")[1]
    token = services.listing.find(public_id).token
    assert isinstance(token, RefreshToken) and token.access_token_reissue == "reuse"
    wrong = owner.pages.post(CREATE, owner.pages.fill_in(CREATE, {"name": " ", "is_shared": "on"}))
    assert wrong.status_code == 400 and "checked" in wrong.get_data(as_text=True)
