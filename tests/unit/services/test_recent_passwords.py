"""The password of an introspection: compared once a minute, and again whenever the account or the place is another."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import BadCredentials, RateLimited, Refusal, SecondFactorRequired, SignInRefused
from app.domain.identity import Caller, Role, User
from app.services import Services
from app.services.passwords import Passwords
from app.services.recent_passwords import COMPARED_EVERY, LONGEST, MOST
from app.services.throttling import KNOWN_LIMIT
from app.storage.database import Database
from tests import rows
from tests.authenticators import add_second_factor
from tests.factories import OPERATOR, PASSWORD, configure, disable, make_user, set_password, set_role, vouch
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import DAY, MICROSECOND, SECOND, MovedClock, refusal_of

GATEWAY, ELSEWHERE = Caller("", address="192.0.2.10"), Caller("", address="192.0.2.99")
WRONG, NEW = f"{PASSWORD_MARK}-wrong", f"{PASSWORD_MARK}-quite-another-one"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords whose digest was computed to compare it."""
    passwords: list[str] = []
    matches = Passwords.matches

    def noted(self: Passwords, password: str, stored: str | None) -> bool:
        passwords.append(password)
        return matches(self, password, stored)

    monkeypatch.setattr(Passwords, "matches", noted)
    return passwords


@pytest.fixture
def admin(services: Services) -> User:
    make_user(services, "other-admin", Role.SERVER_ADMIN)
    return make_user(services, "clara", Role.SERVER_ADMIN, PASSWORD, email="clara@example.com")


def ask(services: Services, name: str = "clara", password: str = PASSWORD, caller: Caller = GATEWAY) -> User:
    return services.recent_passwords.authenticate(name, password, caller).user


def test_a_right_password_is_compared_once_a_minute(
    services: Services, moved_clock: MovedClock, admin: User, compared: list[str]
) -> None:
    """Fails when a use extends the minute."""
    for _ in range(3):
        for step in (0 * SECOND, 30 * SECOND, 30 * SECOND - MICROSECOND):
            moved_clock.advance(step)
            assert ask(services) == admin
        moved_clock.advance(MICROSECOND)
    assert compared == [PASSWORD] * 3
    moved_clock.advance(-DAY)  # a clock that was ahead
    ask(services)
    assert len(compared) == 4


def test_nothing_is_written_while_a_password_is_recent(
    services: Services, database: Database, moved_clock: MovedClock, admin: User
) -> None:
    ask(services)
    before = rows.everything(database)
    ask(services)
    assert rows.everything(database) == before


def test_it_is_another_s_for_another_name_password_or_place(
    services: Services, moved_clock: MovedClock, admin: User, compared: list[str]
) -> None:
    """Fails when a password is recognised wherever it comes from: elsewhere other counters apply."""
    ask(services)
    for name, caller in (("CLARA", GATEWAY), ("clara@example.com", GATEWAY), ("clara", ELSEWHERE)):
        ask(services, name, caller=caller)
    assert len(compared) == 4
    ask(services)
    assert len(compared) == 4
    assert refusal_of(lambda: ask(services, "other-admin")) is BadCredentials


def test_a_wrong_password_is_compared_each_time_and_forgets_the_right_one_for_a_minute(
    services: Services, moved_clock: MovedClock, admin: User, compared: list[str]
) -> None:
    """◆ So a guess is counted as every other is. Fails when the right one is kept beside wrong ones."""
    ask(services)
    assert refusal_of(lambda: ask(services, password=WRONG)) is BadCredentials
    assert refusal_of(lambda: ask(services, password=WRONG)) is BadCredentials
    ask(services)
    ask(services)
    assert compared == [PASSWORD, WRONG, WRONG, PASSWORD, PASSWORD]
    moved_clock.advance(COMPARED_EVERY)
    ask(services)
    ask(services)
    assert compared[5:] == [PASSWORD]


def test_where_the_counters_are_full_a_recent_password_is_refused_as_any_other(
    services: Services, services_with: Callable[..., Services], moved_clock: MovedClock, admin: User
) -> None:
    """◆ By guesses at another host, so that this one knows nothing of them. Fails when they are not looked at."""
    ask(services)
    other = services_with(clock=moved_clock)
    for _ in range(KNOWN_LIMIT):
        assert refusal_of(lambda: other.accounts.authenticate("clara", WRONG, GATEWAY)) is BadCredentials
    assert refusal_of(lambda: ask(services)) is RateLimited


CHANGES: dict[str, tuple[Callable[[Services, User], object], type[Refusal] | None]] = {
    "another password": (lambda its, _: set_password(its, "clara", NEW), BadCredentials),
    "the same password set again": (lambda its, _: set_password(its, "clara", PASSWORD), None),
    "another role": (lambda its, _: set_role(its, "clara", Role.VIEWER), None),
    "disabled": (lambda its, _: disable(its, "clara"), BadCredentials),
    "deleted": (lambda its, it: its.deleting_users.delete(it.id, OPERATOR), BadCredentials),
    "renamed": (lambda its, _: its.accounts.change("clara", {"username": "klara"}, OPERATOR), BadCredentials),
    "another e-mail": (lambda its, _: its.accounts.change("clara", {"email": "c@example.com"}, OPERATOR), None),
    "a second factor": (lambda its, it: add_second_factor(its, it), SecondFactorRequired),
    "second factors required": (
        lambda its, _: configure(its, second_factor_for_administrators="on"), SecondFactorRequired,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_is_changed_on_another_host_holds_for_the_next_use(
    services: Services, services_with: Callable[..., Services], admin: User, compared: list[str], what: str
) -> None:
    """◆ Fails when what was read of the account is kept, or when only its password is compared."""
    act, refused = CHANGES[what]
    ask(services)
    other = services_with()
    act(other, admin)
    compared.clear()
    assert refusal_of(lambda: ask(services)) is refused
    assert compared == [PASSWORD]
    if refused is None:
        assert ask(services) == other.accounts.get("clara")
        assert compared == [PASSWORD]


def test_an_allowed_password_alone_is_recent_despite_a_second_factor_until_it_is_not_allowed(
    services: Services, admin: User, compared: list[str]
) -> None:
    configure(services, password_api_with_second_factor="on")
    add_second_factor(services, admin)
    compared.clear()
    ask(services), ask(services)
    assert compared == [PASSWORD]
    configure(services, password_api_with_second_factor="off")
    assert refusal_of(lambda: ask(services)) is SecondFactorRequired


def test_time_ends_it_as_it_ends_a_temporary_password_and_who_has_left(
    services: Services, moved_clock: MovedClock, database: Database, admin: User, compared: list[str]
) -> None:
    """To the microsecond, within the minute."""
    temporary = services.changing_passwords.set("clara", NEW, OPERATOR, is_temporary=True).user
    assert temporary.password_expires_at is not None
    moved_clock.now = temporary.password_expires_at - 2 * MICROSECOND
    ask(services, password=NEW)
    moved_clock.advance(MICROSECOND)
    ask(services, password=NEW)
    assert len(compared) == 1
    moved_clock.advance(MICROSECOND)
    assert refusal_of(lambda: ask(services, password=NEW)) is not None


def test_who_must_sign_in_first_is_refused_within_the_minute(
    services: Services, moved_clock: MovedClock, database: Database, admin: User
) -> None:
    configure(services, sign_in_valid_days=1)
    vouch(services, admin, moved_clock.now - DAY + SECOND)
    ask(services)
    moved_clock.advance(SECOND)
    assert refusal_of(lambda: ask(services)) is SignInRefused


def test_after_the_minute_one_request_compares_and_the_others_do_not_wait(
    services: Services, moved_clock: MovedClock, admin: User, compared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when each compares: sixteen at once would take all places, and some be refused."""
    ask(services)
    moved_clock.advance(COMPARED_EVERY)
    matches = Passwords.matches
    met: list[User] = []

    def another_meanwhile(self: Passwords, *about: Any) -> bool:
        met.append(ask(services))
        return matches(self, *about)

    monkeypatch.setattr(Passwords, "matches", another_meanwhile)
    ask(services)
    assert (len(met), compared) == (1, [PASSWORD] * 2)
    moved_clock.advance(LONGEST)
    monkeypatch.setattr(Passwords, "matches", matches)
    ask(services)
    assert len(compared) == 3


def test_no_more_than_some_are_kept(
    services: Services, admin: User, compared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither a password nor its stored digest is in what is shown of them."""
    monkeypatch.setattr("app.services.recent_passwords.MOST", 2)
    assert MOST > 2
    for number in range(4):
        ask(services, caller=Caller("", address=f"198.51.100.{number}"))
    kept = services.recent_passwords._recent
    assert len(kept) == 2
    assert PASSWORD not in repr(kept) and "$2b$" not in repr(kept)
