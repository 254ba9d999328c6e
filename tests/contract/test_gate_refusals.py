"""The gate's refusals, to the byte: 401 with a challenge, or beside a ``TOKEN`` header Alation's 403.

Here belong tokens that are missing or do not work, and a database that is away. Not here: conditions that a good
token does not meet (``test_gate_conditions``).
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from config import Settings
from tests import rows
from tests.contract.asking import Alation
from tests.contract.asking_gate import CHALLENGE, IDENTITY, AskedGate, refused
from tests.contract.conftest import MovableClock, Setting
from tests.contract.test_alation_errors import doomed_application
from tests.contract.test_alation_refused_tokens import ACCESS_STATES, Proof, World, superseded
from tests.factories import issue, make_user, mint

HOW_TO_ASK = "Send an access token in the TOKEN header, or as Authorization: Bearer."

ANSWERS = {
    "token_malformed": "This is not an access token. Use a refresh token to request one.",
    "token_unknown": "There is no such access token.",
    "token_expired": "The access token has expired. Request a new one.",
    "token_revoked": "The access token was revoked. Request a new one.",
    "token_superseded": "The access token was replaced by a newer one.",
    "owner_disabled": "The owner of the token is disabled.",
}


@pytest.fixture
def gate(app: Flask) -> AskedGate:
    return AskedGate(app)


@pytest.fixture
def world(services: Services, clock: MovableClock, setting: Setting) -> World:
    return World(services, clock, setting)


@pytest.fixture
def secret(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


def test_who_sends_nothing_gets_a_401_to_the_byte(gate: AskedGate) -> None:
    answer = gate.verify()
    assert answer.status == "401 Unauthorized"
    *headers, (last, _) = list(answer.headers)
    assert headers == [
        ("Cache-Control", "no-store"),
        ("Vary", "TOKEN, Authorization"),
        ("X-Content-Type-Options", "nosniff"),
        *((name, "") for name in IDENTITY),
        ("X-Auth-Reason", "token_missing"),
        ("WWW-Authenticate", 'Bearer realm="daypass"'),
        ("Content-Type", "application/json"),
        ("Content-Length", "208"),
    ]
    assert last == "X-Request-Id"
    assert answer.data == (
        f'{{"detail":"{HOW_TO_ASK}","code":"401000","message":"{HOW_TO_ASK}","reason":"token_missing"}}\n'.encode()
    )


@pytest.mark.parametrize("authorization", ["", "Basic YW5uYTpi", "Bearer", "Bearer ", "Digest a=b", "abc", "\xff"])
def test_what_is_no_bearer_token_is_nothing(gate: AskedGate, authorization: str) -> None:
    answer = gate.verify(None, Authorization=authorization)
    assert refused(answer) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE


def test_tokens_in_the_query_and_in_cookies_are_nothing(gate: AskedGate, secret: str) -> None:
    answer = gate.open(
        "/auth/verify",
        query_string=f"access_token={secret}&TOKEN={secret}&token={secret}",
        headers={"Cookie": f"TOKEN={secret}; access_token={secret}"},
    )
    assert refused(answer) == (401, "token_missing")


@pytest.mark.parametrize(("state", "detail", "reason"), ACCESS_STATES)
def test_a_bad_token_is_a_403_as_a_resource_says_it_and_a_bad_bearer_a_401(
    gate: AskedGate, alation: Alation, world: World, state: Callable[[World], Proof], detail: str, reason: str
) -> None:
    """The 403 has the very bytes of ``userinfo``: Alation's clients mint again on it."""
    secret, _ = state(world)
    by_token, resource = gate.verify(secret), alation.use(secret)
    assert refused(by_token) == (403, reason)
    assert (by_token.status_code, by_token.data) == (resource.status_code, resource.data)
    assert by_token.content_type == resource.content_type
    assert "WWW-Authenticate" not in by_token.headers

    by_bearer = gate.verify_bearer(secret)
    assert refused(by_bearer) == (401, reason)
    assert by_bearer.headers["WWW-Authenticate"] == (
        f'{CHALLENGE}, error="invalid_token", error_description="{ANSWERS[reason]}"'
    )
    assert json.loads(by_bearer.data)["detail"] == ANSWERS[reason]


@pytest.mark.parametrize(
    "token", ["", "nonsense", "\xe9t\xe9", "\xff" * 60, "x" * 5000, "a,b", "\t", "null"], ids=range(8)
)
def test_whatever_stands_in_the_token_header_is_answered_as_a_resource_does(
    gate: AskedGate, alation: Alation, token: str
) -> None:
    """Bytes above 0x7F too, which a server hands over as latin-1."""
    by_token, resource = gate.verify(token), alation.use(token)
    assert (by_token.status_code, by_token.data) == (resource.status_code, resource.data)
    assert refused(by_token) == (403, "token_malformed" if token else "token_missing")


@pytest.mark.parametrize("credential", ["nonsense", "\xe9t\xe9", "\xff" * 60, " x", "x y"], ids=range(5))
def test_whatever_stands_behind_bearer_is_a_401(gate: AskedGate, credential: str) -> None:
    assert refused(gate.verify_bearer(credential)) == (401, "token_malformed")


def test_two_tokens_are_refused_although_both_are_good(gate: AskedGate, alation: Alation, services: Services) -> None:
    user = make_user(services)
    refresh = issue(services, user)
    one, other = mint(services, refresh).secret, mint(services, issue(services, user)).secret
    for beside in (other, refresh.secret):
        answer = gate.verify(one, Authorization=f"Bearer {beside}")
        assert refused(answer) == (403, "token_malformed")
        assert answer.data == alation.use(one, Authorization=f"Bearer {beside}").data
    assert refused(gate.verify(f"{one},{other}")) == (403, "token_malformed")  # as two headers arrive
    assert refused(gate.verify(f"{one},{one}")) == (403, "token_malformed")
    assert gate.verify(one, Authorization=f"Bearer {one}").status_code == 200


def test_any_edit_of_a_good_token_is_refused(gate: AskedGate, secret: str) -> None:
    for edited in (secret.upper(), secret + " ", " " + secret, secret + "=", secret[:-1], secret + "0", f'"{secret}"'):
        assert refused(gate.verify_bearer(edited)) == (401, "token_malformed")
    for edited in (secret.upper(), secret + "=", secret[:-1], secret + "0", secret.replace("_", "%5F"), f'"{secret}"'):
        assert refused(gate.verify(edited)) == (403, "token_malformed")


# Without its database


def test_without_its_database_every_check_is_a_503_with_retry_after(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    """Never 401 or 403, on which clients throw their token away, and never 200."""
    kind = "sqlite" if settings.database_url.startswith("sqlite") else "postgresql"
    fresh = (
        request.getfixturevalue("sqlite_files").fresh(tmp_path)
        if kind == "sqlite"
        else request.getfixturevalue("postgres").fresh()
    )
    with fresh as url, doomed_application(url, tmp_path) as (app, doom):
        services, gate = parts(app).services, AskedGate(app)
        refresh = issue(services, make_user(services))
        replaced, access = mint(services, refresh), mint(services, refresh)
        assert gate.verify(access.secret).status_code == 200
        doom()
        for secret in (access.secret, replaced.secret):
            for query in ("", "role=SERVER_ADMIN", "x=1"):
                answers = [gate.verify(secret, query), gate.verify_bearer(secret, query)]
                assert [refused(answer) for answer in answers] == [(503, "unavailable")] * 2
                assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
                assert not any("WWW-Authenticate" in answer.headers for answer in answers)
        assert refused(gate.verify("nonsense")) == (403, "token_malformed")  # for that nobody need be asked


# What is written down


def test_a_refusal_has_one_line_in_the_log_with_its_request_id(
    gate: AskedGate, world: World, log_lines: list[str]
) -> None:
    secret, _ = superseded(world)
    before = len(log_lines)
    answer = gate.verify(secret)
    (line,) = [json.loads(each) for each in log_lines[before:] if "check_refused" in each]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["status"], line["reason"], line["token_id"]) == (403, "token_superseded", secret.split("_")[1])
    assert line["address"] == "127.0.0.1"


def test_no_two_refusals_have_the_same_request_id(gate: AskedGate) -> None:
    assert len({gate.verify().headers["X-Request-Id"] for _ in range(20)}) == 20


def test_a_superseded_token_that_is_presented_is_audited_once_in_ten_minutes(
    gate: AskedGate, alation: Alation, world: World, services: Services, database: Database
) -> None:
    """With the address and the id of the request; and however often, it stays refused and revokes nothing."""
    secret, _ = superseded(world)
    first = gate.verify(secret)
    for _ in range(5):
        gate.verify(secret)
        gate.verify_bearer(secret)
        alation.use(secret)
    services.last_use.flush()
    seen = [each for each in rows.audit_events(database) if each.action == "access_token.superseded_presented"]
    (event,) = [each for each in seen if each.object_id == secret.split("_")[1]]
    assert (event.request_id, event.address, event.actor) == (first.headers["X-Request-Id"], "127.0.0.1", "")
    assert len(rows.alive_under(database, world.refresh.token.id)) == 1
    with world.clock.later(minutes=10):
        again = gate.verify_bearer(secret)
    services.last_use.flush()
    latest = [each for each in rows.audit_events(database) if each.object_id == event.object_id][-1]
    assert latest.request_id == again.headers["X-Request-Id"] != event.request_id
