"""Signing in by e-mail: only where it is one enabled user's, never in place of a user name, and in the same budgets."""

import pytest

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.errors import BadCredentials, RateLimited
from app.domain.identity import Caller, Role, User
from app.services import Services
from app.services.service_accounts import People
from app.services.throttling import NEW_PLACE_LIMIT
from app.storage.database import Database
from tests import rows
from tests.factories import OPERATOR, PASSWORD, disable, lock_sign_in, make_user
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import refusal_of

EMAIL = "Anna@example.org"
WRONG = f"{PASSWORD_MARK}-that-is-wrong"
OTHER = f"{PASSWORD_MARK}-of-the-other"
HOME, ABROAD = "192.0.2.10", "198.51.100.7"


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(services, "anna", password=PASSWORD, email=EMAIL)


def sign_in(services: Services, typed: str, password: str = PASSWORD, address: str = HOME) -> int:
    return services.accounts.authenticate(typed, password, Caller("", address=address)).user.id


def is_refused(services: Services, typed: str, password: str = PASSWORD) -> bool:
    return refusal_of(lambda: sign_in(services, typed, password)) is BadCredentials


@pytest.mark.both_databases
def test_an_e_mail_signs_in_whatever_its_letter_case(services: Services, anna: User) -> None:
    for typed in (EMAIL, EMAIL.lower(), EMAIL.upper(), "anna", "ANNA"):
        assert sign_in(services, typed) == anna.id
    assert is_refused(services, EMAIL, WRONG) and is_refused(services, "bert@example.org")
    assert is_refused(services, "") and is_refused(services, "@")


@pytest.mark.both_databases
def test_an_e_mail_of_two_enabled_users_signs_in_neither(services: Services, anna: User) -> None:
    """◆ Fails when the first of them is taken."""
    make_user(services, "berta", password=OTHER, email=EMAIL.lower())
    assert is_refused(services, EMAIL) and is_refused(services, EMAIL, OTHER)
    assert sign_in(services, "anna") == anna.id
    disable(services, "berta")
    assert sign_in(services, EMAIL) == anna.id and is_refused(services, EMAIL, OTHER)
    disable(services, "anna")
    assert is_refused(services, EMAIL)


@pytest.mark.both_databases
def test_a_user_name_wins_over_the_same_e_mail_of_somebody_else(services: Services, anna: User) -> None:
    """◆ Fails when an e-mail is looked for first: who has it would catch the other's sign-in. Disabled ones win too."""
    named = make_user(services, EMAIL.lower(), password=OTHER)
    assert sign_in(services, EMAIL, OTHER) == named.id and is_refused(services, EMAIL)
    disable(services, named.username)
    assert is_refused(services, EMAIL) and is_refused(services, EMAIL, OTHER)


def test_users_without_an_e_mail_are_not_found_by_none(services: Services) -> None:
    """◆ Fails when what is no address is compared as NULL, which all of them have."""
    make_user(services, "carl", password=PASSWORD)
    for typed in ("", "no address", "Deleted user 1", "@", "\0"):
        assert is_refused(services, typed)


def test_an_account_without_a_password_has_none_by_e_mail_either(services: Services) -> None:
    make_user(services, "carl", email="carl@example.org")
    assert is_refused(services, "carl@example.org", "")


def test_a_service_account_s_e_mail_takes_none_away(services: Services, anna: User) -> None:
    """It never signs in: the address may be that of who answers for it."""
    services.service_accounts.add("svc-etl", Role.VIEWER, People("anna"), OPERATOR, email=EMAIL)
    assert sign_in(services, EMAIL) == anna.id


def test_a_guesser_has_one_budget_whichever_is_typed(services: Services, anna: User) -> None:
    """◆ Fails when attempts are counted by what was typed: the e-mail would double them."""
    typed = ("anna", EMAIL, EMAIL.upper(), "Anna", EMAIL)[:NEW_PLACE_LIMIT]
    assert len(typed) == NEW_PLACE_LIMIT
    for each in typed:
        with pytest.raises(BadCredentials):
            sign_in(services, each, WRONG, ABROAD)
    for each in ("anna", EMAIL):
        with pytest.raises(RateLimited):
            sign_in(services, each, PASSWORD, ABROAD)
    assert sign_in(services, EMAIL, address=HOME) == anna.id


def test_a_known_network_is_known_for_both(services: Services, anna: User) -> None:
    sign_in(services, EMAIL)
    lock_sign_in(services, "anna")
    for typed in ("anna", EMAIL):
        assert sign_in(services, typed) == anna.id
        with pytest.raises(RateLimited):
            sign_in(services, typed, address=ABROAD)


def test_the_log_tells_by_what_somebody_signed_in_and_never_what_was_typed(
    services: Services, database: Database, anna: User
) -> None:
    """A name that is no user's may be a password; an e-mail is not repeated in every event."""
    for typed in ("anna", EMAIL):
        services.sessions.sign_in(typed, PASSWORD, Caller("", address=HOME), None)
        services.issuing.issue_with_password(typed, PASSWORD, "nightly-etl", Caller("", address=HOME))
        assert is_refused(services, typed, WRONG)
    assert is_refused(services, "bert@example.org", WRONG)
    services.sightings.flush()
    events = rows.audit_events(database)
    about = [(each.action, each.object_id, "e-mail" in each.detail) for each in events]
    for action in ("session.began", "refresh_token.created"):
        assert [by_email for each, _, by_email in about if each == action] == [False, True]
    assert {each for action, each, _ in about if action == SIGN_IN_REFUSED} == {"anna", "(unknown)"}
    assert not any("example.org" in each.detail for each in events)


def test_a_password_that_is_changed_by_its_owner_is_not_asked_by_e_mail(services: Services, anna: User) -> None:
    """A session knows its user by id: another e-mail meanwhile makes no difference."""
    cookie = services.sessions.sign_in(EMAIL, PASSWORD, Caller("", address=HOME), None)
    known = services.sessions.find(cookie)
    assert known is not None and known.user.id == anna.id
    services.accounts.change(anna.id, {"email": "another@example.org"}, OPERATOR)
    services.sessions.prove(known, PASSWORD, Caller("anna", anna.id, HOME))
    assert is_refused(services, EMAIL) and sign_in(services, "another@example.org") == anna.id


def test_refused_sign_ins_take_the_same_statements(services: Services, database: Database, anna: User) -> None:
    """◆ Fails when an e-mail is looked for only where no user name was found."""
    for name in ("berta", "clara"):
        make_user(services, name, password=OTHER, email="both@example.org")
    disable(services, make_user(services, "dora", password=PASSWORD, email="dora@example.org").username)
    seen = {}
    for typed in ("anna", EMAIL, "nobody", "nobody@example.org", "both@example.org", "dora@example.org", "dora"):
        is_refused(services, typed, WRONG)  # its counters exist
        with rows.statements(database) as made:
            assert is_refused(services, typed, WRONG)
        seen[typed] = [each.split()[0] for each in made]
    assert len({tuple(each) for each in seen.values()}) == 1, seen
