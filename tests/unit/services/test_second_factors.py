"""Second factors: which codes are accepted, how often, and what the password alone is worth then."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.errors import (
    BadCredentials,
    RateLimited,
    Refusal,
    SecondFactorRequired,
    SessionEnded,
    WrongCode,
)
from app.domain.identity import Caller, Role, User
from app.domain.second_factors import RECOVERY_CODES
from app.services import Services
from app.services.password_proofs import Proof
from app.services.second_factors import FactorSecrets
from app.services.second_steps import LASTS, SecondStep
from app.services.sessions import WaitsForCode
from app.services.throttling import ACCOUNT_LIMIT, KNOWN_LIMIT, NEW_PLACE_LIMIT
from app.storage.database import Database
from app.storage.second_factor_tables import RecoveryCodeRow, SecondFactorRow
from tests import rows
from tests.authenticators import PLACE, STEP, Authenticator, add_second_factor, session_of
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import OPERATOR, PASSWORD, disable, make_user, set_password
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import SECOND, MovedClock, refusal_of

ANOTHER = f"{PASSWORD_MARK}-another"
BROWSER = "the cookie of a browser".replace(" ", "-").ljust(43, "x")
DURING = timedelta(seconds=15)
"""From the beginning of a step, so that neither of two clocks is at an edge."""


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(services, "anna", password=PASSWORD)


@pytest.fixture
def app(services: Services, anna: User, moved_clock: MovedClock) -> Authenticator:
    """Anna's, while the clock is in the middle of a step."""
    now = moved_clock()
    moved_clock.now = now - timedelta(seconds=now.timestamp() % 30) + DURING
    return add_second_factor(services, anna, moved_clock())


def step(services: Services, password: str = PASSWORD, browser: str = BROWSER, caller: Caller = PLACE) -> SecondStep:
    """What the password leads to, in this browser."""
    waits = services.sessions.sign_in("anna", password, caller, browser)
    assert isinstance(waits, WaitsForCode)
    found = services.sessions.second_step(waits.text, browser)
    assert found is not None
    return found


def enter(services: Services, code: str, caller: Caller = PLACE, device: str | None = None) -> str:
    """Password and code; the session's cookie."""
    return services.sessions.sign_in_with_code(step(services, caller=caller), code, caller, BROWSER, device)


def outcome(services: Services, code: str) -> object:
    try:
        return enter(services, code)
    except Refusal as refusal:
        return type(refusal)


def test_signing_in_takes_the_password_and_then_a_code(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ Fails when the password alone begins a session."""
    waits = services.sessions.sign_in("anna", PASSWORD, PLACE, BROWSER)
    assert isinstance(waits, WaitsForCode) and services.sessions.find(waits.text) is None
    cookie = enter(services, app.code(moved_clock()))
    known = services.sessions.find(cookie)
    assert known is not None and known.user.id == anna.id and known.second_factor.is_on


@pytest.mark.both_databases
def test_a_code_is_accepted_once(services: Services, app: Authenticator, moved_clock: MovedClock) -> None:
    """◆ RFC 6238, section 5.2. Nor is an earlier one, later. Fails when `spend` does not compare the last step."""
    now = moved_clock()
    assert services.sessions.find(enter(services, app.code(now)))
    assert outcome(services, app.code(now)) is WrongCode
    assert outcome(services, app.code(now - STEP)) is WrongCode
    assert services.sessions.find(enter(services, app.code(now + STEP)))


@pytest.mark.both_databases
@pytest.mark.parametrize("is_recovery", [False, True], ids=["code of the app", "recovery code"])
def test_of_many_who_enter_one_code_at_once_one_is_signed_in(
    services: Services, app: Authenticator, moved_clock: MovedClock, is_recovery: bool
) -> None:
    """◆ With real threads. Fails when the code is read, compared and marked in statements of their own."""
    code = app.recovery_codes[0] if is_recovery else app.code(moved_clock())
    steps = [step(services) for _ in range(6)]
    known = Caller("", address=PLACE.address)

    def attempt(each: SecondStep) -> object:
        try:
            return services.sessions.sign_in_with_code(each, code, known, BROWSER)
        except Refusal as refusal:
            return type(refusal)

    found = all_at_once([partial(attempt, each) for each in steps])
    assert sum(isinstance(each, str) for each in found) == 1
    assert {each for each in found if not isinstance(each, str)} == {WrongCode}


def test_a_clock_that_differs_by_a_step_is_no_hindrance_and_one_by_two_is(
    services: Services, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ The app's, or the server's. Fails when more steps are accepted, or fewer."""
    now = moved_clock()
    for late in (timedelta(seconds=61), timedelta(seconds=-61)):
        assert outcome(services, app.code(now + late)) is WrongCode
    assert services.sessions.find(enter(services, app.code(now + timedelta(seconds=31))))
    moved_clock.now += 3 * STEP
    assert services.sessions.find(enter(services, app.code(moved_clock() - timedelta(seconds=31))))


@pytest.mark.both_databases
def test_a_clock_that_was_ahead_refuses_no_codes_later(
    services: Services, app: Authenticator, moved_clock: MovedClock
) -> None:
    right = moved_clock()
    moved_clock.now = right + timedelta(days=400)
    assert isinstance(outcome(services, app.code(moved_clock())), str)
    moved_clock.now = right
    assert isinstance(outcome(services, app.code(right)), str)
    assert outcome(services, app.code(right)) is WrongCode
    assert outcome(services, app.code(right - STEP)) is WrongCode
    assert isinstance(outcome(services, app.code(right + STEP)), str)


def test_a_recovery_code_is_accepted_once_as_people_type_it(
    services: Services, app: Authenticator, database: Database
) -> None:
    """◆ Fails when a used one stays. The audit log says that one was used, and how many are left."""
    first, second, *_ = app.recovery_codes
    assert services.sessions.find(enter(services, f" {first.upper().replace('-', ' ')} "))
    assert outcome(services, first) is WrongCode
    assert services.sessions.find(enter(services, second.replace("-", "").replace("0", "O").replace("1", "l")))
    used = [each for each in rows.audit_events(database) if each.action == "second_factor.used_recovery_code"]
    assert [json.loads(each.detail)["left"] for each in used] == [RECOVERY_CODES - 1, RECOVERY_CODES - 2]
    assert {each.actor for each in used} == {"anna"}
    assert services.enrolling.own(step(services).user.id).codes_left == RECOVERY_CODES - 2


def test_what_is_stored_is_of_no_use_without_the_keys(
    services: Services, anna: User, app: Authenticator, database: Database
) -> None:
    """◆ Nor in the row of another user. Fails when a secret or a recovery code is stored as it is."""
    with database.reading() as session:
        row = session.scalars(select(SecondFactorRow)).one()
        digests = list(session.scalars(select(RecoveryCodeRow.digest)))
    assert row.secret is not None and len(digests) == RECOVERY_CODES
    stored = json.dumps([row.secret, *digests])
    assert not any(each.replace("-", "") in stored for each in (app.secret, *app.recovery_codes))
    right, others = FactorSecrets(KEYS.pepper), FactorSecrets(b"another key of thirty-two bytes!")
    assert right.decrypt(anna.id, row.secret) == app.secret
    assert others.decrypt(anna.id, row.secret) is None and right.decrypt(anna.id + 1, row.secret) is None


def test_a_renamed_user_keeps_the_factor(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """Fails when a secret is encrypted for the user name."""
    services.accounts.change("anna", {"username": "anna-maria"}, OPERATOR)
    waits = services.sessions.sign_in("anna-maria", PASSWORD, PLACE, BROWSER)
    assert isinstance(waits, WaitsForCode)
    found = services.sessions.second_step(waits.text, BROWSER)
    assert found and services.sessions.sign_in_with_code(found, app.code(moved_clock()), PLACE, BROWSER)
    assert services.enrolling.unreadable() == 0


# Between password and code


def test_the_step_in_between_is_of_this_browser_for_five_minutes_and_of_this_password(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ And worth nothing else. Fails when a part is left out of the seal."""
    waits = services.sessions.sign_in("anna", PASSWORD, PLACE, BROWSER)
    assert isinstance(waits, WaitsForCode)
    user, second, by, seal = waits.text.split(".")
    carl = make_user(services, "carl", password=PASSWORD)
    forged = (f"{carl.id}.{second}.{by}", f"{user}.{int(second) + 60}.{by}", f"{user}.{second}.e-mail")
    for text in (*(f"{each}.{seal}" for each in forged), None):
        assert services.sessions.second_step(text, BROWSER) is None
    for browser in (BROWSER[::-1], None):
        assert services.sessions.second_step(waits.text, browser) is None
    began = moved_clock()
    moved_clock.now = began - timedelta(seconds=int(began.timestamp()) - int(second)) + LASTS - SECOND
    assert services.sessions.second_step(waits.text, BROWSER)
    moved_clock.now += 2 * SECOND
    assert services.sessions.second_step(waits.text, BROWSER) is None
    moved_clock.now = began
    set_password(services, "anna", ANOTHER)
    assert services.sessions.second_step(waits.text, BROWSER) is None


def test_a_password_that_changes_between_the_steps_begins_no_session_and_uses_up_no_code(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    found = step(services)
    set_password(services, "anna", ANOTHER)
    code = app.code(moved_clock())
    enter_it = partial(services.sessions.sign_in_with_code, found, code, PLACE, BROWSER)
    assert refusal_of(enter_it) is BadCredentials
    assert services.sessions.sign_in_with_code(step(services, ANOTHER), code, PLACE, BROWSER)
    again = step(services, ANOTHER)
    disable(services, "anna")
    assert refusal_of(partial(services.sessions.sign_in_with_code, again, code, PLACE, BROWSER)) is BadCredentials


# Guessing


def test_a_factor_that_is_added_while_somebody_signs_in_is_asked_for(
    services: Services, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, made = session_of(services, anna), list[Authenticator]()
    authenticate = services.accounts.authenticate

    def slowly(*args: Any, **kwargs: Any) -> Proof:
        proof = authenticate(*args, **kwargs)
        if not made:
            made.append(add_second_factor(services, anna, known=known))
        return proof

    monkeypatch.setattr(services.accounts, "authenticate", slowly)
    assert isinstance(services.sessions.sign_in("anna", PASSWORD, PLACE, None), WaitsForCode)
    assert [each.id for each in services.sessions.of_user(anna.id)] == [known.id]


def test_codes_are_guessed_within_the_budgets_of_passwords(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ Who has the password has five guesses in a network and a hundred in all; the owner comes in where they are
    known. Fails when a right password makes the network known, or wrong codes are not counted.
    """
    device = "a device where anna signed in"
    found, wrong = step(services), app.wrong_code(moved_clock())
    refused = []
    for number in range(ACCOUNT_LIMIT + 60):
        stranger = Caller("", address=f"198.{number // NEW_PLACE_LIMIT}.100.1")
        try:
            services.sessions.sign_in_with_code(step(services, caller=stranger), wrong, stranger, BROWSER)
        except (WrongCode, RateLimited) as refusal:
            refused.append(type(refusal))
        if refused[-1] is RateLimited:
            break
    assert refused.count(WrongCode) == ACCOUNT_LIMIT
    new = Caller("", address="203.0.113.9")
    right = partial(services.sessions.sign_in_with_code, found, app.code(moved_clock()))
    assert refusal_of(partial(right, new, BROWSER)) is RateLimited
    assert right(new, BROWSER, device)
    assert services.accounts.throttle.lock_of("anna")


def test_in_one_new_network_five_guesses_are_made_however_often_the_password_is_right(
    services: Services, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ Fails when the right password makes its network known: 20 an hour in each would be tried."""
    stranger, wrong = Caller("", address="198.51.100.1"), app.wrong_code(moved_clock())
    for _ in range(NEW_PLACE_LIMIT):
        assert refusal_of(partial(enter, services, wrong, stranger)) is WrongCode
    assert refusal_of(partial(enter, services, wrong, stranger)) is RateLimited
    assert NEW_PLACE_LIMIT < KNOWN_LIMIT


def test_an_empty_field_is_no_guess_and_a_right_code_costs_nothing(
    services: Services, app: Authenticator, moved_clock: MovedClock
) -> None:
    for _ in range(NEW_PLACE_LIMIT + 1):
        assert refusal_of(partial(enter, services, "  ")) is WrongCode
    for number in range(NEW_PLACE_LIMIT + 1):
        moved_clock.now += STEP
        assert enter(services, app.code(moved_clock())), number


# The password alone


@pytest.mark.parametrize("setting", ["off", "on"])
def test_the_apis_refuse_the_password_alone_and_only_the_right_one_with_the_reason(
    services: Services, anna: User, app: Authenticator, setting: str, database: Database
) -> None:
    """◆ And it costs the account nothing. Fails when a wrong password is told that there is a second factor."""
    services.instance_settings.change("password_api_with_second_factor", setting, OPERATOR)
    elsewhere = Caller("", address="203.0.113.5")
    for _ in range(3 * NEW_PLACE_LIMIT):
        ask = partial(services.issuing.issue_with_password, "anna", PASSWORD, "nightly", elsewhere)
        assert refusal_of(ask) is (SecondFactorRequired if setting == "off" else None)
    wrong = partial(services.issuing.issue_with_password, "anna", ANOTHER, "nightly", elsewhere)
    assert refusal_of(wrong) is BadCredentials
    services.last_use.flush()
    refused = [each for each in rows.audit_events(database) if each.action == "sign_in.refused"]
    reasons = {json.loads(each.detail)["reason"] for each in refused}
    assert reasons == {"password alone" if setting == "off" else "wrong password"}  # one of a minute


def test_administrators_need_one_while_the_setting_is_on(services: Services) -> None:
    """◆ Without one they reach only the page that adds it, and their password alone no API; others are as before."""
    boss, user = (
        make_user(services, "boss", Role.SERVER_ADMIN, PASSWORD),
        make_user(services, "vera", password=PASSWORD),
    )
    cookies = [services.sessions.sign_in(each.username, PASSWORD, PLACE, None) for each in (boss, user)]
    services.instance_settings.change("second_factor_for_administrators", "on", OPERATOR)
    found = [services.sessions.find(each) for each in cookies if isinstance(each, str)]
    assert [each and each.must_add_second_factor for each in found] == [True, False]
    issue = partial(services.issuing.issue_with_password, password=PASSWORD, name="x", caller=PLACE)
    assert refusal_of(partial(issue, "boss")) is SecondFactorRequired and refusal_of(partial(issue, "vera")) is None
    add_second_factor(services, boss)
    waits = services.sessions.sign_in("boss", PASSWORD, PLACE, None)
    assert isinstance(waits, WaitsForCode)


# Proving it again


def test_proving_again_who_one_is_takes_a_code_too(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ Fails when the password alone makes a session fresh."""
    known = services.sessions.find(enter(services, app.recovery_codes[0]))
    assert known is not None
    code = app.code(moved_clock())
    for wrong in ("", app.wrong_code(moved_clock())):
        assert refusal_of(partial(services.sessions.prove, known, PASSWORD, PLACE, wrong)) is WrongCode
    assert refusal_of(partial(services.sessions.prove, known, ANOTHER, PLACE, code)) is BadCredentials
    assert services.sessions.find(services.sessions.prove(known, PASSWORD, PLACE, code))
    assert refusal_of(partial(services.sessions.prove, known, PASSWORD, PLACE, code)) is WrongCode
    moved_clock.now += STEP
    assert refusal_of(partial(services.sessions.prove, known, PASSWORD, PLACE, app.code(moved_clock()))) is SessionEnded


def test_changing_the_password_takes_a_code_unless_one_was_entered_recently(
    services: Services, anna: User, app: Authenticator, moved_clock: MovedClock
) -> None:
    """◆ And a new password that is refused uses up none. Fails when a stolen session and the password are enough."""
    known = services.sessions.find(enter(services, app.recovery_codes[0]))
    assert known is not None
    stale = Caller("anna", anna.id, PLACE.address, credential=known.credential)
    change = partial(services.changing_passwords.change, known, PASSWORD)
    code = app.code(moved_clock())
    assert refusal_of(partial(change, ANOTHER, stale)) is WrongCode
    assert refusal_of(partial(change, "short", stale, code=code)) is not WrongCode
    change(ANOTHER, stale, code=code)
    back = partial(services.changing_passwords.change, known, ANOTHER, PASSWORD, stale)
    assert refusal_of(partial(back, code=code)) is WrongCode
