"""Whom a trusted reverse proxy's word signs in, and what that proves."""

import json
from functools import partial

import pytest

from app.domain.errors import SignInRefused
from app.domain.identity import Caller, User
from app.domain.sessions import WebSession
from app.domain.sign_ins import SignInMethod
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.factories import (
    OPERATOR,
    PASSWORD,
    configure,
    disable,
    issue,
    make_service_account,
    make_user,
    set_password,
    vouch,
)
from tests.unit.services.verdicts import DAY, MINUTE, NOW, MovedClock, reason

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("moved_clock")]

HERE = Caller("", address="192.0.2.7")


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(services, "anna")


def sign_in(services: Services, text: str, before: str | None = None) -> WebSession:
    session = services.sessions.find(services.proxy_sign_in.sign_in(text, HERE, before))
    assert session is not None
    return session


def why_refused(services: Services, text: str) -> str:
    with pytest.raises(SignInRefused) as refused:
        services.proxy_sign_in.sign_in(text, HERE, None)
    return refused.value.why


def test_a_user_who_exists_is_signed_in_by_the_user_name_alone(
    services: Services, database: Database, anna: User
) -> None:
    make_user(services, "berta", email="anna@example.com")
    for text in ("anna", "Anna", " anna "):
        session = sign_in(services, text)
        assert (session.user.id, session.method) == (anna.id, SignInMethod.PROXY)
    began = rows.audit_events(database)[-1]
    assert (began.action, began.actor, began.credential) == ("session.began", "anna", "reverse proxy")
    assert why_refused(services, "anna@example.com") == "unknown_user"
    services.accounts.change("anna", {"username": "annie"}, OPERATOR)
    assert why_refused(services, "anna") == "unknown_user", "a former name is nobody's"


@pytest.mark.parametrize("junk", ["anna,berta", "anna, anna", "ex\\anna", "ann\u00e4", "a b", "a" * 151, "\x00"])
def test_what_is_no_user_name_signs_nobody_in(services: Services, anna: User, junk: str) -> None:
    """◆ Two headers arrive as one with a comma. Fails when a part of it is taken."""
    assert why_refused(services, junk) == "malformed_name"


def test_who_may_not_sign_in_does_not_and_it_is_in_the_audit_log(
    services: Services, database: Database, anna: User
) -> None:
    """◆ And a made-up name is not. Fails when the state is not looked at."""
    account = make_service_account(services, anna)
    disable(services, "anna")
    refused = [why_refused(services, each) for each in ("anna", account.username, "zed")]
    assert refused == ["disabled", "service_account", "unknown_user"]
    services.sightings.flush()
    found = [each for each in rows.audit_events(database) if each.action == "sign_in.refused"]
    assert [each.object_id for each in found] == ["anna", account.username, "(unknown)"]
    assert [json.loads(each.detail)["reason"] for each in found] == ["disabled", "service account", "unknown user"]
    assert "zed" not in str([vars(each) for each in found])


def test_it_is_a_fresh_proof_only_of_who_has_no_password(services: Services, clock: MovedClock, anna: User) -> None:
    """◆ A password that one may not use is none. Fails when a proxy's word is as good as a password."""
    alone = sign_in(services, "anna")
    assert services.sessions.is_fresh(alone) and not services.proxy_sign_in.asks_for_password(alone)
    clock.now = NOW + 11 * MINUTE
    assert not services.sessions.is_fresh(alone)
    set_password(services, "anna", PASSWORD)
    with_password = sign_in(services, "anna")
    assert not services.sessions.is_fresh(with_password) and services.proxy_sign_in.asks_for_password(with_password)
    configure(services, password_sign_in="off")
    assert services.sessions.is_fresh(sign_in(services, "anna"))


def test_the_session_before_ends(services: Services, anna: User) -> None:
    first = services.proxy_sign_in.sign_in("anna", HERE, None)
    second = services.proxy_sign_in.sign_in("anna", HERE, first)
    assert services.sessions.find(first) is None and services.sessions.find(second) is not None


def test_it_counts_for_leavers_of_whom_has_no_other_sign_in(services: Services, clock: MovedClock, anna: User) -> None:
    """And of those whom a provider knows; others were never subject to it."""
    known, local = make_user(services, "known", password=PASSWORD), make_user(services, "local", password=PASSWORD)
    vouch(services, known, NOW)
    configure(services, sign_in_valid_days=30)
    held = [issue(services, each) for each in (anna, known, local)]
    for each in (anna, known, local):
        sign_in(services, each.username)
    clock.now = NOW + 30 * DAY
    assert [reason(services, each) for each in held] == ["owner_must_sign_in"] * 2 + [None]
    for name in ("anna", "known"):
        sign_in(services, name)
    assert [reason(services, each) for each in held] == [None] * 3


def test_who_is_refused_leaves_no_session(services: Services, database: Database, anna: User) -> None:
    before = rows.everything(database)["sessions"]
    for text in ("zed", "anna,anna"):
        with pytest.raises(SignInRefused):
            partial(services.proxy_sign_in.sign_in, text, HERE, None)()
    assert rows.everything(database)["sessions"] == before
