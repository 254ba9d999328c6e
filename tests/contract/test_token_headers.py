"""Which token was sent and when it ends: the ``Token-…`` headers of every authenticated answer, in every dialect.

Not here: the gate, which has none of them. It tells proxies the id in ``X-Auth-Token-Id`` and the seconds that are left
in ``X-Auth-Expires-In`` (``test_gate``).
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
    "Native, a user": lambda client, headers: client.get("/api/v1/me", headers=headers),
    "Native, a 404": lambda client, headers: client.delete("/api/v1/me/tokens/zzzzzzzzzzzz", headers=headers),
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
        if not name.startswith(("Alation", "Native")):
            answer = each(client, basic(admin.username, PASSWORD))
            assert answer.status_code != 401 and told(answer) == {}, name


MINT = {"Alation": "/integration/v1/createAPIAccessToken/", "Native": "/api/v1/access-tokens"}


@pytest.mark.parametrize("dialect", MINT)
def test_of_a_token_that_was_just_minted_the_same_is_told(
    client: FlaskClient, services: Services, clock: MovableClock, setting: Setting, dialect: str
) -> None:
    """Whatever stands in the headers, which is nobody's credential there. Fails when the route tells nothing."""
    with clock.stopped_at(NOW), setting(refresh_token_lifespan="60", access_token_lifespan="24"):
        refresh = issue(services, make_user(services))
        sent = {"refresh_token": refresh.secret}
        if dialect == "Alation":
            sent["user_id"] = str(refresh.token.user_id)
        answer = client.post(MINT[dialect], json=sent, headers={"TOKEN": mint(services, refresh).secret})
        secret = answer.get_json().get("secret") or answer.get_json()["api_access_token"]
    assert answer.status_code == 201
    assert told(answer) == {
        "Token-Id": secret.split("_")[1],
        "Token-Expires-At": "2031-05-02T12:00:00Z",
        "Token-Expires-In": str(24 * 3600),
        "Refresh-Token-Expires-At": "2031-06-30T12:00:00Z",
    }


def test_of_an_access_token_in_the_body_it_is_told_when_it_works(
    client: FlaskClient, services: Services, clock: MovableClock, setting: Setting
) -> None:
    with clock.stopped_at(NOW), setting(refresh_token_lifespan="60", access_token_lifespan="24"):
        token = mint(services, issue(services, make_user(services)))
        sent = {"api_access_token": token.secret, "user_id": token.token.user_id}
        path = "/integration/v1/validateAPIAccessToken/"
        with clock.stopped_at(NOW + timedelta(minutes=1)):
            assert told(client.post(path, json=sent)) == {
                "Token-Id": token.token.public_id,
                "Token-Expires-At": "2031-05-02T12:00:00Z",
                "Token-Expires-In": str(24 * 3600 - 60),
                "Refresh-Token-Expires-At": "2031-06-30T12:00:00Z",
            }
        assert told(client.post(path, json=sent | {"user_id": token.token.user_id + 1})) == {}


def test_of_a_refresh_token_in_the_body_its_own_end_is_told(
    client: FlaskClient, services: Services, clock: MovableClock, setting: Setting
) -> None:
    with clock.stopped_at(NOW), setting(refresh_token_lifespan="60"):
        user = make_user(services, password=PASSWORD)
        login = {"username": user.username, "password": PASSWORD, "name": "etl"}
        made = client.post("/integration/v1/createRefreshToken/", json=login)
        proof = {"refresh_token": made.get_json()["refresh_token"], "user_id": user.id}
        seen = client.post("/integration/v1/validateRefreshToken/", json=proof)
        with clock.stopped_at(NOW + timedelta(days=1)):
            again = client.post("/integration/v1/regenRefreshToken/", json=proof)
            assert told(client.post("/integration/v1/regenRefreshToken/", json=proof)) == {}
    for answer, end in (
        (made, "2031-06-30T12:00:00Z"),
        (seen, "2031-06-30T12:00:00Z"),
        (again, "2031-07-01T12:00:00Z"),
    ):
        assert told(answer) == {"Refresh-Token-Expires-At": end}


def test_nothing_is_told_of_a_token_that_was_refused(client: FlaskClient, services: Services, ask: Ask) -> None:
    token = generate(services, allowed_user(services))
    services.single_tier.delete(token.token.uuid, OPERATOR, None)
    for headers in ({}, bearer(token.secret), {"TOKEN": "no_token"}):
        assert told(ask(client, headers)) == {}
