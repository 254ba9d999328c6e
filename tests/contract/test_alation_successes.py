"""What the seven endpoints of the Alation dialect answer when all is well.

Here belong statuses, members and their order, spellings of times and states, and all the ways a good request may
be written. Not here: refusals (``test_alation_errors``, ``test_alation_bodies``), and what the tokens then do
(``test_alation_meaning``).
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.services import Services
from tests.contract.asking import ENDPOINTS, WITH_REFRESH_TOKEN, Alation
from tests.contract.conftest import MovableClock
from tests.factories import PASSWORD, issue, make_user, mint

REFRESH_TOKEN = [
    "refresh_token", "user_id", "created_at", "name", "token_expires_at", "token_status", "last_used_at",
]  # fmt: skip
ACCESS_TOKEN = ["api_access_token", "user_id", "created_at", "token_expires_at", "token_status"]
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
WHOLE_SECOND = datetime(2031, 2, 3, 4, 5, 6, 0, UTC)
STATUSES = dict.fromkeys(ENDPOINTS, 201) | dict.fromkeys(
    ("validateRefreshToken", "validateAPIAccessToken", "revokeAPIAccessTokens"), 200
)

Pair = tuple[Issued[RefreshToken], Issued[AccessToken]]


@pytest.fixture
def pair(services: Services) -> Pair:
    """A refresh token and the access token under it, of a user of their own."""
    refresh = issue(services, make_user(services))
    return refresh, mint(services, refresh)


def good_body(services: Services, endpoint: str) -> dict[str, Any]:
    """What that endpoint answers with success."""
    user = make_user(services, password=PASSWORD if endpoint == "createRefreshToken" else None)
    if endpoint == "createRefreshToken":
        return {"username": user.username, "password": PASSWORD, "name": "nightly-etl"}
    refresh = issue(services, user)
    if endpoint == "validateAPIAccessToken":
        return {"api_access_token": mint(services, refresh).secret, "user_id": user.id}
    return {"refresh_token": refresh.secret, "user_id": user.id}


def members(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


def test_create_refresh_token_answers_201_with_a_refresh_token(alation: Alation, services: Services) -> None:
    user = make_user(services, password=PASSWORD)
    body = members(alation.post("createRefreshToken", username=user.username, password=PASSWORD, name="bi"), 201)
    assert list(body) == REFRESH_TOKEN
    assert body["user_id"] == user.id
    assert body["name"] == "bi"
    assert body["token_status"] == "ACTIVE"
    assert body["last_used_at"] is None
    assert services.refresh_verifier.validate(body["refresh_token"], user.id).name == "bi"


def test_a_user_name_is_recognised_in_any_letter_case(alation: Alation, services: Services) -> None:
    user = make_user(services, "letter-case", password=PASSWORD)
    body = members(alation.post("createRefreshToken", username="Letter-CASE", password=PASSWORD, name="bi"), 201)
    assert body["user_id"] == user.id


def test_create_api_access_token_answers_201_with_an_access_token(alation: Alation, pair: Pair) -> None:
    refresh, _ = pair
    answer = alation.post("createAPIAccessToken", refresh_token=refresh.secret, user_id=refresh.token.user_id)
    body = members(answer, 201)
    assert list(body)[: len(ACCESS_TOKEN)] == ACCESS_TOKEN  # and then what it replaced: test_alation_minting
    assert body["user_id"] == refresh.token.user_id
    assert body["token_status"] == "ACTIVE"
    assert alation.use(body["api_access_token"]).status_code == 200


def test_validate_refresh_token_answers_200_and_echoes_the_secret(alation: Alation, pair: Pair) -> None:
    refresh, _ = pair
    answer = alation.post("validateRefreshToken", refresh_token=refresh.secret, user_id=refresh.token.user_id)
    body = members(answer, 200)
    assert list(body) == REFRESH_TOKEN
    assert body["refresh_token"] == refresh.secret
    assert body["name"] == refresh.token.name
    assert body["token_status"] == "ACTIVE"


def test_validate_api_access_token_answers_200_and_echoes_the_secret(alation: Alation, pair: Pair) -> None:
    _, access = pair
    answer = alation.post("validateAPIAccessToken", api_access_token=access.secret, user_id=access.token.user_id)
    body = members(answer, 200)
    assert list(body) == ACCESS_TOKEN
    assert body["api_access_token"] == access.secret
    assert body["user_id"] == access.token.user_id
    assert body["token_status"] == "ACTIVE"


def test_regen_refresh_token_answers_201_with_a_new_secret(alation: Alation, pair: Pair) -> None:
    refresh, _ = pair
    answer = alation.post("regenRefreshToken", refresh_token=refresh.secret, user_id=refresh.token.user_id)
    body = members(answer, 201)
    assert list(body) == REFRESH_TOKEN
    assert body["refresh_token"] != refresh.secret
    assert body["name"] == refresh.token.name
    assert body["token_status"] == "ACTIVE"


def test_revoke_api_access_tokens_answers_200_with_one_exact_sentence(alation: Alation, services: Services) -> None:
    refresh = issue(services, make_user(services), name='it\'s "quoted"')
    answer = alation.post("revokeAPIAccessTokens", refresh_token=refresh.secret, user_id=refresh.token.user_id)
    sentence = f"Revoked active access tokens for refresh token: 'it's \"quoted\"' with id: {refresh.token.id}"
    assert members(answer, 200) == {"detail": sentence}


def test_userinfo_answers_200_with_who_the_token_speaks_for(alation: Alation, services: Services) -> None:
    profile = {"email": "zoë@example.org", "first_name": "Zoë", "last_name": "Ω", "title": "Analyst"}
    user = make_user(services, role=Role.SERVER_ADMIN, **profile)
    token = mint(services, issue(services, user)).secret
    for answer in (alation.use(token), alation.send("GET", "userinfo", headers={"TOKEN": token})):
        body = members(answer, 200)
        assert list(body) == ["id", "email", "username", "first_name", "last_name", "title", "role"]
        assert body == {"id": user.id, "username": user.username, "role": "SERVER_ADMIN", **profile}


def test_userinfo_ignores_query_parameters(alation: Alation, pair: Pair) -> None:
    answer = alation.send("GET", "userinfo/?limit=1000&skip=0&id=7", headers={"TOKEN": pair[1].secret})
    assert members(answer, 200)["id"] == pair[1].token.user_id


def test_userinfo_answers_head_without_a_body(alation: Alation, pair: Pair) -> None:
    assert alation.send("HEAD", "userinfo/", headers={"TOKEN": pair[1].secret}).status_code == 200


def test_times_have_six_fraction_digits_and_z_at_a_whole_second(
    alation: Alation, services: Services, clock: MovableClock
) -> None:
    user = make_user(services, password=PASSWORD)
    with clock.stopped_at(WHOLE_SECOND):
        sent = {"username": user.username, "password": PASSWORD, "name": "bi"}
        created = members(alation.post("createRefreshToken", **sent), 201)
        proof = {"refresh_token": created["refresh_token"], "user_id": user.id}
        access = members(alation.post("createAPIAccessToken", **proof), 201)
        token = access["api_access_token"]
        validated = members(alation.post("validateAPIAccessToken", api_access_token=token, user_id=user.id), 200)
        used = members(alation.post("validateRefreshToken", **proof), 200)
        renewed = members(alation.post("regenRefreshToken", **proof), 201)
    for refresh_token in (created, used, renewed):
        assert refresh_token["created_at"] == "2031-02-03T04:05:06.000000Z"
        assert refresh_token["token_expires_at"] == "2031-04-04T04:05:06.000000Z"
    for access_token in (access, validated):
        assert access_token["created_at"] == "2031-02-03T04:05:06.000000Z"
        assert access_token["token_expires_at"] == "2031-02-04T04:05:06.000000Z"
    assert created["last_used_at"] is None
    assert used["last_used_at"] == "2031-02-03T04:05:06.000000Z"


def test_times_tell_every_microsecond(alation: Alation, pair: Pair) -> None:
    refresh, access = pair
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    body = members(alation.post("validateRefreshToken", **proof), 200)
    assert all(TIMESTAMP.fullmatch(body[name]) for name in ("created_at", "token_expires_at", "last_used_at"))
    assert datetime.fromisoformat(body["created_at"]) == refresh.token.created_at
    assert datetime.fromisoformat(body["token_expires_at"]) == refresh.token.expires_at
    body = members(
        alation.post("validateAPIAccessToken", api_access_token=access.secret, user_id=access.token.user_id), 200
    )
    assert all(TIMESTAMP.fullmatch(body[name]) for name in ("created_at", "token_expires_at"))
    assert datetime.fromisoformat(body["created_at"]) == access.token.created_at
    assert datetime.fromisoformat(body["token_expires_at"]) == access.token.expires_at


def test_a_refresh_token_says_when_it_was_last_used_for_minting(alation: Alation, services: Services) -> None:
    refresh = issue(services, make_user(services))
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    for _ in range(2):  # asking is no use
        assert members(alation.post("validateRefreshToken", **proof), 200)["last_used_at"] is None
    minted = members(alation.post("createAPIAccessToken", **proof), 201)
    assert members(alation.post("validateRefreshToken", **proof), 200)["last_used_at"] == minted["created_at"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_slash_forms_answer_themselves(alation: Alation, services: Services, endpoint: str, slash: str) -> None:
    answer = alation.send("POST", endpoint + slash, json=good_body(services, endpoint))
    assert answer.status_code == STATUSES[endpoint]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_every_endpoint_takes_forms(alation: Alation, services: Services, endpoint: str, media_type: str) -> None:
    answer = alation.send("POST", f"{endpoint}/", content_type=media_type, data=good_body(services, endpoint))
    assert answer.status_code == STATUSES[endpoint], answer.text


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="latin-1"; boundary=x',
        "Application/JSON; charset=unheard-of",
    ],
)
def test_json_is_json_whatever_charset_is_named(alation: Alation, pair: Pair, content_type: str) -> None:
    data = f'{{"refresh_token": "{pair[0].secret}", "user_id": {pair[0].token.user_id}}}'
    answer = alation.send("POST", "validateRefreshToken/", data=data, content_type=content_type)
    assert answer.status_code == 200


def test_json_is_read_as_utf_8_whatever_charset_is_named(alation: Alation, services: Services) -> None:
    password = f"{PASSWORD}-äöü"
    user = make_user(services, password=password)
    data = f'{{"username": "{user.username}", "password": "{password}", "name": "bi"}}'.encode()
    answer = alation.send("POST", "createRefreshToken/", data=data, content_type="application/json; charset=latin-1")
    assert answer.status_code == 201
    form = urlencode({"username": user.username, "password": password, "name": "bi"})
    answer = alation.send(
        "POST", "createRefreshToken/", data=form, content_type="application/x-www-form-urlencoded; charset=latin-1"
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("spelling", ["{}", "00{}"])
def test_a_user_id_may_be_text(alation: Alation, pair: Pair, spelling: str) -> None:
    refresh, access = pair
    text = spelling.format(refresh.token.user_id)
    for endpoint, proof in (
        ("validateRefreshToken", {"refresh_token": refresh.secret}),
        ("validateAPIAccessToken", {"api_access_token": access.secret}),
    ):
        body = members(alation.post(endpoint, user_id=text, **proof), 200)
        assert body["user_id"] == refresh.token.user_id  # an integer, whatever was sent
        assert alation.send("POST", endpoint, data={"user_id": text, **proof}).status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_unknown_members_headers_and_the_query_are_ignored(alation: Alation, services: Services, endpoint: str) -> None:
    """As real clients do: `Authorization: Bearer no_token`, a `TOKEN` from an earlier call, members of their own."""
    body = good_body(services, endpoint)
    unknown = {"status": "x", "detail": [1], "token_status": "REVOKED", "": None, "nested": {"user_id": {}}}
    query = "?user_id=0&refresh_token=x&api_access_token=x&username=x&password=x&name=x"
    others = {"Authorization": "Bearer no_token", "TOKEN": "no_token", "Cookie": "TOKEN=x; user_id=0"}
    answer = alation.send("POST", f"{endpoint}/{query}", json=unknown | body, headers=others)
    assert answer.status_code == STATUSES[endpoint], answer.text


@pytest.mark.parametrize("endpoint", WITH_REFRESH_TOKEN)
def test_a_good_token_in_a_header_does_not_replace_the_one_in_the_body(
    alation: Alation, pair: Pair, endpoint: str
) -> None:
    headers = {"TOKEN": pair[1].secret, "Authorization": f"Bearer {pair[0].secret}"}
    answer = alation.send("POST", f"{endpoint}/", json={"user_id": pair[0].token.user_id}, headers=headers)
    assert answer.status_code == 400
