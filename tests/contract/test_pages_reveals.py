"""Secrets on the pages: each is shown once, in the answer of the form that made it, and nowhere else."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.identity import ApiTokens, Role
from app.domain.tokens import RefreshToken
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.contract.asking_pages import Somebody, addresses, all_rows, holding, somebody, variables
from tests.contract.conftest import MovableClock, Setting
from tests.crowds import all_at_once
from tests.drivers.pages import Pages, page, words
from tests.factories import issue, revoke, set_api_tokens
from tests.secrecy import secrets_in

CREATE, GENERATE = "/account/auth/refresh-tokens", "/preferences/access-tokens/new"
TYPED = {"name": "nightly-etl", "lifetime": "7", "description": "a report"}
ALREADY = "This form was already sent"


@pytest.fixture(scope="module")
def owner(app: Flask) -> Somebody:
    return somebody(app, allowed=True)


@pytest.fixture(params=["create", "regenerate", "access-token", "generate"])
def path(request: pytest.FixtureRequest, services: Services, owner: Somebody) -> str:
    """The address of each of the four forms that show a secret, under a refresh token of its own."""
    of_token = f"{CREATE}/{issue(services, owner.user).token.public_id}/{request.param}"
    return {"create": CREATE, "generate": GENERATE}.get(request.param, of_token)


def secret_in(answer: TestResponse) -> str:
    assert answer.status_code == 200
    return page(answer).value_of("secret")


def tokens(database: Database) -> tuple[int, int]:
    return rows.count(database, RefreshTokenRow), rows.count(database, AccessTokenRow)


def test_a_form_that_is_sent_again_makes_one_token_and_shows_no_second_secret(
    services: Services, owner: Somebody, database: Database, path: str, clock: MovableClock
) -> None:
    """◆ Reloading, at once and minutes later. Fails when a page makes without `once()`."""
    pages, typed = owner.pages, TYPED if path in (CREATE, GENERATE) else {}
    fields = pages.fill_in(path, typed)
    secret = secret_in(pages.post(path, fields))
    before = all_rows(services, database)
    for minutes in (0, 9):
        with clock.later(minutes=minutes):
            again = pages.post(path, fields)
        assert (again.status_code, ALREADY in words(again)) == (200, True)
        assert not secrets_in(again.text)
    other = pages.post(path, fields | {"name": "another", "description": "another", "lifetime": "8"})
    assert (other.status_code, secrets_in(other.text)) == (409, [])
    assert all_rows(services, database) == before
    assert secret_in(pages.post(path, pages.fill_in(path, typed))) != secret


def test_of_two_that_are_sent_at_once_one_shows_a_secret(app: Flask, owner: Somebody, database: Database) -> None:
    """◆ A double click, in threads that begin together."""
    fields = owner.pages.fill_in(CREATE, {"name": "double-click"})
    cookie = owner.pages.cookie or ""
    before = tokens(database)

    def click() -> TestResponse:
        return Pages(app).set_cookie(cookie).post(CREATE, fields)

    answers = all_at_once([click] * 6)
    assert [each.status_code for each in answers] == [200] * 6
    assert sum(bool(secrets_in(each.text)) for each in answers) == 1
    assert tokens(database) == (before[0] + 1, before[1])


def test_a_secret_is_in_its_own_page_alone(
    app: Flask, services: Services, owner: Somebody, database: Database, path: str
) -> None:
    """◆ In no header, no address, no later page, no repeat and no audit row."""
    answer = owner.pages.post(path, owner.pages.fill_in(path, TYPED if path in (CREATE, GENERATE) else {}))
    secret = secret_in(answer)
    tail = secret.rpartition("_")[2]
    assert secret not in str(answer.headers) and secret not in answer.request.url
    hrefs = [str(named.get(name, "")) for _, named in page(answer).tags for name in ("href", "action", "src")]
    assert not secrets_in(" ".join(hrefs))
    admin = somebody(app, Role.SERVER_ADMIN)
    for each in addresses(app, "GET", **variables(owner.user, holding(services, owner.user))):
        assert tail not in owner.pages.get(each).text + admin.pages.get(each).text, each
    with database.engine.connect() as connection:
        audited = str(connection.execute(AuditEventRow.__table__.select()).all())
    assert tail not in audited and not secrets_in(audited)


def test_a_token_can_be_tested_which_neither_shows_nor_uses_it(app: Flask, services: Services, owner: Somebody) -> None:
    """Another user's token does not work here, and nobody is named."""
    held, stranger = holding(services, owner.user), somebody(app).pages
    for kind, secret in zip(("refresh", "access", "access"), held.secrets, strict=True):
        answer = owner.pages.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert "Accepted:" in words(answer) and secret.rpartition("_")[2] not in answer.text
        answer = stranger.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert (answer.status_code, owner.user.username in words(answer)) == (409, False)
    services.last_use.flush()
    assert services.listing.find(held.access.token.public_id).token.last_used_at is None
    revoke(services, held.refresh)
    for kind, secret in (("refresh", held.refresh.secret), ("access", held.access.secret), ("access", "x"), ("", "")):
        answer = owner.pages.post("/account/auth/test-token", {"kind": kind, "secret": secret})
        assert (answer.status_code, "Refused:" in words(answer)) == (409, True)


def test_what_is_limited_turned_off_or_denied_is_refused_in_words(
    services: Services, owner: Somebody, database: Database, setting: Setting
) -> None:
    with setting(max_refresh_tokens_per_user="1"):
        _, over = (owner.pages.post(CREATE, owner.pages.fill_in(CREATE, {"name": "over"})) for _ in range(2))
    assert (over.status_code, "which is the limit" in words(over)) == (409, True)
    assert page(over).value_of("name") == "over"
    before = tokens(database)
    with setting(api_tokens_enabled="off"):
        refused = owner.pages.post(GENERATE, TYPED)
        assert (refused.status_code, "turned off" in words(refused)) == (403, True)
    set_api_tokens(services, owner.user.username, ApiTokens.DENY)
    for path in (CREATE, GENERATE):
        assert owner.pages.post(path, TYPED).status_code == 403
    set_api_tokens(services, owner.user.username, ApiTokens.ALLOW)
    assert tokens(database) == before


def test_a_token_that_several_jobs_share_is_made_so_and_the_choice_stays_when_the_name_is_wrong(
    services: Services, owner: Somebody
) -> None:
    made = page(owner.pages.post(CREATE, owner.pages.fill_in(CREATE, TYPED | {"is_shared": "on"})))
    token = services.listing.find(made.value_of("secret").split("_")[1]).token
    assert isinstance(token, RefreshToken) and token.access_token_reissue == "reuse"
    assert "Several clients can share this token" in words(owner.pages.get(f"{CREATE}/{token.public_id}"))
    wrong = owner.pages.post(CREATE, owner.pages.fill_in(CREATE, {"name": " ", "is_shared": "on"}))
    assert wrong.status_code == 400 and "checked" in wrong.get_data(as_text=True)
