"""One story in every API: a token is issued, used, seen, and refused once it has expired or was revoked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask import Flask

from app.domain.identity import Role
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from tests.contract.asking import ACCESS_ENDED, NO_CREDENTIALS
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.alation import Alation
from tests.drivers.in_process import URL, InProcess
from tests.drivers.lives import (
    LIFETIME_SECONDS,
    AlationLife,
    Held,
    Life,
    Login,
    NativeLife,
    OAuthLife,
    Said,
    TrifactaLife,
)
from tests.factories import PASSWORD, allowed_user, issue, make_user

pytestmark = pytest.mark.both_databases

BEGINNING = datetime(2031, 5, 1, 12, 0, 0, 500000, UTC)
END = BEGINNING + timedelta(seconds=LIFETIME_SECONDS)
MICROSECOND = timedelta(microseconds=1)
LONG_AFTER = END + timedelta(days=30)


@dataclass(frozen=True)
class Words:
    """How a dialect says it. `done`: a revocation's status. Of an ended token, how it is seen, and the refusal."""

    works: str
    expired: tuple[str, Said]
    revoked: tuple[str, Said]
    done: int


DIALECTS: dict[str, tuple[type[Life], Words]] = {
    "api_authentication": (AlationLife, Words(
        "ACTIVE", (ACCESS_ENDED, (403, NO_CREDENTIALS, "token_expired")),
        (ACCESS_ENDED, (403, NO_CREDENTIALS, "token_revoked")), 200,
    )),
    "v4": (TrifactaLife, Words(
        "listed", ("listed", (401, "MissingPersonException", "The access token has expired.")),
        ("not listed", (401, "MissingPersonException", "The access token was deleted or revoked.")), 204,
    )),
    "native": (NativeLife, Words(
        "active", ("expired", (401, "Unauthorized", "token_expired")),
        ("revoked", (401, "Unauthorized", "token_revoked")), 204,
    )),
    "oauth": (OAuthLife, Words(
        "active", ("inactive", (401, "invalid_token", "token_expired")),
        ("inactive", (401, "invalid_token", "token_revoked")), 200,
    )),
}  # fmt: skip
"""By the names of their documents."""


@pytest.fixture(params=DIALECTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def words(name: str) -> Words:
    return DIALECTS[name][1]


@pytest.fixture
def life(app: Flask, services: Services, clock: MovableClock, setting: Setting, name: str) -> Iterator[Life]:
    """At the beginning of time, behind the gate as in production, with an owner who may make every sort of token."""
    new_session = partial(InProcess, Gate(app.wsgi_app, parts(app)))
    with clock.stopped_at(BEGINNING), setting(api_can_create_refresh_tokens="on"):
        users = (
            allowed_user(services, password=PASSWORD),
            make_user(services, role=Role.INTROSPECTOR, password=PASSWORD),
        )
        logins = [Login(user.id, user.username, PASSWORD, issue(services, user).secret) for user in users]
        yield DIALECTS[name][0](URL, new_session, *logins)


def check_it_works(life: Life, held: Held, words: Words) -> None:
    assert checks(life, held) == [(200, None)] * 3
    assert life.use(held).status_code == 200
    assert life.seen(held) == words.works


def check_it_is_refused(life: Life, held: Held, ended: tuple[str, Said], reason: str) -> None:
    assert checks(life, held) == [(403, reason), (401, reason), (403, reason)]
    seen, refusal = ended
    assert life.said(life.use(held)) == refusal
    assert life.seen(held) == seen


def checks(life: Life, held: Held) -> list[tuple[int, str | None]]:
    """Status and reason where every dialect's tokens are taken: the gate by either header, and `userinfo`."""
    session, gate = life.new_session(), f"{URL}/auth/verify"
    by_gate = [
        session.get(gate, headers={"TOKEN": held.secret}),
        session.get(gate, headers={"Authorization": f"Bearer {held.secret}"}),
    ]
    userinfo = Alation(URL, session).use(held.secret)
    return [
        *((answer.status_code, answer.headers.get("X-Auth-Reason")) for answer in by_gate),
        (userinfo.status_code, userinfo.json().get("reason")),
    ]


def test_a_token_is_issued_used_and_seen_until_it_expires_and_is_refused_from_then_on(
    life: Life, words: Words, clock: MovableClock
) -> None:
    """Fails, in every dialect, when `status_at` says `<` instead of `<=` (tried)."""
    held = life.issue()
    for instant in (BEGINNING, END - MICROSECOND):
        with clock.stopped_at(instant):
            check_it_works(life, held, words)
    for instant in (END, LONG_AFTER):
        with clock.stopped_at(instant):
            check_it_is_refused(life, held, words.expired, "token_expired")


def test_a_revoked_token_is_refused_on_the_next_request_and_the_owners_others_work_on(life: Life, words: Words) -> None:
    """Fails when `revoke_one` ends all of the owner's, or `delete_single_tier` leaves the status (tried both)."""
    held, other = life.issue(), life.issue()
    check_it_works(life, held, words)
    assert life.revoke(held).status_code == words.done
    check_it_is_refused(life, held, words.revoked, "token_revoked")
    check_it_works(life, other, words)


def test_no_dialect_is_without_the_story(app: Flask) -> None:
    """One that is added must live through it too."""
    assert set(DIALECTS) == set(parts(app).documents)
