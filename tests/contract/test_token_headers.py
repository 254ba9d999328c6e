"""Which token was sent and when it ends: the ``Token-…`` headers of every authenticated answer, in every dialect.

Not here: the gate, which tells proxies the same in its ``X-Auth-…`` headers (``test_gate``).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_oauth import Headers, basic, bearer
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, PASSWORD, allowed_user, generate, issue, make_user, mint

NOW = datetime(2031, 5, 1, 12, 0, 0, 999999, UTC)

NAMES = ("Token-Id", "Token-Expires-At", "Token-Expires-In", "Refresh-Token-Expires-At")

Ask = Callable[[FlaskClient, Headers], TestResponse]

ANSWERS: dict[str, Ask] = {
    "Alation, a resource": lambda client, headers: client.get("/integration/v1/userinfo/", headers=headers),
    "Trifacta, a list": lambda client, headers: client.get("/v4/apiAccessTokens", headers=headers),
    "Trifacta, a person": lambda client, headers: client.get("/v4/people/current", headers=headers),
    "Trifacta, the document": lambda client, headers: client.get("/v4/open-api-spec", headers=headers),
    "Trifacta, a 400": lambda client, headers: client.post("/v4/apiAccessTokens", headers=headers),
    "Trifacta, a 404": lambda client, headers: client.get("/v4/apiAccessTokens/:tokenId", headers=headers),
    "OAuth, introspection": lambda client, headers: client.post(
        "/oauth/introspect", headers=headers, data={"token": "x"}
    ),
    "OAuth, revocation": lambda client, headers: client.post("/oauth/revoke", headers=headers, data={"token": "x"}),
    "OAuth, a 400": lambda client, headers: client.post("/oauth/revoke", headers=headers),
}
"""One of each sort of answer to somebody who sent a token."""


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture(params=ANSWERS)
def ask(request: pytest.FixtureRequest) -> Ask:
    return ANSWERS[request.param]


def told(answer: TestResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in NAMES if name in answer.headers}


def test_a_minted_token_is_told_its_end_and_that_of_its_refresh_token(
    client: FlaskClient, services: Services, clock: MovableClock, setting: Setting, ask: Ask
) -> None:
    """Cut off to the second: never later than the truth, so that whoever renews by them is in time."""
    with clock.stopped_at(NOW), setting(refresh_token_lifespan="60", access_token_lifespan="24"):
        token = mint(services, issue(services, make_user(services, role=Role.SERVER_ADMIN)))
        with clock.stopped_at(NOW + timedelta(minutes=1)):
            for headers in (bearer(token.secret), {"TOKEN": token.secret}):
                assert told(ask(client, headers)) == {
                    "Token-Id": token.token.public_id,
                    "Token-Expires-At": "2031-05-02T12:00:00Z",
                    "Token-Expires-In": str(24 * 3600 - 60),
                    "Refresh-Token-Expires-At": "2031-06-30T12:00:00Z",
                }


def test_a_token_of_a_single_tier_has_no_refresh_token_to_tell_of(
    client: FlaskClient, services: Services, clock: MovableClock, ask: Ask
) -> None:
    with clock.stopped_at(NOW):
        token = generate(services, make_user(services, role=Role.SERVER_ADMIN), timedelta(seconds=90))
        with clock.stopped_at(NOW + timedelta(seconds=89, microseconds=1)):
            assert told(ask(client, bearer(token.secret))) == {
                "Token-Id": token.token.public_id,
                "Token-Expires-At": "2031-05-01T12:01:30Z",
                "Token-Expires-In": "0",
            }


def test_a_token_that_never_ends_is_told_its_id_only(client: FlaskClient, services: Services, ask: Ask) -> None:
    token = generate(services, make_user(services, role=Role.SERVER_ADMIN), None)
    assert told(ask(client, bearer(token.secret))) == {"Token-Id": token.token.public_id}


def test_nothing_is_told_to_whoever_was_let_in_by_a_password(client: FlaskClient, services: Services) -> None:
    admin = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    for name, each in ANSWERS.items():
        if not name.startswith("Alation"):
            answer = each(client, basic(admin.username, PASSWORD))
            assert answer.status_code != 401 and told(answer) == {}, name


def test_nothing_is_told_of_a_token_that_was_refused(client: FlaskClient, services: Services, ask: Ask) -> None:
    token = generate(services, allowed_user(services))
    services.single_tier.delete(token.token.uuid, OPERATOR, None)
    for headers in ({}, bearer(token.secret), {"TOKEN": "no_token"}):
        assert told(ask(client, headers)) == {}
