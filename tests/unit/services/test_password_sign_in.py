"""Who signs in on the pages with a password, and the administrator who always can."""

from dataclasses import replace
from functools import partial

import pytest

from app.domain.errors import BadCredentials, SignInRefused
from app.domain.identity import Caller, Role
from app.domain.sessions import FRESH
from app.services import Services
from app.services.break_glass import ALL_LINKED, NONE_LEFT
from app.services.linking import named_person
from tests.factories import ISSUER, OPERATOR, PASSWORD, configure, disable, make_user
from tests.unit.services.verdicts import refusal_of

pytestmark = pytest.mark.both_databases

VISITOR = Caller("", address="192.0.2.10")


def refusal(services: Services, username: str, password: str = PASSWORD) -> object:
    return refusal_of(partial(services.sessions.sign_in, username, password, VISITOR, None))


def link(services: Services, username: str) -> None:
    services.linking.link(username, named_person(ISSUER, username), OPERATOR)


def test_passwords_are_for_all_for_administrators_or_for_those_whom_no_provider_knows(services: Services) -> None:
    """Also to prove with one who they are. Fails when APIs stop taking passwords with it."""
    make_user(services, "anna", password=PASSWORD)
    for name in ("known-root", "local-root"):
        make_user(services, name, Role.SERVER_ADMIN, PASSWORD)
    link(services, "known-root")
    sessions = {
        name: services.sessions.find(services.sessions.sign_in(name, PASSWORD, VISITOR, None))
        for name in ("anna", "known-root", "local-root")
    }
    allowed = {
        "on": ["anna", "known-root", "local-root"],
        "administrators": ["known-root", "local-root"],
        "off": ["local-root"],
    }
    for value, names in allowed.items():
        configure(services, password_sign_in=value)
        for name, session in sessions.items():
            expected = None if name in names else SignInRefused
            assert refusal(services, name) is expected, (value, name)
            assert session is not None
            assert refusal_of(partial(services.sessions.prove, session, "wrong", VISITOR)) in (expected, BadCredentials)
            assert refusal(services, name, "wrong") is BadCredentials, "nobody learns more without the password"
    assert services.issuing.issue_with_password("anna", PASSWORD, "etl", VISITOR).secret


def test_a_password_proves_nothing_in_a_session_where_it_signs_nobody_in(services: Services) -> None:
    make_user(services, "local-root", Role.SERVER_ADMIN, PASSWORD)
    anna = make_user(services, "anna", password=PASSWORD)
    known = services.sessions.find(services.sessions.sign_in(anna.username, PASSWORD, VISITOR, None))
    assert known is not None
    configure(services, password_sign_in="off")
    assert refusal_of(partial(services.sessions.prove, known, PASSWORD, VISITOR)) is SignInRefused
    services.last_use.flush()
    (event,) = services.audit_list.events(action="sign_in.refused").items
    assert (event.object_id, event.detail) == ("anna", {"reason": "password sign-in is off"})
    configure(services, password_sign_in="on")
    services.sessions.prove(known, PASSWORD, VISITOR)


def test_changing_the_password_proves_nothing_where_it_signs_nobody_in(services: Services) -> None:
    """Fails when who knows the password makes a session fresh with it, although passwords are off."""
    make_user(services, "local-root", Role.SERVER_ADMIN, PASSWORD)
    make_user(services, "anna", password=PASSWORD)
    cookie = services.sessions.sign_in("anna", PASSWORD, VISITOR, None)
    for value, is_fresh in (("off", False), ("on", True)):
        configure(services, password_sign_in=value)
        known = services.sessions.find(cookie)
        assert known is not None
        cookie = services.sessions.renew(replace(known, proved_at=known.proved_at - FRESH))
        renewed = services.sessions.find(cookie)
        assert renewed is not None and services.sessions.is_fresh(renewed) is is_fresh


def test_one_administrator_always_signs_in_with_a_password(services: Services) -> None:
    """Fails when turning passwords off locks out everybody who does not depend on a provider."""
    for name in ("first-root", "second-root"):
        make_user(services, name, Role.SERVER_ADMIN, PASSWORD)
    configure(services, password_sign_in="off")
    link(services, "first-root")
    assert [refusal(services, name) for name in ("first-root", "second-root")] == [SignInRefused, None]
    disable(services, "second-root")
    assert refusal(services, "first-root") is None
    make_user(services, "third-root", Role.SERVER_ADMIN)  # without a password
    assert refusal(services, "first-root") is None


def test_administrators_are_told_where_none_signs_in_without_a_provider(services: Services) -> None:
    def lines() -> list[str]:
        return [each.detail for each in services.health.examine() if each.name == "break-glass"]

    make_user(services, "root-1", Role.SERVER_ADMIN)
    assert lines() == []
    link(services, "root-1")
    assert lines() == [NONE_LEFT]
    make_user(services, "root-2", Role.SERVER_ADMIN, PASSWORD)
    assert lines() == []
    link(services, "root-2")
    assert lines() == [ALL_LINKED]
