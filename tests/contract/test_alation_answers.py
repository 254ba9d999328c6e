"""What the endpoints of the Alation-compatible API answer: successes to the byte, and refusals with their reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.domain.tokens import Issued, RefreshToken
from app.services import Services
from app.services.throttling import NEW_PLACE_LIMIT, WINDOW
from tests.contract import asking
from tests.contract.asking import Alation, are_alike, refusal
from tests.contract.conftest import MovableClock, Setting
from tests.contract.states import ACCESS_STATES, REFRESH_STATES, Make, World
from tests.factories import PASSWORD, disable, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

REFRESH_TOKEN = [
    "refresh_token", "user_id", "created_at", "name", "token_expires_at", "token_status", "last_used_at",
]  # fmt: skip
ACCESS_TOKEN = ["api_access_token", "user_id", "created_at", "token_expires_at", "token_status"]
STATUSES = dict.fromkeys(asking.ENDPOINTS, 201) | dict.fromkeys(
    ("validateRefreshToken", "validateAPIAccessToken", "revokeAPIAccessTokens"), 200
)
WRONG = f"{PASSWORD_MARK}-of-nobody"


def proof_of(refresh: Issued[RefreshToken]) -> dict[str, Any]:
    return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}


def login(services: Services) -> dict[str, Any]:
    """What creates a refresh token for a new user."""
    return {"username": make_user(services, password=PASSWORD).username, "password": PASSWORD, "name": "nightly-etl"}


def good_body(services: Services, endpoint: str) -> dict[str, Any]:
    """What that endpoint answers with success."""
    if endpoint == "createRefreshToken":
        return login(services)
    refresh = issue(services, make_user(services))
    if endpoint == "validateAPIAccessToken":
        return {"api_access_token": mint(services, refresh).secret, "user_id": refresh.token.user_id}
    return proof_of(refresh)


def members(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


# Successes


@pytest.mark.both_databases
def test_each_endpoint_answers_with_its_members_in_order(alation: Alation, services: Services) -> None:
    sent = login(services) | {"username": make_user(services, "letter-case", password=PASSWORD).username.upper()}
    created = members(alation.post("createRefreshToken", **sent), 201)
    proof = {"refresh_token": created["refresh_token"], "user_id": created["user_id"]}
    validated = members(alation.post("validateRefreshToken", **proof), 200)
    assert (list(created), list(validated), validated) == (REFRESH_TOKEN, REFRESH_TOKEN, created)
    assert (created["name"], created["token_status"], created["last_used_at"]) == ("nightly-etl", "ACTIVE", None)

    minted = members(alation.post("createAPIAccessToken", **proof), 201)
    access = {name: minted[name] for name in ACCESS_TOKEN}
    assert (minted["user_id"], minted["token_status"]) == (created["user_id"], "ACTIVE")
    sent = {"api_access_token": minted["api_access_token"], "user_id": created["user_id"]}
    checked = members(alation.post("validateAPIAccessToken", **sent), 200)
    assert (list(minted)[:5], list(checked), checked) == (ACCESS_TOKEN, ACCESS_TOKEN, access)

    regenerated = members(alation.post("regenRefreshToken", **proof), 201)
    assert list(regenerated) == REFRESH_TOKEN
    assert regenerated["refresh_token"] != created["refresh_token"]
    assert regenerated | {"refresh_token": "", "token_expires_at": "", "last_used_at": ""} == created | {
        "refresh_token": "", "token_expires_at": "", "last_used_at": "",
    }  # fmt: skip


def test_a_mint_names_what_it_replaced_and_from_where_that_was_used_last(
    alation: Alation, services: Services, setting: Setting, proof: dict[str, Any]
) -> None:
    first = members(alation.post("createAPIAccessToken", **proof), 201)
    assert first["replaced_previous"] is False and "replaced_public_id" not in first
    alation.use(first["api_access_token"])
    services.last_use.flush()
    second = members(alation.post("createAPIAccessToken", **proof), 201)
    assert second["replaced_previous"] is True
    assert second["replaced_public_id"] == first["api_access_token"].split("_")[1]
    assert second["replaced_last_used_at"].endswith("Z") and second["replaced_last_used_ip"] == "127.0.0.1"
    with setting(access_token_reissue="reuse"):
        third, again = (members(alation.post("createAPIAccessToken", **proof), 201) for _ in range(2))
    assert again["api_access_token"] == third["api_access_token"]
    assert again["replaced_previous"] is False


def test_revoke_api_access_tokens_answers_with_one_exact_sentence_each_time(
    alation: Alation, services: Services
) -> None:
    refresh = issue(services, make_user(services), name='it\'s <b>50 %</b> & "quoted" {x}')
    access = mint(services, refresh)
    sentence = f"Revoked active access tokens for refresh token: '{refresh.token.name}' with id: {refresh.token.id}"
    for _ in range(2):
        assert members(alation.post("revokeAPIAccessTokens", **proof_of(refresh)), 200) == {"detail": sentence}
    assert refusal(alation.use(access.secret)) == (403, asking.NO_CREDENTIALS, "token_revoked")
    assert members(alation.post("validateRefreshToken", **proof_of(refresh)), 200)["name"] == refresh.token.name


def test_userinfo_tells_whose_the_token_is_and_ignores_the_query(alation: Alation, services: Services) -> None:
    profile = {"email": "zoë@example.org", "first_name": "Zoë", "last_name": "Ω", "title": "Analyst"}
    user = make_user(services, role=Role.SERVER_ADMIN, **profile)
    headers = {"TOKEN": mint(services, issue(services, user)).secret}
    for path in ("userinfo/", "userinfo", "userinfo/?limit=1000&skip=0&id=7"):
        body = members(alation.send("GET", path, headers=headers), 200)
        assert list(body) == ["id", "email", "username", "first_name", "last_name", "title", "role"]
        assert body == {"id": user.id, "username": user.username, "role": "SERVER_ADMIN", **profile}
    assert alation.send("HEAD", "userinfo/", headers=headers).status_code == 200
    assert alation.send("HEAD", "userinfo/").status_code == 403


def test_times_have_six_fraction_digits_and_z(alation: Alation, services: Services, clock: MovableClock) -> None:
    with clock.stopped_at(datetime(2031, 2, 3, 4, 5, 6, 10, UTC)):
        created = members(alation.post("createRefreshToken", **login(services)), 201)
        proof = {"refresh_token": created["refresh_token"], "user_id": created["user_id"]}
        access = members(alation.post("createAPIAccessToken", **proof), 201)
        used = members(alation.post("validateRefreshToken", **proof), 200)
        regenerated = members(alation.post("regenRefreshToken", **proof), 201)
    for token, end in ((created, "04-04"), (used, "04-04"), (regenerated, "04-04"), (access, "02-04")):
        assert token["created_at"] == "2031-02-03T04:05:06.000010Z"
        assert token["token_expires_at"] == f"2031-{end}T04:05:06.000010Z"
    assert used["last_used_at"] == created["created_at"]


@pytest.mark.parametrize("endpoint", asking.ENDPOINTS)
def test_every_endpoint_takes_json_and_forms_in_both_slash_forms_and_ignores_everything_else(
    alation: Alation, services: Services, endpoint: str
) -> None:
    """As real clients send it: `Authorization: Bearer no_token`, a `TOKEN` from an earlier call, other members."""
    unknown = {"status": "x", "detail": [1], "token_status": "REVOKED", "": None, "nested": {"user_id": {}}}
    query = "?user_id=0&refresh_token=x&api_access_token=x&username=x&password=x&name=x"
    others = {"Authorization": "Bearer no_token", "TOKEN": "no_token", "Cookie": "TOKEN=x; user_id=0"}
    for path, request in (
        (endpoint, {"json": good_body(services, endpoint)}),
        (f"{endpoint}/", {"data": good_body(services, endpoint)}),
        (f"{endpoint}/", {"data": good_body(services, endpoint), "content_type": "multipart/form-data"}),
        (f"{endpoint}/{query}", {"json": unknown | good_body(services, endpoint), "headers": others}),
    ):
        answer = alation.send("POST", path, **request)
        assert answer.status_code == STATUSES[endpoint], (path, answer.text)
    if endpoint in asking.WITH_REFRESH_TOKEN:  # a good token in a header does not replace the one in the body
        refresh = issue(services, make_user(services))
        sent = {"json": {"user_id": refresh.token.user_id}, "headers": {"TOKEN": mint(services, refresh).secret}}
        assert alation.send("POST", endpoint, **sent).status_code == 400


# Tokens that do not work


@pytest.mark.parametrize(("state", "reason"), REFRESH_STATES.values(), ids=REFRESH_STATES)
def test_a_refresh_token_that_does_not_work_is_a_401_with_its_reason_at_every_endpoint(
    alation: Alation, world: World, state: Make, reason: str
) -> None:
    is_invalid = reason in ("token_unknown", "token_malformed", "user_id_mismatch")
    detail = asking.REFRESH_INVALID if is_invalid else asking.REFRESH_ENDED
    secret, user_id = state(world)
    for endpoint in asking.WITH_REFRESH_TOKEN:
        answer = alation.post(endpoint, refresh_token=secret, user_id=user_id)
        assert refusal(answer) == (401, detail, reason), endpoint


@pytest.mark.parametrize(("state", "reason"), ACCESS_STATES.values(), ids=ACCESS_STATES)
def test_an_access_token_that_does_not_work_is_a_401_where_it_is_validated_and_a_403_where_it_is_used(
    alation: Alation, world: World, state: Make, reason: str
) -> None:
    """Clients that send `TOKEN` mint again on both; those that send Bearer do on 401 alone."""
    secret, user_id = state(world)
    detail = asking.ACCESS_INVALID if reason in ("token_unknown", "token_malformed") else asking.ACCESS_ENDED
    answer = alation.post("validateAPIAccessToken", api_access_token=secret, user_id=user_id)
    assert refusal(answer) == (401, detail, reason)
    for used in (alation.use(secret), alation.use(secret, Authorization=f"Bearer {secret}")):
        assert (refusal(used), asking.challenges(used)) == ((403, asking.NO_CREDENTIALS, reason), [])
    used = alation.use(Authorization=f"Bearer {secret}")
    assert refusal(used) == (401, asking.NO_CREDENTIALS, reason)
    assert asking.challenges(used) == [asking.BEARER_INVALID]


def test_an_access_token_with_the_user_id_of_another_is_refused(alation: Alation, services: Services) -> None:
    sent = {"api_access_token": mint(services, issue(services, make_user(services))).secret}
    sent["user_id"] = str(make_user(services).id)
    assert refusal(alation.post("validateAPIAccessToken", **sent)) == (401, asking.ACCESS_INVALID, "user_id_mismatch")


def test_an_expired_refresh_token_can_only_be_regenerated(
    alation: Alation, clock: MovableClock, proof: dict[str, Any]
) -> None:
    with clock.later(days=60):
        for endpoint in ("createAPIAccessToken", "validateRefreshToken", "revokeAPIAccessTokens"):
            assert refusal(alation.post(endpoint, **proof)) == (401, asking.REFRESH_ENDED, "token_expired")
        assert members(alation.post("regenRefreshToken", **proof), 201)["token_status"] == "ACTIVE"


def test_a_protected_resource_without_any_token_is_a_403_to_the_byte(alation: Alation) -> None:
    assert alation.use().data == (
        b'{"detail":"Authentication credentials were not provided.","code":"403000",'
        b'"message":"Authentication credentials were not provided.","reason":"token_missing"}\n'
    )


# Signing in


def test_who_cannot_sign_in_gets_one_and_the_same_answer(alation: Alation, services: Services) -> None:
    """◆ In body and headers. Fails when a disabled user has another answer, or an unknown one is a 404."""
    known, disabled = make_user(services, password=PASSWORD), make_user(services, password=PASSWORD)
    disable(services, disabled.username)
    passwordless = make_user(services)
    answers = [
        alation.post("createRefreshToken", username=username, password=password, name="bi")
        for username, password in (
            ("nobody-at-all", PASSWORD), ("Not A User Name\u0130", PASSWORD), ("", PASSWORD), (known.username, WRONG),
            (known.username, "\0"), (disabled.username, PASSWORD), (passwordless.username, ""),
        )
    ]  # fmt: skip
    detail = "Unable to log in with provided credentials."
    assert {refusal(answer) for answer in answers} == {(401, detail, "bad_credentials")}
    assert are_alike(answers)


def test_who_may_create_no_refresh_token_gets_a_403(alation: Alation, services: Services, setting: Setting) -> None:
    sent = login(services)
    disabled = (403, "Creating refresh tokens is disabled for this account.", "not_permitted")
    with setting(password_api_enabled="off"):  # whether or not the password is right
        for password in (PASSWORD, WRONG):
            assert refusal(alation.post("createRefreshToken", **sent | {"password": password})) == disabled
    assert alation.post("createRefreshToken", **sent).status_code == 201
    with setting(max_refresh_tokens_per_user="1"):
        limit = "The limit of active refresh tokens for this account is 1; revoke some first."
        assert refusal(alation.post("createRefreshToken", **sent)) == (403, limit, "limit_reached")


def test_too_many_wrong_passwords_are_a_429_with_retry_after(
    alation: Alation, services: Services, clock: MovableClock
) -> None:
    sent = login(services)
    with clock.stopped_at(datetime(2031, 1, 1, tzinfo=UTC)) as now:
        for _ in range(NEW_PLACE_LIMIT):
            assert alation.post("createRefreshToken", **sent | {"password": WRONG}).status_code == 401
        for elapsed, seconds in ((timedelta(0), 3600), (WINDOW - timedelta(microseconds=1), 1)):
            with clock.stopped_at(now + elapsed):
                answer = alation.post("createRefreshToken", **sent)
            detail = f"Too many attempts to log in. Try again in {seconds} seconds."
            assert refusal(answer) == (429, detail, "rate_limited")
            assert answer.headers["Retry-After"] == str(seconds)
