"""The ``Token-…`` headers of every authenticated answer in every API: which token was sent, and when it ends.

The gate has none of them: it tells proxies the same in ``X-Auth-…`` (``test_gate``).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import Alation, Headers, basic, bearer
from tests.contract.conftest import MovableClock, Setting
from tests.factories import PASSWORD, allowed_user, delete, generate, issue, make_user, mint

NOW = datetime(2031, 5, 1, 12, 0, 0, 999999, UTC)

NAMES = ("Token-Id", "Token-Expires-At", "Token-Expires-In", "Refresh-Token-Expires-At")

Ask = Callable[[Headers], TestResponse]

FULL = {
    "Token-Expires-At": "2031-05-02T12:00:00Z",
    "Token-Expires-In": str(24 * 3600 - 60),
    "Refresh-Token-Expires-At": "2031-06-30T12:00:00Z",
}
"""Of a token that was minted at NOW, a minute later: cut off to the second, never later than the truth."""

REQUESTS: dict[str, tuple[str, str, dict[str, str] | None]] = {
    "Alation, a resource": ("GET", "/integration/v1/userinfo/", None),
    "Trifacta, a list": ("GET", "/v4/apiAccessTokens", None),
    "Trifacta, a 404": ("GET", "/v4/apiAccessTokens/:tokenId", None),
    "Native, a user": ("GET", "/api/v1/me", None),
    "Native, a 404": ("DELETE", "/api/v1/me/tokens/zzzzzzzzzzzz", None),
    "OAuth, revocation": ("POST", "/oauth/revoke", {"token": "x"}),
    "OAuth, a 400": ("POST", "/oauth/revoke", None),
}
"""One of each sort of answer to somebody who sent a token."""


@pytest.fixture(params=REQUESTS.values(), ids=REQUESTS)
def ask(request: pytest.FixtureRequest, client: FlaskClient) -> Ask:
    method, path, data = request.param
    return lambda headers: client.open(path, method=method, headers=headers, data=data)


@pytest.fixture(autouse=True)
def lifetimes(clock: MovableClock, setting: Setting) -> Iterator[None]:
    with clock.stopped_at(NOW), setting(refresh_token_lifespan="60", access_token_lifespan="24"):
        yield


def token_headers(answer: TestResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in NAMES if name in answer.headers}


def test_every_answer_names_the_token_that_was_sent_and_when_it_ends(
    services: Services, clock: MovableClock, ask: Ask
) -> None:
    user = make_user(services, role=Role.SERVER_ADMIN)
    minted = mint(services, issue(services, user))
    single, forever = generate(services, user, timedelta(seconds=90)), generate(services, user, None)
    with clock.later(minutes=1):
        for headers in (bearer(minted.secret), {"TOKEN": minted.secret}):
            assert token_headers(ask(headers)) == {"Token-Id": minted.token.public_id} | FULL
        assert token_headers(ask(bearer(forever.secret))) == {"Token-Id": forever.token.public_id}
    ends = {"Token-Expires-At": "2031-05-01T12:01:30Z", "Token-Expires-In": "0"}
    with clock.later(seconds=89, microseconds=1):
        assert token_headers(ask(bearer(single.secret))) == {"Token-Id": single.token.public_id} | ends


def test_an_answer_to_a_refused_token_to_none_or_to_a_password_has_no_such_headers(
    services: Services, ask: Ask
) -> None:
    token = generate(services, allowed_user(services))
    delete(services, token)
    admin = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    for headers in ({}, bearer(token.secret), {"TOKEN": "no_token"}, basic(admin.username, PASSWORD)):
        assert token_headers(ask(headers)) == {}


@pytest.mark.parametrize("path", ["/integration/v1/createAPIAccessToken/", "/api/v1/access-tokens"])
def test_a_mint_names_the_new_token_whatever_the_headers_hold(
    client: FlaskClient, services: Services, path: str
) -> None:
    refresh = issue(services, make_user(services))
    sent = {"refresh_token": refresh.secret} | ({"user_id": refresh.token.user_id} if "integration" in path else {})
    answer = client.post(path, json=sent, headers={"TOKEN": mint(services, refresh).secret})
    secret = answer.get_json().get("secret") or answer.get_json()["api_access_token"]
    expected = FULL | {"Token-Id": secret.split("_")[1], "Token-Expires-In": str(24 * 3600)}
    assert (answer.status_code, token_headers(answer)) == (201, expected)


def test_a_token_in_the_body_is_named_when_it_works(alation: Alation, services: Services, clock: MovableClock) -> None:
    user = make_user(services, password=PASSWORD)
    token = mint(services, issue(services, user))
    sent = {"api_access_token": token.secret, "user_id": user.id}
    with clock.later(minutes=1):
        checked = alation.post("validateAPIAccessToken", **sent)
    assert token_headers(checked) == {"Token-Id": token.token.public_id} | FULL
    assert token_headers(alation.post("validateAPIAccessToken", **sent | {"user_id": user.id + 1})) == {}

    created = alation.post("createRefreshToken", username=user.username, password=PASSWORD, name="etl")
    proof = {"refresh_token": created.get_json()["refresh_token"], "user_id": user.id}
    validated = alation.post("validateRefreshToken", **proof)
    with clock.later(days=1):
        regenerated, refused = (alation.post("regenRefreshToken", **proof) for _ in range(2))
    for answer, day in ((created, "06-30"), (validated, "06-30"), (regenerated, "07-01")):
        assert token_headers(answer) == {"Refresh-Token-Expires-At": f"2031-{day}T12:00:00Z"}
    assert token_headers(refused) == {}


@pytest.mark.parametrize("path", ["/integration/v1/createAPIAccessToken/", "/api/v1/access-tokens"])
def test_an_answer_about_a_refresh_token_of_the_body_says_since_when_it_has_its_secret(
    client: FlaskClient, services: Services, clock: MovableClock, setting: Setting, path: str
) -> None:
    """So that a client can rotate in time; not where a rotation has no overlap, in which no client is safe."""
    refresh = issue(services, make_user(services))
    more = {"user_id": refresh.token.user_id} if "integration" in path else {}

    def since(secret: str) -> tuple[int, str | None]:
        answer = client.post(path, json={"refresh_token": secret} | more)
        return answer.status_code, answer.headers.get("Refresh-Token-Since")

    with clock.later(days=1):
        assert since(refresh.secret) == (201, "2031-05-01T12:00:00Z")
        rotated = client.post("/api/v1/refresh-tokens/rotate", json={"refresh_token": refresh.secret})
        assert rotated.headers["Refresh-Token-Since"] == "2031-05-02T12:00:00Z"
        assert rotated.headers["Refresh-Token-Expires-At"] == "2031-07-01T12:00:00Z"
    with clock.later(days=2):
        assert since(rotated.get_json()["refresh_token"]) == (201, "2031-05-02T12:00:00Z")
        with setting(refresh_token_overlap_hours="0"):
            assert since(rotated.get_json()["refresh_token"]) == (201, None)
