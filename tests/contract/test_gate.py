"""The gate's good answers, to the byte: who calls, for the API behind the proxy.

Here belongs the check of a token that is good, and what the gate does not answer itself. Not here: refusals
(``test_gate_refusals``) and conditions (``test_gate_conditions``).
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from sqlalchemy import update

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, UserRow
from tests.contract.asking import Alation
from tests.contract.asking_gate import IDENTITY, AskedGate
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def gate(app: Flask) -> AskedGate:
    return AskedGate(app)


@pytest.fixture
def secret(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


def change(database: Database, table: Any, **values: Any) -> None:
    """Change all rows of a table past Daypass."""
    with database.transaction() as session:
        session.execute(update(table).values(**values))


def test_a_good_token_is_answered_with_its_identity_to_the_byte(
    gate: AskedGate, services: Services, clock: MovableClock
) -> None:
    with clock.stopped_at(NOW):
        user = make_user(services, role=Role.STEWARD, email="anna@example.com", first_name="Anna")
        access = mint(services, issue(services, user, "nightly etl"))
        for answer in (gate.verify(access.secret), gate.verify_bearer(access.secret)):
            assert answer.status == "200 OK"
            assert list(answer.headers) == [
                ("X-Auth-User-Id", str(user.id)),
                ("X-Auth-User", user.username),
                ("X-Auth-Email", "anna@example.com"),
                ("X-Auth-Role", "STEWARD"),
                ("X-Auth-Token-Id", access.token.public_id),
                ("X-Auth-Token-Name", "nightly etl"),
                ("X-Auth-Token-Kind", "access"),
                ("X-Auth-Expires-In", "86400"),
                ("Remote-User", user.username),
                ("Cache-Control", "no-store"),
                ("Vary", "TOKEN, Authorization"),
                ("X-Content-Type-Options", "nosniff"),
                ("Content-Length", "0"),
            ]
            assert answer.data == b""


def test_the_seconds_that_are_left_are_counted_down_to_the_last_microsecond(
    gate: AskedGate, services: Services, clock: MovableClock
) -> None:
    with clock.stopped_at(NOW):
        access = mint(services, issue(services, make_user(services)))
    assert access.token.expires_at == NOW + timedelta(hours=24)
    for before, said in (
        (timedelta(hours=1), "3600"),
        (timedelta(seconds=1), "1"),
        (timedelta(microseconds=999_999), "0"),
        (timedelta(microseconds=1), "0"),
    ):
        with clock.stopped_at(access.token.expires_at - before):
            assert gate.verify(access.secret).headers["X-Auth-Expires-In"] == said
    with clock.stopped_at(access.token.expires_at):
        assert gate.verify(access.secret).status_code == 403


def test_of_a_token_without_end_nothing_is_said_about_its_end(
    gate: AskedGate, services: Services, database: Database, secret: str
) -> None:
    change(database, AccessTokenRow, expires_at=None)
    answer = gate.verify(secret)
    assert (answer.status_code, answer.headers["X-Auth-Expires-In"]) == (200, "")


@pytest.mark.parametrize(("description", "name"), [("my laptop", "my laptop"), (None, ""), ("50 %", "50 %25")])
def test_a_token_without_refresh_token_is_called_by_its_description(
    gate: AskedGate, database: Database, secret: str, description: str | None, name: str
) -> None:
    change(database, AccessTokenRow, refresh_token_id=None, expires_at=None, description=description)
    assert gate.verify(secret).headers["X-Auth-Token-Name"] == name


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "\N{LATIN SMALL LETTER O WITH DIAERESIS}@example.com",
        "a\r\nX-Auth-Role: SERVER_ADMIN",
        "100%",
        "%41",
        "\x7f\t",
    ],
)
def test_what_is_not_plain_in_a_profile_is_percent_encoded(
    gate: AskedGate, services: Services, database: Database, secret: str, email: str
) -> None:
    """Even where somebody wrote it into the database past Daypass."""
    change(database, UserRow, email=email)
    answer = gate.verify(secret)
    assert answer.status_code == 200
    assert unquote(answer.headers["X-Auth-Email"], errors="strict") == email
    assert answer.headers["X-Auth-Role"] == "VIEWER"


def test_an_overlapping_token_is_good_until_its_new_end(
    gate: AskedGate, services: Services, clock: MovableClock, setting: Setting
) -> None:
    with clock.stopped_at(NOW), setting(access_token_reissue="overlap"):
        refresh = issue(services, make_user(services))
        first, second = mint(services, refresh), mint(services, refresh)
        assert gate.verify(first.secret).headers["X-Auth-Expires-In"] == "60"
        assert gate.verify(second.secret).headers["X-Auth-Expires-In"] == "86400"


def test_rights_are_those_of_this_moment(gate: AskedGate, services: Services) -> None:
    user = make_user(services)
    access = mint(services, issue(services, user))
    for role in (Role.STEWARD, Role.EXPLORER, Role.SERVER_ADMIN):
        services.accounts.set_role(user.username, role, OPERATOR)
        assert gate.verify(access.secret).headers["X-Auth-Role"] == role


def test_identity_headers_that_a_caller_forged_do_not_come_back(gate: AskedGate, secret: str) -> None:
    forged = {name: "1" for name in IDENTITY} | {"X-Auth-Role": "SERVER_ADMIN", "X_Auth_Role": "SERVER_ADMIN"}
    answer = gate.verify(secret, **forged)
    assert answer.headers["X-Auth-Role"] == "VIEWER"
    assert "1" not in [answer.headers[name] for name in ("X-Auth-Token-Name", "X-Auth-Email", "Remote-User")]
    gate.verify(None, **forged)  # all are empty, as of every refusal


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_any_method_asks_the_same(gate: AskedGate, secret: str, method: str) -> None:
    assert gate.verify(secret, method=method).status_code == 200
    assert gate.verify(None, method=method).status_code == 401


def test_junk_beside_a_token_is_ignored(gate: AskedGate, secret: str) -> None:
    for junk in ("Bearer no_token", "Basic YW5uYTpi", "", "Bearer \xff\xe9", f"Bearer {secret}"):
        assert gate.verify(secret, Authorization=junk).status_code == 200


def test_every_other_path_is_answered_by_the_application_as_ever(
    gate: AskedGate, alation: Alation, services: Services
) -> None:
    refresh = issue(services, make_user(services))
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    token = mint(services, refresh).secret
    requests: list[dict[str, Any]] = [
        {"path": "/healthz"},
        {"path": "/integration/v1/nothing"},
        {"path": "/integration/v1/userinfo/", "headers": {"TOKEN": token}},
        {"path": "/integration/v1/userinfo"},
        {"path": "/integration/v1/validateRefreshToken", "method": "POST", "json": proof},
        {"path": "/integration/v1/createAPIAccessToken/", "method": "GET"},
    ]
    for request in requests:
        through, direct = gate.open(**request), alation.client.open(**request)
        assert (through.status, through.data) == (direct.status, direct.data)
        assert [name for name, _ in through.headers] == [name for name, _ in direct.headers]


@pytest.mark.parametrize("path_info", ["//auth/verify", "/auth/verifyx", "/AUTH/VERIFY", "/auth", "/auth/verify\xff"])
def test_what_only_looks_like_the_gate_is_a_404(gate: AskedGate, secret: str, path_info: str) -> None:
    answer = gate.open("/", headers={"TOKEN": secret}, environ_overrides={"PATH_INFO": path_info})
    assert answer.status_code == 404
    assert "X-Auth-User" not in answer.headers
