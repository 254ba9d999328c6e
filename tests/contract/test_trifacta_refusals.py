"""Credentials that don't work in the Trifacta dialect, HTTP's own troubles, and the table of errors itself.

Not here: malformed bodies (``test_trifacta_bodies``), and who may do what (``test_trifacta_permissions``).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import text

from app.api.v4.errors import TABLE, refuse
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.http.context import parts
from app.services import Services
from app.services.throttling import ACCOUNT_LIMIT, WINDOW
from app.storage.database import Database
from config import Settings
from tests.contract.asking_oauth import Headers, basic, bearer
from tests.contract.asking_trifacta import DOCUMENT, NAMES, PERSON, TOKENS, Trifacta, said
from tests.contract.conftest import MovableClock
from tests.contract.test_alation_error_table import example
from tests.contract.test_alation_errors import doomed_application
from tests.factories import OPERATOR, PASSWORD, allowed_user, generate, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

WRONG = f"{PASSWORD_MARK}-of-nobody"
TEXT = TokenFormat(("dp",))

CALLS = (
    ("POST", TOKENS), ("GET", TOKENS), ("GET", f"{TOKENS}/:tokenId"), ("DELETE", f"{TOKENS}/:tokenId"),
    ("GET", PERSON), ("GET", DOCUMENT),
)  # fmt: skip

NOTHING_SENT = "Send HTTP Basic credentials, or an access token as Bearer."
NO_TOKEN = "This is not an access token."
UNKNOWN = "There is no such access token."
NO_LOGIN = "Incorrect user name or password."


def missing(details: str) -> tuple[int, str, str]:
    return 401, "MissingPersonException", details


def everywhere(trifacta: Trifacta, headers: Headers) -> set[tuple[int, str, str | None]]:
    """What each call answers to that credential."""
    return {said(trifacta.send(method, path, headers, json=None)) for method, path in CALLS}


def test_the_401_to_the_byte(trifacta: Trifacta) -> None:
    answer = trifacta.listed({})
    assert answer.data == (
        b'{"exception":{"name":"MissingPersonException","message":"Person is missing",'
        b'"details":"Send HTTP Basic credentials, or an access token as Bearer."}}\n'
    )
    challenges = ['Basic realm="daypass", charset="UTF-8"', 'Bearer realm="daypass"']
    assert answer.headers.getlist("WWW-Authenticate") == challenges


@pytest.mark.parametrize(
    ("headers", "details"),
    [
        ({}, NOTHING_SENT),
        ({"Authorization": ""}, NOTHING_SENT),
        ({"Authorization": "Bearer"}, NOTHING_SENT),
        ({"Authorization": "Digest username=a"}, NOTHING_SENT),
        ({"TOKEN": ""}, NOTHING_SENT),
        ({"TOKEN": "", **basic("anna", PASSWORD)}, NOTHING_SENT),
        ({"Cookie": "TOKEN=x"}, NOTHING_SENT),
        (bearer("no_token"), NO_TOKEN),
        ({"TOKEN": "no_token"}, NO_TOKEN),
        ({"Authorization": "Basic !!!"}, NO_LOGIN),
        (basic("nobody-at-all", PASSWORD), NO_LOGIN),
    ],
)
def test_without_a_credential_that_works_every_call_is_a_401(
    trifacta: Trifacta, headers: Headers, details: str
) -> None:
    assert everywhere(trifacta, headers) == {missing(details)}


def test_a_token_in_the_query_or_in_a_cookie_is_none(trifacta: Trifacta, services: Services) -> None:
    secret = generate(services, allowed_user(services)).secret
    answer = trifacta.send("GET", PERSON, {"Cookie": f"TOKEN={secret}"}, query_string={"TOKEN": secret})
    assert said(answer) == missing(NOTHING_SENT)


def test_whoever_cannot_log_in_gets_one_and_the_same_answer(trifacta: Trifacta, services: Services) -> None:
    known, disabled = make_user(services, password=PASSWORD), make_user(services, password=PASSWORD)
    services.accounts.disable(disabled.username, OPERATOR)
    logins = [
        ("nobody-at-all", PASSWORD), ("", ""), (known.username, WRONG), (known.username, ""),
        (disabled.username, PASSWORD), (make_user(services).username, PASSWORD),
    ]  # fmt: skip
    answers = [trifacta.listed(basic(*login)) for login in logins]
    assert {said(answer) for answer in answers} == {missing(NO_LOGIN)}
    assert len({answer.data for answer in answers}) == 1


def test_only_whoever_holds_the_secret_is_told_what_became_of_a_token(
    trifacta: Trifacta, services: Services, clock: MovableClock
) -> None:
    user = allowed_user(services)
    expired, deleted = generate(services, user, timedelta(seconds=5)), generate(services, user)
    services.single_tier.delete(deleted.token.uuid, OPERATOR, None)
    refresh = issue(services, user)
    superseded = mint(services, refresh)
    revoked = mint(services, refresh)
    services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
    alive = generate(services, user)
    with clock.later(seconds=6):
        for issued, details in (
            (expired, "The access token has expired."),
            (deleted, "The access token was deleted or revoked."),
            (revoked, "The access token was deleted or revoked."),
            (superseded, "The access token was replaced by a newer one."),
        ):
            assert everywhere(trifacta, bearer(issued.secret)) == {missing(details)}
        # Who knows no more than the public id learns nothing: neither what became of it, nor that there is one.
        unknown = TEXT.compose(new_token_text(TokenKind.ACCESS))
        guesses = [_with_public_id(each.token.public_id) for each in (expired, deleted, revoked, alive)]
        answers = [trifacta.person(bearer(guess)) for guess in (unknown, *guesses)]
        assert {said(answer) for answer in answers} == {missing(UNKNOWN)}
        assert len({answer.data for answer in answers}) == 1


def _with_public_id(public_id: str) -> str:
    """Well-formed token text with a secret of our own invention."""
    invented = new_token_text(TokenKind.ACCESS)
    return TEXT.compose(type(invented)(invented.kind, public_id, invented.secret))


def test_a_refresh_token_is_no_credential_here(trifacta: Trifacta, services: Services) -> None:
    refresh = issue(services, allowed_user(services))
    assert everywhere(trifacta, bearer(refresh.secret)) == {missing(NO_TOKEN)}


def test_two_different_tokens_are_refused_and_beside_one_token_other_credentials_mean_nothing(
    trifacta: Trifacta, services: Services
) -> None:
    user = allowed_user(services)
    one, other = generate(services, user).secret, generate(services, user).secret
    assert everywhere(trifacta, {"TOKEN": one, **bearer(other)}) == {missing(NO_TOKEN)}
    for beside in (bearer(one), bearer("no_token"), basic(user.username, WRONG)):
        assert trifacta.person({"TOKEN": one, **beside}).status_code == 200


def test_a_token_expires_to_the_microsecond(trifacta: Trifacta, services: Services, clock: MovableClock) -> None:
    """Fails when the verdict is `<=` (tried): a token is over at the instant of its end."""
    with clock.stopped_at(datetime(2031, 1, 1, 12, tzinfo=UTC)) as now:
        token = generate(services, allowed_user(services), timedelta(seconds=10))
        with clock.stopped_at(now + timedelta(seconds=10) - timedelta(microseconds=1)):
            assert trifacta.person(bearer(token.secret)).status_code == 200
        with clock.stopped_at(now + timedelta(seconds=10)):
            assert said(trifacta.person(bearer(token.secret))) == missing("The access token has expired.")


def test_too_many_wrong_passwords_are_a_429_that_says_when_to_try_again(
    trifacta: Trifacta, services: Services, clock: MovableClock
) -> None:
    user = allowed_user(services, password=PASSWORD)
    token = bearer(generate(services, user).secret)
    with clock.stopped_at(datetime(2031, 2, 1, tzinfo=UTC)) as now:
        fresh = bearer(generate(services, user, None).secret)
        for _ in range(ACCOUNT_LIMIT):
            assert trifacta.listed(basic(user.username, WRONG)).status_code == 401
        answer = trifacta.listed(basic(user.username, PASSWORD))
        details = "Too many attempts to log in. Try again in 900 seconds."
        assert said(answer) == (429, "TooManyRequestsException", details)
        assert (answer.headers["Retry-After"], answer.headers["x-retry-after"]) == ("900", "900")
        assert trifacta.listed(fresh).status_code == 200, "tokens are none of the throttle's affair"
        with clock.stopped_at(now + WINDOW):
            assert trifacta.listed(basic(user.username, PASSWORD)).status_code == 200
    assert trifacta.listed(token).status_code == 200


def test_without_its_database_every_call_is_a_503_with_retry_after(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    is_sqlite = settings.database_url.startswith("sqlite")
    fresh = (
        request.getfixturevalue("sqlite_files").fresh(tmp_path)
        if is_sqlite
        else request.getfixturevalue("postgres").fresh()
    )
    with fresh as url, doomed_application(url, tmp_path) as (app, doom):
        services = parts(app).services
        headers = bearer(generate(services, allowed_user(services)).secret)
        doom()
        trifacta = Trifacta(app.test_client(use_cookies=False))
        for credential in (headers, basic("anna", PASSWORD)):
            for method, path in CALLS:
                answer = trifacta.send(method, path, credential)
                details = "the database cannot be reached"
                assert said(answer) == (503, "ServiceUnavailableException", details)
                assert answer.headers["Retry-After"] == "1"


def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_the_request_id(
    trifacta: Trifacta, as_allowed: Headers, database: Database, log_lines: list[str]
) -> None:
    """The fault: a setting out of its range, written past Daypass into the database."""
    change = text("INSERT INTO instance_settings VALUES ('api_token_max_lifetime_days', '0', :now, 'nobody')")
    with database.transaction() as session:
        session.execute(change, {"now": datetime(2026, 1, 1, tzinfo=UTC).isoformat(" ")})
    try:
        answer = trifacta.create(as_allowed)
    finally:
        with database.transaction() as session:
            session.execute(text("DELETE FROM instance_settings WHERE key = 'api_token_max_lifetime_days'"))
    assert said(answer) == (500, "InternalServerException", None)
    [line] = [line for line in log_lines if "request_failed" in line]
    assert answer.headers["x-trifacta-request-id"] in line


@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_line_in_the_table_and_can_be_said(app: Flask, kind: type[Refusal]) -> None:
    """Fails when a class is added to the tree, or a line taken out of the table (tried with FeatureOff)."""
    with app.test_request_context(TOKENS):
        g.request_id = "0" * 32
        answer = refuse(example(kind))
    exception: dict[str, Any] = answer.get_json()["exception"]
    assert list(exception) == ["name", "message", "details"]
    names = NAMES | {409: {("ConflictException", "Conflict")}}
    assert (exception["name"], exception["message"]) in names[answer.status_code]
    assert exception["details"]
    assert answer.headers["x-trifacta-request-id"]


def test_the_table_holds_nothing_but_refusals_and_401_for_every_token() -> None:
    assert set(TABLE) == set(every_refusal())
    assert {TABLE[kind][0] for kind in every_refusal() if issubclass(kind, TokenRefused)} == {401}
    assert TABLE[errors.NotFound][1] != TABLE[errors.FeatureOff][1]
