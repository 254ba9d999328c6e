"""The gate's answers to the byte: who calls, and why not; 401 with a challenge, or beside `TOKEN` Alation's 403."""

import json
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking import BEARER, IDENTITY, NO_CREDENTIALS, Alation, AskedGate, Trifacta, bearer, refusal
from tests.contract.conftest import MovableClock
from tests.contract.states import ACCESS_STATES, Make, World
from tests.factories import allowed_user, generate, issue, make_user, mint, revoke

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)
HOW_TO_ASK = "Send an access token in the TOKEN header, or as Authorization: Bearer."
ALWAYS = [("Cache-Control", "no-store"), ("Vary", "TOKEN, Authorization"), ("X-Content-Type-Options", "nosniff")]
OF_NO_USE = "This is an introspector's token: it can introspect tokens, and nothing else."
DETAILS = {
    "token_malformed": "This is not an access token. Request one with a refresh token, or generate one at "
    "Preferences > Access Tokens.",
    "token_unknown": "There is no such access token.",
    "token_expired": "The access token has expired. Request a new one.",
    "token_revoked": "The access token was revoked. Request a new one.",
    "token_superseded": "The access token was replaced by a newer one.",
    "owner_disabled": "The owner of the token is disabled.",
    "owner_must_sign_in": "The owner of the token has not signed in for too long.",
}


@pytest.fixture
def secret(services: Services) -> str:
    return token_of(services, Role.VIEWER)


def exception_of(answer: TestResponse) -> tuple[str, str, str]:
    """Name, message and details of the Trifacta dialect's member."""
    members = answer.get_json()["exception"]
    return members["name"], members["message"], members["details"]


def token_of(services: Services, role: Role) -> str:
    return mint(services, issue(services, make_user(services, role=role))).secret


# Good tokens


def test_a_good_token_is_answered_with_its_identity_to_the_byte(
    gate: AskedGate, services: Services, clock: MovableClock
) -> None:
    with clock.stopped_at(NOW):
        user = make_user(services, role=Role.STEWARD, email="anna@example.com", first_name="Anna")
        access = mint(services, issue(services, user, "nightly etl"))
        for answer in (gate.verify(access.secret), gate.verify_bearer(access.secret)):
            assert (answer.status, answer.data) == ("200 OK", b"")
            assert list(answer.headers) == [
                ("X-Auth-User-Id", str(user.id)), ("X-Auth-User", user.username), ("X-Auth-Email", "anna@example.com"),
                ("X-Auth-Role", "STEWARD"), ("X-Auth-Token-Id", access.token.public_id),
                ("X-Auth-Token-Name", "nightly etl"), ("X-Auth-Token-Kind", "access"), ("X-Auth-Expires-In", "86400"),
                ("Remote-User", user.username), *ALWAYS, ("Content-Length", "0"),
            ]  # fmt: skip


def test_names_of_any_script_reach_the_api_percent_encoded(gate: AskedGate, services: Services) -> None:
    """A server writes headers in Latin-1: as they are, some fail there, and others become other letters.

    Fails when the names are left as they are.
    """
    user = make_user(services, email="j\u00f6rg@b\u00fccher.example")
    for name in ("夜間バッチ", "Übernacht 100%", "مزامنة ليلية", "می\u200cروم", "👩\u200d💻", "caf\u00e9"):
        answer = gate.verify(mint(services, issue(services, user, name)).secret)
        assert answer.status_code == 200
        assert all(value.isascii() and value.isprintable() for _, value in answer.headers), name
        assert unquote(answer.headers["X-Auth-Token-Name"]) == name
        assert unquote(answer.headers["X-Auth-Email"]) == user.email


# Conditions


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("role=SERVER_ADMIN", "This requires one of these roles: SERVER_ADMIN."),
        ("kind=refresh", "This requires a token of one of these kinds: refresh."),
        ("kind=pat&role=VIEWER", "The proxy's condition kind='pat' is not a kind."),
        ("role=VIEWER&x=%C3%B6", "The proxy's condition 'x' is unknown: use role or kind."),
    ],
)
def test_a_good_token_that_does_not_meet_a_condition_is_a_403_that_says_why(
    gate: AskedGate, secret: str, query: str, why: str
) -> None:
    body = f'{{"detail":"{why}","code":"403000","message":"{why}","reason":"not_permitted"'
    exception = f'"exception":{{"name":"AccessControlException","message":"Access denied","details":"{why}"}}'
    by_token, by_bearer = gate.verify(secret, query), gate.verify_bearer(secret, query)
    assert (by_token.status_code, by_bearer.status_code) == (403, 403)
    assert (by_token.text, by_bearer.text) == (f"{body}}}\n", f"{body},{exception}}}\n")
    assert "WWW-Authenticate" not in by_token.headers
    # RFC 6750, section 3.1
    assert by_bearer.headers["WWW-Authenticate"] == f'{BEARER}, error="insufficient_scope", error_description="{why}"'


@pytest.mark.parametrize("query", ["", "role=INTROSPECTOR"])
def test_an_introspectors_token_opens_nothing(
    gate: AskedGate, alation: Alation, services: Services, query: str
) -> None:
    """Neither the APIs behind the gate nor a resource of Daypass. Fails when `may_use_apis` is always true (tried)."""
    secret = token_of(services, Role.INTROSPECTOR)
    by_token, by_bearer = gate.verify(secret, query), gate.verify_bearer(secret, query)
    assert refusal(by_token) == refusal(by_bearer) == (403, OF_NO_USE, "not_permitted")
    assert "insufficient_scope" in by_bearer.headers["WWW-Authenticate"]
    assert exception_of(by_bearer) == ("AccessControlException", "Access denied", OF_NO_USE)
    for resource in (alation.use(secret), alation.use(Authorization=f"Bearer {secret}")):
        assert (resource.status_code, resource.data) == (403, by_token.data)


# Refusals


def test_who_sends_nothing_gets_a_401_to_the_byte(gate: AskedGate) -> None:
    answer = gate.verify()
    assert answer.status == "401 Unauthorized"
    *headers, (last, _) = list(answer.headers)
    assert headers == [
        *ALWAYS,
        *((name, "") for name in IDENTITY),
        ("X-Auth-Reason", "token_missing"),
        ("WWW-Authenticate", 'Bearer realm="daypass"'),
        ("Content-Type", "application/json"),
        ("Content-Length", "367"),
    ]
    assert last == "X-Request-Id"
    assert (
        answer.data
        == (
            f'{{"detail":"{HOW_TO_ASK}","code":"401000","message":"{HOW_TO_ASK}","reason":"token_missing","exception":'
            f'{{"name":"MissingPersonException","message":"Person is missing","details":"{HOW_TO_ASK}"}}}}\n'
        ).encode()
    )


def test_a_token_elsewhere_and_what_is_no_bearer_token_is_nothing(gate: AskedGate, secret: str) -> None:
    for authorization in ("Basic YW5uYTpi", "Bearer ", "\xff"):
        answer = gate.verify(None, Authorization=authorization)
        assert (refusal(answer)[::2], answer.headers["WWW-Authenticate"]) == ((401, "token_missing"), BEARER)
    query, cookie = f"access_token={secret}&TOKEN={secret}", f"TOKEN={secret}; access_token={secret}"
    answer = gate.open("/auth/verify", query_string=query, headers={"Cookie": cookie})
    assert refusal(answer)[::2] == (401, "token_missing")


@pytest.mark.parametrize("query", ["", "role=SERVER_ADMIN"])
@pytest.mark.parametrize(("state", "reason"), ACCESS_STATES.values(), ids=ACCESS_STATES)
def test_a_bad_token_is_a_403_as_a_resource_answers_it_and_a_bad_bearer_a_401(
    gate: AskedGate, alation: Alation, world: World, state: Make, reason: str, query: str
) -> None:
    """The 403 has the very bytes of ``userinfo``: Alation's clients mint again on it, whatever the proxy demands."""
    secret, _ = state(world)
    by_token, resource = gate.verify(secret, query), alation.use(secret)
    assert refusal(by_token) == (403, NO_CREDENTIALS, reason)
    assert (by_token.status_code, by_token.data) == (resource.status_code, resource.data)
    assert by_token.content_type == resource.content_type
    assert "WWW-Authenticate" not in by_token.headers

    by_bearer = gate.verify_bearer(secret, query)
    assert refusal(by_bearer) == (401, DETAILS[reason], reason)
    assert exception_of(by_bearer) == ("MissingPersonException", "Person is missing", DETAILS[reason])
    assert by_bearer.headers["WWW-Authenticate"] == (
        f'{BEARER}, error="invalid_token", error_description="{DETAILS[reason]}"'
    )


def test_a_refused_bearer_has_the_exception_of_the_trifacta_dialect(
    gate: AskedGate, trifacta: Trifacta, services: Services
) -> None:
    """Its clients read nothing else; a refused ``TOKEN`` has the members of Alation's clients alone."""
    access = generate(services, allowed_user(services))
    revoke(services, access)
    by_bearer, there = gate.verify_bearer(access.secret), trifacta.person(bearer(access.secret))
    assert (by_bearer.status_code, there.status_code) == (401, 401)
    named = {name: by_bearer.get_json()["exception"][name] for name in ("name", "message")}
    assert there.get_json()["exception"].items() >= named.items()
    details = "The access token was revoked. Generate a new one at Preferences > Access Tokens."
    assert refusal(by_bearer) == (401, details, "token_revoked")
    assert exception_of(by_bearer)[2] == details
    assert "exception" not in gate.verify(access.secret).get_json()


def test_two_tokens_are_refused_although_both_are_good(gate: AskedGate, alation: Alation, services: Services) -> None:
    one, other = token_of(services, Role.VIEWER), token_of(services, Role.VIEWER)
    beside = {"Authorization": f"Bearer {other}"}
    for answer in (gate.verify(one, **beside), gate.verify(f"{one},{one}")):  # joined as two headers arrive
        assert refusal(answer)[::2] == (403, "token_malformed")
    assert gate.verify(one, **beside).data == alation.use(one, **beside).data


def test_a_refusal_has_one_line_in_the_log_with_its_own_request_id(
    gate: AskedGate, world: World, log_lines: list[str]
) -> None:
    world.mint()
    secret = world.access.secret
    before = len(log_lines)
    answer = gate.verify(secret)
    (line,) = [json.loads(each) for each in log_lines[before:] if "check_refused" in each]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["status"], line["reason"], line["token_id"]) == (403, "token_superseded", secret.split("_")[1])
    assert line["address"] == "127.0.0.1"
    assert len({gate.verify().headers["X-Request-Id"] for _ in range(20)}) == 20


@pytest.mark.both_databases
@pytest.mark.parametrize("at_the_gate", [True, False])
def test_a_superseded_token_that_is_presented_is_audited_with_the_request_at_which_it_was(
    gate: AskedGate, alation: Alation, world: World, database: Database, at_the_gate: bool
) -> None:
    """◆ At the gate or a resource, and again: one row; and it revokes nothing."""
    world.mint()
    secret = world.access.secret
    first = gate.verify(secret) if at_the_gate else alation.use(secret)
    gate.verify_bearer(secret)
    alation.use(secret)
    world.services.last_use.flush()
    seen = [each for each in rows.audit_events(database) if each.action == "access_token.superseded_presented"]
    (event,) = [each for each in seen if each.object_id == secret.split("_")[1]]
    assert (event.request_id, event.address, event.actor) == (first.headers["X-Request-Id"], "127.0.0.1", "")
    assert len(rows.alive_under(database, world.refresh.token.id)) == 1
