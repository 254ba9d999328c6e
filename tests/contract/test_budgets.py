"""A spent budget in each API and on the pages: 429, when to try again, and what to do instead; nothing has ended."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import update

from app.services import Services
from app.storage.database import Database
from app.storage.operating_tables import AccountBudgetRow
from app.storage.tables import RefreshTokenRow
from tests.contract.asking import Alation, Trifacta, refusal
from tests.contract.asking_native import Native, problem
from tests.contract.asking_pages import somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import words
from tests.factories import PASSWORD, Refresh, allowed_user, issue, mint, works

MINTED = (
    "This refresh token has minted 3,600 access tokens within an hour, the limit (mints_per_hour). Keep each access "
    "token for its 24 hours, as daypass-client does."
)
REGENERATED = (
    "This refresh token was regenerated or rotated 60 times within an hour, the limit (regenerations_per_hour). Its "
    "latest secret works."
)
CREATED = (
    "This account has created or regenerated 3,600 tokens within an hour, the limit (creations_per_hour). Use a "
    "refresh token again instead of creating one."
)
NOW = datetime(2031, 1, 1, tzinfo=UTC)
WAIT = "Try again in 3600 seconds."


@pytest.fixture
def refresh(services: Services, database: Database, clock: MovableClock) -> Refresh:
    """One whose budgets are spent, and its owner's."""
    with clock.stopped_at(NOW):
        refresh = issue(services, allowed_user(services, password=PASSWORD))
        mint(services, refresh)
        spend(database)
    return refresh


def spend(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(RefreshTokenRow).values(mints_in_hour=3600, regenerations_in_hour=60))
        session.execute(update(AccountBudgetRow).values(creations_in_hour=3600))


def test_alations_api_answers_429_and_the_access_token_goes_on(
    alation: Alation, services: Services, clock: MovableClock, refresh: Refresh
) -> None:
    sent = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    login = {"username": services.accounts.by_id(refresh.token.user_id).username, "password": PASSWORD, "name": "etl"}
    with clock.stopped_at(NOW):
        for endpoint, body, what in (
            ("createAPIAccessToken", sent, MINTED),
            ("regenRefreshToken", sent, REGENERATED),
            ("createRefreshToken", login, CREATED),
        ):
            answer = alation.post(endpoint, **body)
            assert refusal(answer) == (429, f"{what} {WAIT}", "rate_limited")
            assert answer.headers["Retry-After"] == "3600"
        assert alation.post("validateRefreshToken", **sent).status_code == 200
        assert alation.post("revokeAPIAccessTokens", **sent).status_code == 200
        assert works(services, refresh)


def test_daypass_own_api_answers_429(native: Native, clock: MovableClock, refresh: Refresh) -> None:
    with clock.stopped_at(NOW):
        answer = native.post("access-tokens", {"refresh_token": refresh.secret})
        assert (problem(answer), answer.get_json()["detail"]) == ((429, "rate_limited"), f"{MINTED} {WAIT}")
        assert answer.headers["Retry-After"] == "3600"


def test_trifactas_api_answers_429_with_both_headers(
    trifacta: Trifacta, services: Services, clock: MovableClock, refresh: Refresh
) -> None:
    username = services.accounts.by_id(refresh.token.user_id).username
    with clock.stopped_at(NOW):
        answer = trifacta.client.post("/v4/apiAccessTokens", json={"lifetimeSeconds": 60}, auth=(username, PASSWORD))
    assert refusal(answer) == (429, "TooManyRequestsException", f"{CREATED} {WAIT}")
    assert (answer.headers["Retry-After"], answer.headers["x-retry-after"]) == ("3600", "3600")


def test_too_many_api_tokens_are_refused_with_what_to_do(app: Flask, trifacta: Trifacta, setting: Setting) -> None:
    visitor = somebody(app, allowed=True)
    with setting(max_api_tokens_per_user="1"):
        sent = {"json": {"lifetimeSeconds": 60}, "auth": (visitor.user.username, PASSWORD)}
        assert trifacta.client.post("/v4/apiAccessTokens", **sent).status_code == 201
        answer = trifacta.client.post("/v4/apiAccessTokens", **sent)
        details = "The limit of API tokens is 1; delete some first."
        assert refusal(answer) == (403, "AccessControlException", details)
        shown = visitor.pages.post("/preferences/access-tokens/new", {"lifetime": "1"})
        assert shown.status_code == 409
        assert "You have 1 API token, which is the limit. Revoke one you no longer need." in words(shown)


def test_pages_say_the_limit_in_minutes_and_what_to_do(app: Flask, services: Services, database: Database) -> None:
    visitor = somebody(app, allowed=True)
    own = issue(services, visitor.user)
    mint(services, own)
    spend(database)
    for path, what in (("access-token", MINTED), ("regenerate", REGENERATED)):
        answer = visitor.pages.post(f"/account/auth/refresh-tokens/{own.token.public_id}/{path}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
        assert f"{what} Try again in 60 minutes." in words(answer)
    for path in ("/account/auth/refresh-tokens", "/preferences/access-tokens/new"):
        answer = visitor.pages.post(path, {"name": "etl", "lifetime": "1", "description": "etl"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
        assert 'value="etl"' in answer.text, "what was typed is kept"
        assert f"{CREATED} Try again in 60 minutes." in words(answer)
