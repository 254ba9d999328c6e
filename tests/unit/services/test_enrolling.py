"""Adding, changing and removing a second factor, and resetting that of another."""

import json
from functools import partial

import pytest
from sqlalchemy import select

from app.domain.errors import BadRequest, Conflict, NotFound, NotPermitted, Refusal
from app.domain.identity import Role, User
from app.domain.second_factors import RECOVERY_CODES
from app.services import Services
from app.services.sessions import WaitsForCode
from app.storage.database import Database
from app.storage.second_factor_tables import RecoveryCodeRow, SecondFactorRow
from config import Keys
from tests import rows
from tests.authenticators import PLACE, Authenticator, add_second_factor, offered, session_of
from tests.crowds import all_at_once
from tests.databases import KEYS, services_on
from tests.factories import OPERATOR, PASSWORD, make_user, signed_in
from tests.unit.services.verdicts import MINUTE, MovedClock, refusal_of

BROWSER = "x" * 43


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(services, "anna", password=PASSWORD)


def asks_code(services: Services) -> bool:
    return isinstance(services.sessions.sign_in("anna", PASSWORD, PLACE, BROWSER), WaitsForCode)


def accepts(services: Services, code: str) -> bool:
    waits = services.sessions.sign_in("anna", PASSWORD, PLACE, BROWSER)
    assert isinstance(waits, WaitsForCode)
    step = services.sessions.second_step(waits.text, BROWSER)
    assert step is not None
    return refusal_of(partial(services.sessions.sign_in_with_code, step, code, PLACE, BROWSER)) is None


def test_what_is_abandoned_half_way_leaves_nothing(services: Services, anna: User, database: Database) -> None:
    """◆ Fails when a secret counts before a code of it was entered."""
    known, offer = offered(services, anna)
    wrong = partial(services.enrolling.add, known, offer.sealed, Authenticator(offer.secret).wrong_code())
    assert refusal_of(partial(wrong, signed_in(anna))) is BadRequest
    assert services.enrolling.opened(known, offer.sealed) == offer
    assert not asks_code(services)
    assert rows.count(database, SecondFactorRow) == rows.count(database, RecoveryCodeRow) == 0


def test_adding_ends_the_other_sessions_which_have_shown_no_code(
    services: Services, anna: User, database: Database
) -> None:
    other, (known, offer) = session_of(services, anna), offered(services, anna)
    codes = services.enrolling.add(known, offer.sealed, Authenticator(offer.secret).code(), signed_in(anna))
    assert [each.id for each in services.sessions.of_user(anna.id)] == [known.id] != [other.id]
    assert len(set(codes)) == RECOVERY_CODES == services.enrolling.own(anna.id).codes_left
    (event,) = (each for each in rows.audit_events(database) if each.action == "second_factor.added")
    assert (event.object_id, event.actor, json.loads(event.detail)) == ("anna", "anna", {"is_another": False})


def test_the_code_that_confirms_it_signs_nobody_in(services: Services, anna: User, moved_clock: MovedClock) -> None:
    """◆ Fails when its step is not stored."""
    known, offer = offered(services, anna)
    code = Authenticator(offer.secret).code(moved_clock())
    services.enrolling.add(known, offer.sealed, code, signed_in(anna))
    assert not accepts(services, code)


@pytest.mark.both_databases
def test_of_two_tabs_that_add_one_the_first_has_it(services: Services, anna: User) -> None:
    """◆ With real threads, and so that the recovery codes are the winner's. Fails when `put` has no condition."""
    known = session_of(services, anna)
    offers = [offered(services, anna, known)[1] for _ in range(4)]
    apps = [Authenticator(each.secret) for each in offers]

    def add(number: int) -> object:
        try:
            return services.enrolling.add(known, offers[number].sealed, apps[number].code(), signed_in(anna))
        except Refusal as refusal:
            return type(refusal)

    found = all_at_once([partial(add, number) for number in range(4)])
    (winner,) = (number for number, each in enumerate(found) if isinstance(each, list))
    assert {each for each in found if not isinstance(each, list)} == {Conflict}
    codes = found[winner]
    assert isinstance(codes, list) and accepts(services, codes[0])
    assert services.enrolling.own(anna.id).codes_left == RECOVERY_CODES - 1


def test_an_offer_is_of_one_session_and_one_user(services: Services, anna: User) -> None:
    """◆ Fails when a text that somebody else was offered can be put into the form."""
    known, offer = offered(services, anna)
    carl, code = make_user(services, "carl", password=PASSWORD), Authenticator(offer.secret).code()
    for user, session in ((anna, session_of(services, anna)), (carl, session_of(services, carl))):
        assert refusal_of(partial(services.enrolling.add, session, offer.sealed, code, signed_in(user))) is Conflict
    for text in ("", offer.sealed[:-2], "x" * 80):
        assert refusal_of(partial(services.enrolling.add, known, text, code, signed_in(anna))) is Conflict


def test_another_app_takes_the_place_of_the_first(services: Services, anna: User, moved_clock: MovedClock) -> None:
    first = add_second_factor(services, anna, moved_clock())
    waits = services.sessions.sign_in("anna", PASSWORD, PLACE, BROWSER)
    assert isinstance(waits, WaitsForCode)
    step = services.sessions.second_step(waits.text, BROWSER)
    assert step is not None
    known = services.sessions.find(services.sessions.sign_in_with_code(step, first.recovery_codes[0], PLACE, BROWSER))
    assert known is not None
    _, offer = offered(services, anna, known)
    second = Authenticator(offer.secret)
    codes = services.enrolling.add(known, offer.sealed, second.code(moved_clock()), signed_in(anna))
    moved_clock.now += MINUTE
    assert [accepts(services, each) for each in (first.code(moved_clock()), first.recovery_codes[1])] == [False, False]
    assert accepts(services, second.code(moved_clock())) and accepts(services, codes[0])


def test_new_recovery_codes_are_worth_what_the_old_ones_were(services: Services, anna: User) -> None:
    app = add_second_factor(services, anna)
    known = services.sessions.of_user(anna.id)[0]
    codes = services.enrolling.replace_recovery_codes(known, signed_in(anna))
    assert not accepts(services, app.recovery_codes[0]) and accepts(services, codes[0])


def test_after_removing_it_the_password_signs_in_and_nothing_is_left_to_remove(
    services: Services, anna: User, database: Database
) -> None:
    add_second_factor(services, anna)
    known = services.sessions.of_user(anna.id)[0]
    services.enrolling.remove(known, signed_in(anna))
    assert not asks_code(services) and rows.count(database, RecoveryCodeRow) == 0
    assert refusal_of(partial(services.enrolling.remove, known, signed_in(anna))) is Conflict
    assert refusal_of(partial(services.enrolling.replace_recovery_codes, known, signed_in(anna))) is Conflict


def test_each_change_needs_a_fresh_proof(services: Services, anna: User) -> None:
    """◆ Fails when an unattended session is enough to lock its owner out."""
    known, offer = offered(services, anna)
    stale, code = signed_in(anna, is_fresh=False), Authenticator(offer.secret).code()
    assert refusal_of(partial(services.enrolling.offer, known, stale)) is NotPermitted
    assert refusal_of(partial(services.enrolling.add, known, offer.sealed, code, stale)) is NotPermitted
    services.enrolling.add(known, offer.sealed, code, signed_in(anna))
    assert refusal_of(partial(services.enrolling.replace_recovery_codes, known, stale)) is NotPermitted
    assert refusal_of(partial(services.enrolling.remove, known, stale)) is NotPermitted


def test_a_person_without_a_password_has_none(services: Services, anna: User) -> None:
    known = session_of(services, anna)
    by_provider = make_user(services, "berta")
    known = type(known)(**vars(known) | {"user": by_provider})
    assert refusal_of(partial(services.enrolling.offer, known, signed_in(by_provider))) is Conflict


@pytest.mark.both_databases
def test_another_resets_it_and_the_person_is_told_until_they_have_read_it(
    services: Services, anna: User, database: Database
) -> None:
    """◆ Fails when the person learns nothing of it, or the recovery codes stay."""
    boss = make_user(services, "boss", Role.SERVER_ADMIN)
    add_second_factor(services, anna)
    for caller, refused in ((signed_in(anna), NotPermitted), (signed_in(boss, is_fresh=False), NotPermitted)):
        assert refusal_of(partial(services.enrolling.reset, anna.id, caller)) is refused
    services.enrolling.reset(anna.id, signed_in(boss))
    assert services.sessions.of_user(anna.id) == [] and rows.count(database, RecoveryCodeRow) == 0
    known = session_of(services, anna)
    assert (known.second_factor.is_on, known.second_factor.reset_by) == (False, "boss")
    services.enrolling.forget_reset(known)
    assert session_of(services, anna).second_factor.reset_by is None
    (event,) = (each for each in rows.audit_events(database) if each.action == "second_factor.reset")
    assert (event.object_id, event.actor) == ("anna", "boss")


def test_nobody_resets_their_own_and_nobody_what_is_not_there(services: Services, anna: User) -> None:
    boss = make_user(services, "boss", Role.SERVER_ADMIN, PASSWORD)
    add_second_factor(services, boss)
    assert refusal_of(partial(services.enrolling.reset, "boss", signed_in(boss))) is Conflict
    assert refusal_of(partial(services.enrolling.reset, "anna", OPERATOR)) is Conflict
    assert refusal_of(partial(services.enrolling.reset, "nobody", OPERATOR)) is NotFound
    assert services.enrolling.reset("boss", OPERATOR).username == "boss"


def test_deleting_a_user_deletes_it(services: Services, anna: User, database: Database) -> None:
    add_second_factor(services, anna)
    services.deleting_users.delete(anna.id, OPERATOR)
    assert rows.count(database, SecondFactorRow) == rows.count(database, RecoveryCodeRow) == 0


def test_under_another_pepper_it_is_unreadable_and_can_be_reset(
    services: Services, anna: User, database: Database, moved_clock: MovedClock
) -> None:
    add_second_factor(services, anna, moved_clock())
    with database.reading() as session:
        assert session.scalars(select(SecondFactorRow.user_id)).all() == [anna.id]
    others = services_on(
        database, Keys(token_keys=KEYS.token_keys, pepper=b"another pepper of 32 bytes here!"), moved_clock
    )
    assert (services.enrolling.unreadable(), others.enrolling.unreadable()) == (0, 1)
    others.close()
