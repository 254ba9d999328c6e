"""Budgets of failed sign-ins: what is used up, for which account and address, until when, and what never counts."""

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from app.domain.errors import BadCredentials, RateLimited, Refusal, Unavailable
from app.domain.identity import Caller, User
from app.domain.seals import Seal
from app.services import Services, throttling
from app.services.accounts import Accounts
from app.services.passwords import Passwords
from app.services.throttling import (
    ACCOUNT_WINDOW,
    KEPT_FOR,
    WINDOW,
    Attempt,
    Claim,
    LoginThrottle,
    counted_network,
    network_of,
)
from app.storage import database as storage
from app.storage.database import Database
from app.storage.throttle import LONGEST_ATTEMPT, Filled
from tests import rows
from tests.crowds import all_at_once
from tests.databases import CHEAPEST_COST, KEYS, accounts_on
from tests.factories import OPERATOR, PASSWORD, Access, Refresh, mint, mint_with, purge
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import DAY, HOUR, MICROSECOND, MINUTE, NOW, SECOND, MovedClock, refusal_of, works

HOME, ABROAD = "192.0.2.10", "198.51.100.7"
LAPTOP = "a device"
WRONG = f"{PASSWORD_MARK}-that-is-wrong"
KNOWN, NEW_PLACE, NETWORK, ACCOUNT = 5, 3, 8, 15
"""The limits in these tests."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of the same order as the real ones, reached sooner."""
    for name, limit in (("KNOWN", KNOWN), ("NEW_PLACE", NEW_PLACE), ("NETWORK", NETWORK), ("ACCOUNT", ACCOUNT)):
        monkeypatch.setattr(throttling, f"{name}_LIMIT", limit)


pytestmark = pytest.mark.usefixtures("few", "moved_clock")


@pytest.fixture
def throttle(database: Database, clock: MovedClock) -> LoginThrottle:
    return LoginThrottle(database, clock, KEYS.pepper)


def abroad(number: int) -> str:
    """An address in the network of that number."""
    return f"203.0.{number}.7"


def is_limited(throttle: LoginThrottle, account: str, address: str | None, device: str | None = None) -> bool:
    """Whether one more attempt is refused; one that is not refused fails."""
    return refusal_of(lambda: fail(throttle, account, address, 1, device)) is RateLimited


def begin(throttle: LoginThrottle, account: str, address: str | None, device: str | None = None) -> Attempt:
    attempt = throttle.begin(Claim(account, address, device))
    assert attempt is not None, "attempts are not decided"
    return attempt


def fail(throttle: LoginThrottle, account: str, address: str | None, times: int, device: str | None = None) -> None:
    for _ in range(times):
        throttle.failed(begin(throttle, account, address, device), Caller("", address=address))


def succeed(throttle: LoginThrottle, account: str, address: str) -> None:
    throttle.succeeded(begin(throttle, account, address))


def lock(throttle: LoginThrottle, account: str, first: int = 0) -> None:
    """Fail as often as the account may from new places, from the network with the number `first`."""
    for number in range(first, first + ACCOUNT // NEW_PLACE):
        fail(throttle, account, abroad(number), NEW_PLACE)


def test_the_limits_are_those_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    limits = [getattr(throttling, f"{name}_LIMIT") for name in ("KNOWN", "NEW_PLACE", "NETWORK", "ACCOUNT")]
    assert limits == [20, 5, 60, 100]
    assert (60 * MINUTE, DAY, 90 * DAY) == (WINDOW, ACCOUNT_WINDOW, KEPT_FOR)


def test_an_account_makes_a_limited_number_of_networks_known_each_day(
    throttle: LoginThrottle, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ Each is a row for 90 days, and an IPv6 client has thousands. Fails when each success adds one."""
    monkeypatch.setattr(throttling, "NEW_NETWORKS", 2)
    for _ in range(3):
        for number in range(4):
            succeed(throttle, "anna", abroad(number))
    known = [throttle.check(Claim("anna", abroad(number))).is_known for number in range(4)]
    assert known == [True, True, False, False]
    succeed(throttle, "berta", abroad(3))
    assert throttle.check(Claim("berta", abroad(3))).is_known
    clock.advance(ACCOUNT_WINDOW)
    succeed(throttle, "anna", abroad(2))
    assert throttle.check(Claim("anna", abroad(2))).is_known


def test_each_new_network_has_a_few_tries_an_hour_that_strangers_elsewhere_cannot_use_up(
    throttle: LoginThrottle, clock: MovedClock
) -> None:
    """◆ Fails when all new networks share one counter of that size."""
    for number in range(ACCOUNT // NEW_PLACE - 1):
        fail(throttle, "anna", abroad(number), NEW_PLACE)
        assert is_limited(throttle, "anna", abroad(number)) and not is_limited(throttle, "berta", abroad(number))
    assert not is_limited(throttle, "anna", ABROAD)
    clock.advance(WINDOW)
    assert not is_limited(throttle, "anna", abroad(0))


def test_after_so_many_failures_from_new_places_only_known_ones_are_left_for_a_day(
    throttle: LoginThrottle, clock: MovedClock
) -> None:
    """◆ Fails when nothing counts the failures of an account in all networks together."""
    succeed(throttle, "anna", HOME)
    assert throttle.lock_of("anna") is None
    clock.advance(HOUR)
    lock(throttle, "anna")
    for address in (ABROAD, None):
        assert is_limited(throttle, "anna", address)
    assert not is_limited(throttle, "berta", ABROAD)
    for known in ((HOME, None), (ABROAD, LAPTOP), (None, LAPTOP)):
        assert not is_limited(throttle, "anna", *known)
    assert throttle.lock_of("anna") == Filled(NOW + HOUR, ACCOUNT // NEW_PLACE, NOW + 25 * HOUR)
    clock.advance(DAY - MICROSECOND)
    assert is_limited(throttle, "anna", ABROAD)
    clock.advance(MICROSECOND)
    assert throttle.lock_of("anna") is None and not is_limited(throttle, "anna", ABROAD)


def test_an_administrator_opens_it_and_both_are_in_the_audit_log(
    throttle: LoginThrottle, services: Services, anna: User, database: Database
) -> None:
    for first in (0, 100):
        lock(throttle, "anna", first)
        assert is_limited(throttle, "anna", ABROAD)
        assert throttle.unlock("anna", OPERATOR)
        assert throttle.lock_of("anna") is None
    assert not throttle.unlock("anna", OPERATOR)
    assert is_limited(throttle, "anna", abroad(0)), "what a network may try an hour stays"
    assert not is_limited(throttle, "anna", ABROAD)
    events = [each for each in rows.audit_events(database) if "locked" in each.action]
    assert [(each.action, each.object_id, each.detail) for each in events] == [
        ("user.sign_in_locked", "anna", f'{{"networks": {ACCOUNT // NEW_PLACE}}}'),
        ("user.sign_in_unlocked", "anna", "{}"),
    ] * 2
    assert [each.actor for each in events] == ["", OPERATOR.name] * 2


@pytest.mark.both_databases
def test_names_that_do_not_exist_are_locked_alike_and_leave_no_event(
    throttle: LoginThrottle, anna: User, database: Database
) -> None:
    """◆ Fails when only users are counted: who is not refused then does not exist."""
    refusals = []
    for number, account in enumerate(("anna", "nemo", "a\0b", "\ud800")):
        lock(throttle, account, 10 * number)
        with pytest.raises(RateLimited) as refused:
            throttle.check(Claim(account, ABROAD))
        refusals.append(refused.value.retry_after)
    assert refusals == [24 * 3600] * 4
    assert [each.object_id for each in rows.audit_events(database) if each.action == "user.sign_in_locked"] == ["anna"]


@pytest.mark.parametrize("base", ["198.51.100.{}", "2001:db8:0:1::{:x}"])
def test_a_network_admits_some_failures_however_many_accounts_it_tries(throttle: LoginThrottle, base: str) -> None:
    """◆ Fails when nothing counts a network's failures with all accounts together."""
    for number in range(NETWORK):
        assert not is_limited(throttle, f"user-{number}", base.format(number))
    assert is_limited(throttle, "anna", base.format(0xFF))
    assert not is_limited(throttle, "anna", HOME)
    assert not is_limited(throttle, "anna", "2001:db8:0:2::1")
    assert not is_limited(throttle, "anna", base.format(1), LAPTOP)


def test_an_office_whose_users_sign_in_is_never_limited(throttle: LoginThrottle) -> None:
    """Nor by what they mistype where they are known."""
    for number in range(NETWORK + 3):
        succeed(throttle, f"user-{number}", HOME)
        fail(throttle, f"user-{number}", HOME, 1)
    assert not is_limited(throttle, "anna", HOME)


def test_no_counter_of_all_who_sign_in_refuses_anybody(throttle: LoginThrottle) -> None:
    """◆ Nor one of all whose address is not known. Fails when it counts as a network."""
    for number in range(3 * NETWORK):
        assert not is_limited(throttle, f"user-{number}", abroad(number) if number % 2 else None)
    assert not is_limited(throttle, "anna", ABROAD) and not is_limited(throttle, "anna", None)


def test_a_known_device_and_a_known_network_have_budgets_of_their_own(throttle: LoginThrottle) -> None:
    """◆ Fails when a known place is counted with the others of the account."""
    succeed(throttle, "anna", HOME)
    fail(throttle, "anna", HOME, KNOWN)
    assert is_limited(throttle, "anna", HOME)
    fail(throttle, "anna", HOME, KNOWN, LAPTOP)
    assert is_limited(throttle, "anna", HOME, LAPTOP)
    assert not is_limited(throttle, "anna", HOME, "another device")
    assert not is_limited(throttle, "anna", ABROAD), "failures at home do not count elsewhere"
    assert not is_limited(throttle, "berta", HOME)


def test_who_has_a_stolen_device_does_not_use_up_the_network(throttle: LoginThrottle) -> None:
    """Fails when only the first of the known places counts."""
    succeed(throttle, "anna", HOME)
    fail(throttle, "anna", ABROAD, KNOWN, LAPTOP)
    assert is_limited(throttle, "anna", ABROAD, LAPTOP)
    assert not is_limited(throttle, "anna", HOME, LAPTOP)


def test_ipv4_counts_by_its_24_bit_network_and_ipv6_by_its_64_bit_network() -> None:
    """Where a program runs is told more exactly: by its IPv4 address."""
    for address, network, counted in (
        ("192.0.2.1", "192.0.2.0/24", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.0/24", "192.0.2.1"),
        *((one, "2001:db8::/64", "2001:db8::/64") for one in ("2001:db8::1", "2001:DB8:0:0:ffff::")),
        ("fe80::1%eth0", "fe80::/64", "fe80::/64"), ("2001:db8:0:1::1", "2001:db8:0:1::/64", "2001:db8:0:1::/64"),
        *((junk, None, "unknown") for junk in (None, "", "somewhere")),
    ):  # fmt: skip
        assert (network_of(address), counted_network(address)) == (network, counted)


def test_retry_after_says_when_another_attempt_is_admitted(throttle: LoginThrottle, clock: MovedClock) -> None:
    for elapsed in (0 * SECOND, 299 * SECOND + MICROSECOND):
        clock.advance(WINDOW)
        fail(throttle, "anna", ABROAD, NEW_PLACE)
        clock.advance(elapsed)
        clock.advance((_retry_after(throttle, "anna", ABROAD) - 1) * SECOND)
        assert is_limited(throttle, "anna", ABROAD)
        clock.advance(SECOND)
        assert not is_limited(throttle, "anna", ABROAD)


def test_retry_after_is_of_the_counter_that_is_full_the_longest_and_of_the_first_known_place(
    throttle: LoginThrottle, clock: MovedClock
) -> None:
    fail(throttle, "anna", ABROAD, NEW_PLACE)
    clock.advance(20 * MINUTE)
    for number in range(NETWORK - NEW_PLACE):
        fail(throttle, f"user-{number}", ABROAD, 1)
    assert _retry_after(throttle, "anna", ABROAD) == _retry_after(throttle, "berta", ABROAD) == 40 * 60
    clock.advance(40 * MINUTE)
    succeed(throttle, "anna", HOME)
    fail(throttle, "anna", HOME, KNOWN)
    clock.advance(5 * MINUTE)
    fail(throttle, "anna", HOME, KNOWN, LAPTOP)
    assert _retry_after(throttle, "anna", HOME, LAPTOP) == 55 * 60


def test_a_refused_attempt_is_not_counted(throttle: LoginThrottle) -> None:
    """Otherwise hammering one account would fill the budget of everyone in the same network."""
    fail(throttle, "anna", ABROAD, NEW_PLACE)
    for _ in range(2 * NETWORK):
        assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "berta", ABROAD)


def _retry_after(throttle: LoginThrottle, account: str, address: str, device: str | None = None) -> int:
    for ask in (throttle.check, throttle.begin):
        with pytest.raises(RateLimited) as refused:
            ask(Claim(account, address, device))
    return refused.value.retry_after


def test_a_success_gives_back_what_was_counted_for_it(throttle: LoginThrottle, database: Database) -> None:
    fail(throttle, "anna", ABROAD, NEW_PLACE - 1)
    for number in range(9):
        succeed(throttle, "anna", abroad(number))
        succeed(throttle, f"user-{number}", ABROAD)
    assert not is_limited(throttle, "anna", ABROAD), "one was left, and no success took it"
    assert is_limited(throttle, "anna", ABROAD)
    networks = [1] * 9 + [9]  # that became known: one of each user, and anna's
    assert sorted(each for each in _failures(database) if each) == sorted([NEW_PLACE] * 3 + networks)


@pytest.mark.both_databases
def test_a_full_counter_waits_for_attempts_that_are_not_decided_and_for_none_of_a_process_that_ended(
    throttle: LoginThrottle, clock: MovedClock
) -> None:
    """◆ However many processes there are, right passwords are never refused. Fails when a counter that is full of
    attempts on their way refuses."""
    on_their_way = [begin(throttle, "anna", ABROAD) for _ in range(NEW_PLACE)]
    claim = Claim("anna", ABROAD)
    throttle.check(claim)
    assert throttle.begin(claim) is None
    throttle.failed(on_their_way.pop(), Caller(""))
    assert throttle.begin(claim) is None
    throttle.succeeded(on_their_way.pop())
    clock.advance(HOUR)
    for _ in range(NEW_PLACE):
        begin(throttle, "berta", ABROAD)
    assert throttle.begin(Claim("berta", ABROAD)) is None
    clock.advance(LONGEST_ATTEMPT)
    assert _retry_after(throttle, "berta", ABROAD) == 3590


def test_a_known_network_is_remembered_for_ninety_days_after_its_latest_success(
    throttle: LoginThrottle, services: Services, clock: MovedClock
) -> None:
    """Also by a purge, and all of its addresses are."""
    for _ in range(2):
        succeed(throttle, "anna", HOME)
        clock.advance(KEPT_FOR - SECOND)
        purge(services)
    lock(throttle, "anna")
    assert not is_limited(throttle, "anna", "192.0.2.200")
    clock.advance(SECOND)
    assert is_limited(throttle, "anna", HOME)


def test_a_purge_by_a_right_clock_opens_no_account(throttle: LoginThrottle, services: Services) -> None:
    """Fails when an end that is a day ahead is taken for a wrong clock's."""
    lock(throttle, "anna")
    purge(services)
    assert is_limited(throttle, "anna", ABROAD)


def test_what_strangers_add_to_the_database_is_bounded_and_gone_after_a_day(
    throttle: LoginThrottle, services: Services, database: Database, clock: MovedClock
) -> None:
    """◆ Fails when a refused attempt leaves its counters behind."""
    for name in range(NETWORK + 3):
        for network in range(2):
            is_limited(throttle, f"user-{name}-{network}", abroad(network))
    assert len(_failures(database)) == 2 * (2 * NETWORK + 1)
    clock.advance(WINDOW)
    purge(services)
    assert len(_failures(database)) == 2 * NETWORK
    clock.advance(ACCOUNT_WINDOW)
    purge(services)
    assert _failures(database) == []


def _failures(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(text("SELECT failures FROM login_throttle")))


def test_the_counters_hold_no_password_user_name_or_address(services: Services, database: Database, anna: User) -> None:
    sign_in(services, "anna", PASSWORD, HOME)
    for typed in ("anna", "ANNA", WRONG, "not a user name", "bert"):
        sign_in(services, typed, WRONG, ABROAD)
    with database.reading() as session:
        kept = [str(tuple(row)) for row in session.execute(text("SELECT * FROM login_throttle"))]
        buckets = set(session.scalars(text("SELECT bucket FROM login_throttle")))
    assert len(kept) == 5 + 2 + 3 * 2
    for row in map(str.lower, kept):
        assert not any(word in row for word in ("anna", "bert", "user name", PASSWORD_MARK, HOME, ABROAD))
    assert Seal(KEYS.pepper, "throttle").of("account", "anna") in buckets
    assert {len(bucket) for bucket in buckets} == {64}


def sign_in(services: Services, username: str, password: str, address: str) -> type[Refusal] | None:
    return refusal_of(lambda: services.accounts.authenticate(username, password, Caller("", address=address)))


def test_a_client_that_signs_in_on_every_call_is_never_throttled(services: Services, anna: User) -> None:
    """◆ Fails when successes keep what was counted for them (RateLimited at the fifth sign-in)."""
    calls = NETWORK + KNOWN  # more than any counter of hers allows failures
    assert [sign_in(services, "anna", PASSWORD, HOME) for _ in range(calls)] == [None] * calls


@pytest.mark.both_databases
def test_a_burst_of_sign_ins_at_once_is_never_throttled(database: Database, clock: MovedClock, anna: User) -> None:
    """◆ Also of four processes, in a network that is new. Fails when attempts that are not decided refuse others."""
    processes = [watched(database, clock, at_once=2, queue=98)[0] for _ in range(4)]
    sign_ins = [partial(each.authenticate, "anna", PASSWORD, Caller("", address=HOME)) for each in processes * 3]
    assert all_at_once([partial(refusal_of, sign_in) for sign_in in sign_ins]) == [None] * 12


def test_a_stranger_who_hammers_an_account_keeps_its_owner_neither_out_nor_from_their_tokens(
    services: Services, refresh: Refresh, access: Access
) -> None:
    """◆ Fails when an earlier success from the address makes no difference (the owner is refused)."""
    assert sign_in(services, "anna", PASSWORD, HOME) is None
    answers = [sign_in(services, "anna", WRONG, abroad(number)) for number in range(20)]
    assert answers == [BadCredentials] * ACCOUNT + [RateLimited] * (20 - ACCOUNT)
    assert sign_in(services, "anna", PASSWORD, ABROAD) is RateLimited, "the right guess is not confirmed"
    assert sign_in(services, "anna", PASSWORD, HOME) is None
    assert works(services, access) and works(services, mint(services, refresh))


def test_every_name_is_throttled_in_all_its_spellings_whether_known_or_not(services: Services, anna: User) -> None:
    """Otherwise guesses of names would show which of them exist."""
    names = [("anna", "ANNA", "Anna", "aNNA"), ("nobody",) * 4, ("not a user name",) * 4, ("a\0b",) * 4]
    for number, spellings in enumerate(names):
        answers = [sign_in(services, name, WRONG, abroad(number)) for name in spellings]
        assert answers == [BadCredentials] * NEW_PLACE + [RateLimited]


def test_unknown_and_expired_tokens_are_never_counted(
    services: Services, clock: MovedClock, database: Database, refresh: Refresh, access: Access
) -> None:
    clock.advance(timedelta(days=61))
    for secret in (refresh.secret, refresh.secret[:-6] + "000000"):
        assert refusal_of(lambda secret=secret: mint_with(services, secret, None, Caller("", address=HOME)))
    assert not works(services, access)
    assert _failures(database) == []


class WatchedPasswords(Passwords):
    """Counts how often a password was really compared; a wrong one, while `go_on` is not set, takes very long."""

    def __init__(self, at_once: int, queue: int) -> None:
        super().__init__(KEYS.pepper, CHEAPEST_COST, at_once, queue)
        self.compared = 0
        self.go_on = threading.Event()

    def matches(self, password: str, stored: str | None) -> bool:
        self.compared += 1
        if password == WRONG:
            self.go_on.wait(60)
        return super().matches(password, stored)


Watched = tuple[Accounts, WatchedPasswords]


def watched(database: Database, clock: MovedClock, at_once: int, queue: int) -> Watched:
    """Accounts as one of several processes has them."""
    passwords = WatchedPasswords(at_once, queue)
    return accounts_on(database, clock, passwords), passwords


@pytest.mark.both_databases
@pytest.mark.parametrize("is_known", [False, True], ids=["from elsewhere", "from a known network"])
def test_many_wrong_guesses_at_once_get_no_further_than_the_budget(
    database: Database, clock: MovedClock, throttle: LoginThrottle, anna: User, is_known: bool
) -> None:
    """◆ Fails when an attempt is counted only after the password was compared."""
    processes = [watched(database, clock, at_once=4, queue=96) for _ in range(2)]
    if is_known:
        succeed(throttle, "anna", HOME)

    def guess(number: int) -> type[Refusal] | None:
        accounts, _ = processes[number % 2]
        return refusal_of(lambda: accounts.authenticate("anna", f"{WRONG}-{number}", Caller("", address=HOME)))

    refusals = all_at_once([partial(guess, number) for number in range(40)])
    compared = sum(passwords.compared for _, passwords in processes)
    assert compared == refusals.count(BadCredentials) <= (KNOWN if is_known else NEW_PLACE)
    assert set(refusals) <= {BadCredentials, RateLimited, Unavailable}
    assert is_limited(throttle, "anna", HOME) or Unavailable in refusals


@pytest.fixture
def held(services: Services, database: Database, clock: MovedClock, anna: User) -> Iterator[Watched]:
    """Accounts with six places, one of them to compare a password, and anna who signed in from home before."""
    accounts, passwords = watched(database, clock, at_once=1, queue=5)
    accounts.authenticate("anna", PASSWORD, Caller("", address=HOME))
    yield accounts, passwords
    passwords.go_on.set()


@pytest.mark.parametrize("name", ["anna", "user-{}"])
def test_strangers_who_fill_the_queue_do_not_keep_an_owner_out(held: Watched, name: str) -> None:
    """◆ Nor if all of them try her account. Fails when a place that is taken is never given to another."""
    accounts, passwords = held
    with ThreadPoolExecutor(11) as threads:
        strangers = [Caller("", address=abroad(number)) for number in range(10)]
        acts = [partial(accounts.authenticate, name.format(each.address), WRONG, each) for each in strangers]
        guesses = [threads.submit(refusal_of, act) for act in acts]
        for number, _ in enumerate(as_completed(guesses, timeout=60), 1):
            if number == 4:
                break
        owner = threads.submit(accounts.authenticate, "anna", PASSWORD, Caller("", address=HOME))
        wait(guesses, timeout=60, return_when=FIRST_COMPLETED)
        passwords.go_on.set()
        assert owner.result().user.username == "anna"
    refusals = [each.result() for each in guesses]
    assert refusals.count(Unavailable) >= 4 and set(refusals) <= {Unavailable, BadCredentials}


def test_attempts_that_are_refused_anyway_wait_for_no_turn(held: Watched, throttle: LoginThrottle) -> None:
    """◆ So a crowd that hammers an account does not fill the queue. Fails when the turn comes before the budget."""
    accounts, passwords = held
    fail(throttle, "bert", ABROAD, NEW_PLACE)
    with ThreadPoolExecutor(1) as threads, passwords.turn():
        for _ in range(10):
            attempt = partial(accounts.authenticate, "bert", WRONG, Caller("", address=ABROAD))
            assert threads.submit(refusal_of, attempt).result(60) is RateLimited


@pytest.mark.both_databases
def test_while_the_counters_are_locked_nobody_signs_in_and_no_password_is_compared(
    database: Database, clock: MovedClock, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.1)
    accounts, passwords = watched(database, clock, at_once=1, queue=0)
    sign_in = partial(accounts.authenticate, "anna", PASSWORD, Caller("", address=HOME))
    with rows.locked(database, "login_throttle"):
        assert (refusal_of(sign_in), passwords.compared) == (Unavailable, 0)
    assert refusal_of(sign_in) is None
