"""Budgets of failed sign-ins: what is used up, for which account and address, until when, and what never counts."""

import hmac
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from app.domain.errors import BadCredentials, RateLimited, Refusal, Unavailable
from app.domain.identity import Caller, User
from app.services import Services, throttling
from app.services.accounts import Accounts
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords
from app.services.throttling import KEPT_FOR, WINDOW, LoginThrottle, counted_network
from app.storage import database as storage
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.databases import CHEAPEST_COST, KEYS
from tests.factories import PASSWORD, Access, Refresh, mint, mint_with, purge
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import MICROSECOND, MINUTE, SECOND, MovedClock, refusal_of, works

HOME, ABROAD = "192.0.2.10", "198.51.100.7"
WRONG = f"{PASSWORD_MARK}-that-is-wrong"
PAIR, ACCOUNT, ADDRESS, INSTANCE = 5, 3, 8, 15
"""The limits in these tests."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of the same order as the real ones, reached sooner."""
    for name, limit in (("PAIR", PAIR), ("ACCOUNT", ACCOUNT), ("ADDRESS", ADDRESS)):
        monkeypatch.setattr(throttling, f"{name}_LIMIT", limit)


pytestmark = pytest.mark.usefixtures("few", "moved_clock")


@pytest.fixture
def throttle(database: Database, clock: MovedClock) -> LoginThrottle:
    return LoginThrottle(database, clock, KEYS.pepper)


def is_limited(throttle: LoginThrottle, account: str, address: str | None) -> bool:
    """Whether one more attempt is refused; one that is not refused counts as failed."""
    return refusal_of(lambda: throttle.begin(account, address)) is RateLimited


def fail(throttle: LoginThrottle, account: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.begin(account, address)


def succeed(throttle: LoginThrottle, account: str, address: str) -> None:
    throttle.succeeded(throttle.begin(account, address))


def test_the_limits_are_those_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    limits = {name: getattr(throttling, f"{name}_LIMIT") for name in ("PAIR", "ACCOUNT", "ADDRESS", "INSTANCE")}
    assert limits == {"PAIR": 30, "ACCOUNT": 10, "ADDRESS": 100, "INSTANCE": 1000}
    assert (15 * MINUTE, timedelta(days=90)) == (WINDOW, KEPT_FOR)


def test_an_account_admits_few_failures_from_unknown_addresses_however_many_there_are(throttle: LoginThrottle) -> None:
    for number in range(ACCOUNT):
        assert not is_limited(throttle, "anna", f"203.0.113.{number}")
    assert is_limited(throttle, "anna", "203.0.113.200")
    assert is_limited(throttle, "anna", None)
    assert not is_limited(throttle, "bert", "203.0.113.200")


@pytest.mark.parametrize("base", ["198.51.100.7", "2001:db8:0:1::{:x}"])
def test_an_address_or_network_of_ipv6_admits_some_failures_however_many_accounts_it_tries(
    throttle: LoginThrottle, base: str
) -> None:
    for number in range(ADDRESS):
        assert not is_limited(throttle, f"user-{number}", base.format(number))
    assert is_limited(throttle, "anna", base.format(0xFFFF))
    assert not is_limited(throttle, "anna", HOME)
    assert not is_limited(throttle, "anna", "2001:db8:0:2::1")


def test_the_instance_admits_many_failures_and_keeps_nobody_out_who_was_there_before(
    throttle: LoginThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "INSTANCE_LIMIT", INSTANCE)
    succeed(throttle, "owner", HOME)
    for number in range(INSTANCE):
        assert not is_limited(throttle, f"user-{number}", f"203.0.113.{number}")
    assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "owner", HOME)


def test_a_known_address_has_a_budget_of_its_own(throttle: LoginThrottle) -> None:
    succeed(throttle, "anna", HOME)
    fail(throttle, "anna", HOME, PAIR)
    assert is_limited(throttle, "anna", HOME)
    assert not is_limited(throttle, "anna", ABROAD), "failures at home do not count elsewhere"
    assert not is_limited(throttle, "bert", HOME)


def test_ipv4_counts_by_address_and_ipv6_by_its_64_bit_network() -> None:
    for address, counted in (
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::", "2001:db8::/64"), ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"), *((junk, "unknown") for junk in (None, "", "somewhere")),
    ):  # fmt: skip
        assert counted_network(address) == counted


def test_retry_after_says_when_another_attempt_is_admitted(throttle: LoginThrottle, clock: MovedClock) -> None:
    for elapsed in (0 * SECOND, 299 * SECOND + MICROSECOND):
        clock.advance(WINDOW)
        fail(throttle, "anna", ABROAD, ACCOUNT)
        clock.advance(elapsed)
        clock.advance((_retry_after(throttle, "anna", ABROAD) - 1) * SECOND)
        assert is_limited(throttle, "anna", ABROAD)
        clock.advance(SECOND)
        assert not is_limited(throttle, "anna", ABROAD)


def test_retry_after_is_of_the_counter_that_is_full_the_longest(throttle: LoginThrottle, clock: MovedClock) -> None:
    for account, address in (("anna", "198.51.100.1"), ("bert", "198.51.100.2"), ("carl", "198.51.100.3")):
        fail(throttle, account, HOME, ACCOUNT)
        clock.advance(7 * MINUTE)
        for number in range(ADDRESS):
            throttle.begin(f"{account}-{number}", address)
        clock.advance(2 * MINUTE)
        assert _retry_after(throttle, account, address) == 13 * 60
        clock.advance(WINDOW)


def test_a_refused_attempt_is_not_counted(throttle: LoginThrottle) -> None:
    """Otherwise hammering one account would fill the budget of everyone behind the same address."""
    fail(throttle, "anna", ABROAD, ACCOUNT)
    for _ in range(2 * ADDRESS):
        assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "bert", ABROAD)


def _retry_after(throttle: LoginThrottle, account: str, address: str) -> int:
    with pytest.raises(RateLimited) as refused:
        throttle.begin(account, address)
    return refused.value.retry_after


def test_a_success_gives_back_what_was_counted_for_it(throttle: LoginThrottle, database: Database) -> None:
    fail(throttle, "anna", ABROAD, ACCOUNT - 1)
    for number in range(9):
        succeed(throttle, "anna", f"203.0.113.{number}")
    assert not is_limited(throttle, "anna", ABROAD), "one was left, and no success took it"
    assert is_limited(throttle, "anna", ABROAD)
    assert sorted(_failures(database)) == [0] * 18 + [ACCOUNT] * 3


def test_a_known_address_is_remembered_for_ninety_days_after_its_latest_success(
    throttle: LoginThrottle, services: Services, clock: MovedClock
) -> None:
    """Also by a purge."""
    for _ in range(2):
        succeed(throttle, "anna", HOME)
        clock.advance(KEPT_FOR - SECOND)
        purge(services)
    fail(throttle, "anna", ABROAD, ACCOUNT)
    assert not is_limited(throttle, "anna", HOME)
    clock.advance(SECOND)
    assert is_limited(throttle, "anna", HOME)


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
    assert len(kept) == 8
    for row in map(str.lower, kept):
        assert not any(word in row for word in ("anna", "bert", "user name", PASSWORD_MARK, HOME, ABROAD))
    assert hmac.new(KEYS.pepper, b"throttle|account|anna", "sha256").hexdigest() in buckets
    assert {len(bucket) for bucket in buckets} == {64}


def sign_in(services: Services, username: str, password: str, address: str) -> type[Refusal] | None:
    return refusal_of(lambda: services.accounts.authenticate(username, password, Caller("", address=address)))


def test_a_client_that_signs_in_on_every_call_is_never_throttled(services: Services, anna: User) -> None:
    """◆ Fails when successes keep what was counted for them (RateLimited at the sixth sign-in)."""
    calls = ADDRESS + PAIR  # more than any counter of hers allows failures
    assert [sign_in(services, "anna", PASSWORD, HOME) for _ in range(calls)] == [None] * calls


@pytest.mark.both_databases
def test_a_burst_of_sign_ins_at_once_is_never_throttled(database: Database, clock: MovedClock, anna: User) -> None:
    """◆ Fails when successes keep what was counted, or when it is counted before its turn to compare passwords."""
    accounts, _ = watched(database, clock, at_once=4, queue=96)
    sign_in = partial(accounts.authenticate, "anna", PASSWORD, Caller("", address=HOME))
    sign_in()  # from now on HOME is where she signs in
    assert all_at_once([lambda: refusal_of(sign_in)] * 12) == [None] * 12


def test_a_stranger_who_hammers_an_account_keeps_its_owner_neither_out_nor_from_their_tokens(
    services: Services, refresh: Refresh, access: Access
) -> None:
    """◆ Fails when an earlier success from the address makes no difference (the owner is refused)."""
    assert sign_in(services, "anna", PASSWORD, HOME) is None
    answers = [sign_in(services, "anna", WRONG, f"203.0.113.{number}") for number in range(20)]
    assert answers == [BadCredentials] * ACCOUNT + [RateLimited] * (20 - ACCOUNT)
    assert sign_in(services, "anna", PASSWORD, "203.0.113.250") is RateLimited, "the right guess is not confirmed"
    assert sign_in(services, "anna", PASSWORD, HOME) is None
    assert works(services, access) and works(services, mint(services, refresh))


def test_every_name_is_throttled_in_all_its_spellings_whether_known_or_not(services: Services, anna: User) -> None:
    """Otherwise guesses of names would show which of them exist."""
    names = [("anna", "ANNA", "Anna", "aNNA"), ("nobody",) * 4, ("not a user name",) * 4, ("a\0b",) * 4]
    for number, spellings in enumerate(names):
        answers = [sign_in(services, name, WRONG, f"203.0.113.{number}") for name in spellings]
        assert answers == [BadCredentials] * ACCOUNT + [RateLimited]


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
            self.go_on.wait(20)
        return super().matches(password, stored)


Watched = tuple[Accounts, WatchedPasswords]


def watched(database: Database, clock: MovedClock, at_once: int, queue: int) -> Watched:
    """Accounts as one of several processes has them."""
    passwords = WatchedPasswords(at_once, queue)
    throttle = LoginThrottle(database, clock, KEYS.pepper)
    return Accounts(database, clock, passwords, throttle, Idempotency(KEYS.pepper)), passwords


@pytest.mark.both_databases
@pytest.mark.parametrize("is_known", [False, True], ids=["from elsewhere", "from a known address"])
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
    assert compared == refusals.count(BadCredentials) <= (PAIR if is_known else ACCOUNT)
    assert set(refusals) <= {BadCredentials, RateLimited, Unavailable}
    assert is_limited(throttle, "anna", HOME) or Unavailable in refusals


@pytest.fixture
def held(services: Services, database: Database, clock: MovedClock, anna: User) -> Iterator[Watched]:
    """Accounts with six places, one of them to compare a password, and anna who signed in from home before."""
    accounts, passwords = watched(database, clock, at_once=1, queue=5)
    accounts.authenticate("anna", PASSWORD, Caller("", address=HOME))
    yield accounts, passwords
    passwords.go_on.set()


def test_strangers_who_fill_the_queue_do_not_keep_an_owner_out(held: Watched) -> None:
    """◆ Fails when strangers may wait in every place there is (the owner is refused with Unavailable)."""
    accounts, passwords = held
    with ThreadPoolExecutor(11) as threads:
        strangers = [Caller("", address=f"203.0.113.{number}") for number in range(10)]
        acts = [partial(accounts.authenticate, f"user-{each.address}", WRONG, each) for each in strangers]
        guesses = [threads.submit(refusal_of, act) for act in acts]
        for number, _ in enumerate(as_completed(guesses, timeout=20), 1):
            if number == 7:
                break
        owner = threads.submit(accounts.authenticate, "anna", PASSWORD, Caller("", address=HOME))
        passwords.go_on.set()
        assert owner.result().user.username == "anna"
    refusals = [each.result() for each in guesses]
    assert (refusals.count(Unavailable), refusals.count(BadCredentials)) == (7, 3)


def test_attempts_that_are_refused_anyway_wait_for_no_turn(held: Watched, throttle: LoginThrottle) -> None:
    """◆ So a crowd that hammers an account does not fill the queue. Fails when the turn comes before the budget."""
    accounts, passwords = held
    fail(throttle, "bert", HOME, ACCOUNT)
    with ThreadPoolExecutor(1) as threads, passwords.turn():
        for _ in range(10):
            attempt = partial(accounts.authenticate, "bert", WRONG, Caller("", address=ABROAD))
            assert threads.submit(refusal_of, attempt).result(4) is RateLimited


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
