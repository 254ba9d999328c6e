"""Budgets of failed sign-ins: what runs out, for whom, until when, and what never counts.

Here belongs ``app.services.throttling`` on both databases, alone and as a client of the dialect meets it. Not
here: the gate for digests (``test_passwords``) and how long a refusal takes (``tests/functional``).
"""

import hmac
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.domain.errors import BadCredentials, RateLimited, Refusal, Unavailable
from app.domain.identity import Caller, Role
from app.factory import create_app
from app.http.context import parts
from app.services import Services, throttling
from app.services.accounts import Accounts
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords
from app.services.throttling import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    INSTANCE_LIMIT,
    KEPT_FOR,
    PAIR_LIMIT,
    WINDOW,
    LoginThrottle,
    counted_network,
)
from app.storage.database import Database, db
from config import Settings
from tests.crowds import all_at_once
from tests.databases import CHEAPEST_COST, KEYS
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

HOME, ABROAD = "192.0.2.10", "198.51.100.7"
WRONG = f"{PASSWORD_MARK}-that-is-wrong"


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 14, 15, 9, 26, 535897, UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return Settings(
        instance=settings.instance,
        database_url=settings.database_url,
        bcrypt_cost=CHEAPEST_COST,
        trusted_proxies="10.0.0.0/8",
        log_level="DEBUG",
    )


@pytest.fixture
def app(settings: Settings, clock: Clock) -> Iterator[Flask]:
    app = create_app(settings, KEYS, clock)
    yield app
    parts(app).services.close()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def throttle(database: Database, clock: Clock) -> LoginThrottle:
    return LoginThrottle(database, clock, KEYS.pepper)


def is_limited(throttle: LoginThrottle, account: str, address: str | None) -> bool:
    """Whether one more attempt is refused; one that is let in counts as failed."""
    try:
        throttle.begin(account, address)
    except RateLimited:
        return True
    return False


def fail(throttle: LoginThrottle, account: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.begin(account, address)


def succeed(throttle: LoginThrottle, account: str, address: str) -> None:
    throttle.succeeded(throttle.begin(account, address))


# What runs out


def test_an_account_admits_ten_failures_from_elsewhere_however_many_addresses_they_come_from(
    throttle: LoginThrottle,
) -> None:
    for number in range(ACCOUNT_LIMIT):
        assert not is_limited(throttle, "anna", f"203.0.113.{number}")
    assert is_limited(throttle, "anna", "203.0.113.200")
    assert is_limited(throttle, "anna", None)
    assert not is_limited(throttle, "bert", "203.0.113.200")


def test_an_address_admits_a_hundred_failures_however_many_accounts_it_tries(throttle: LoginThrottle) -> None:
    for number in range(ADDRESS_LIMIT):
        assert not is_limited(throttle, f"user-{number}", ABROAD)
    assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "anna", HOME)


def test_the_instance_admits_so_many_failures_from_wherever_they_come(
    throttle: LoginThrottle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert INSTANCE_LIMIT == 1000
    monkeypatch.setattr(throttling, "INSTANCE_LIMIT", 20)
    succeed(throttle, "owner", HOME)
    for number in range(20):
        assert not is_limited(throttle, f"user-{number}", f"203.0.113.{number}")
    assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "owner", HOME), "who was here before is not kept out"


def test_a_known_address_has_a_budget_of_its_own(throttle: LoginThrottle) -> None:
    succeed(throttle, "anna", HOME)
    fail(throttle, "anna", HOME, PAIR_LIMIT)
    assert is_limited(throttle, "anna", HOME)
    assert not is_limited(throttle, "anna", ABROAD), "what failed at home is not counted elsewhere"
    assert not is_limited(throttle, "bert", HOME)


def test_the_network_of_an_ipv6_host_counts_as_one_address(throttle: LoginThrottle) -> None:
    for number in range(ADDRESS_LIMIT):
        assert not is_limited(throttle, f"user-{number}", f"2001:db8:0:1::{number:x}")
    assert is_limited(throttle, "anna", "2001:db8:0:1:ffff:ffff:ffff:ffff")
    assert not is_limited(throttle, "anna", "2001:db8:0:2::1")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("somewhere", "unknown"),
    ],
)
def test_ipv4_counts_by_address_and_ipv6_by_its_64_bit_network(address: str | None, counted: str) -> None:
    assert counted_network(address) == counted


# Until when


def test_a_window_ends_fifteen_minutes_after_its_first_failure(throttle: LoginThrottle, clock: Clock) -> None:
    fail(throttle, "anna", ABROAD, 1)
    clock.advance(timedelta(minutes=10))
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT - 1)
    clock.advance(WINDOW - timedelta(minutes=10, microseconds=1))
    assert is_limited(throttle, "anna", ABROAD)
    clock.advance(timedelta(microseconds=1))
    for _ in range(ACCOUNT_LIMIT):
        assert not is_limited(throttle, "anna", ABROAD)
    assert is_limited(throttle, "anna", ABROAD)


@pytest.mark.parametrize("elapsed", [timedelta(0), timedelta(minutes=5), timedelta(seconds=299, microseconds=1)])
def test_retry_after_says_when_another_attempt_is_admitted(
    throttle: LoginThrottle, clock: Clock, elapsed: timedelta
) -> None:
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT)
    clock.advance(elapsed)
    retry_after = _retry_after(throttle, "anna", ABROAD)
    clock.advance(timedelta(seconds=retry_after - 1))
    assert is_limited(throttle, "anna", ABROAD)
    clock.advance(timedelta(seconds=1))
    assert not is_limited(throttle, "anna", ABROAD)


def test_retry_after_is_of_the_counter_that_is_full_the_longest(throttle: LoginThrottle, clock: Clock) -> None:
    for account, address in (("anna", "198.51.100.1"), ("bert", "198.51.100.2"), ("carl", "198.51.100.3")):
        fail(throttle, account, HOME, ACCOUNT_LIMIT)
        clock.advance(timedelta(minutes=7))
        for number in range(ADDRESS_LIMIT):
            throttle.begin(f"{account}-{number}", address)
        clock.advance(timedelta(minutes=2))
        assert _retry_after(throttle, account, address) == 13 * 60
        clock.advance(WINDOW)


def test_what_is_refused_is_not_counted(throttle: LoginThrottle, clock: Clock) -> None:
    """Or hammering one account would fill the budget of everybody behind the same address."""
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT)
    for _ in range(2 * ADDRESS_LIMIT):
        assert is_limited(throttle, "anna", ABROAD)
    assert not is_limited(throttle, "bert", ABROAD)


def _retry_after(throttle: LoginThrottle, account: str, address: str) -> int:
    with pytest.raises(RateLimited) as refused:
        throttle.begin(account, address)
    return refused.value.retry_after


# What never counts


def test_a_success_gives_back_what_was_counted_for_it(throttle: LoginThrottle, database: Database) -> None:
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT - 1)
    for number in range(3 * ACCOUNT_LIMIT):
        succeed(throttle, "anna", f"203.0.113.{number}")
    assert not is_limited(throttle, "anna", ABROAD), "one was left, and no success took it"
    assert is_limited(throttle, "anna", ABROAD)
    assert sorted(_failures(database)) == [0] * 3 * ACCOUNT_LIMIT * 2 + [ACCOUNT_LIMIT] * 3


def test_a_known_address_is_remembered_for_ninety_days_after_its_latest_success(
    throttle: LoginThrottle, clock: Clock
) -> None:
    succeed(throttle, "anna", HOME)
    clock.advance(KEPT_FOR - timedelta(seconds=1))
    succeed(throttle, "anna", HOME)
    clock.advance(KEPT_FOR - timedelta(seconds=1))
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT)
    assert not is_limited(throttle, "anna", HOME)
    clock.advance(timedelta(seconds=1))
    assert is_limited(throttle, "anna", HOME)


def test_purging_forgets_what_is_over_but_no_known_address(
    throttle: LoginThrottle, services: Services, clock: Clock, database: Database
) -> None:
    succeed(throttle, "anna", HOME)
    fail(throttle, "bert", ABROAD, 1)
    clock.advance(WINDOW)
    services.expiring.purge(Caller("job:tests"))
    assert _failures(database) == [0]
    fail(throttle, "anna", ABROAD, ACCOUNT_LIMIT)
    assert not is_limited(throttle, "anna", HOME)


def _failures(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(text("SELECT failures FROM login_throttle")))


# What is kept


def test_the_counters_hold_no_password_no_user_name_and_no_address(
    client: FlaskClient, services: Services, database: Database
) -> None:
    make_user(services, "anna", password=PASSWORD)
    sign_in(client, "anna", PASSWORD, HOME)
    for typed in ("anna", "ANNA", WRONG, "not a user name", "bert"):
        sign_in(client, typed, WRONG, ABROAD)
    with database.reading() as session:
        rows = [str(tuple(row)) for row in session.execute(text("SELECT * FROM login_throttle"))]
        buckets = list(session.scalars(text("SELECT bucket FROM login_throttle")))
    assert len(rows) == 8
    for row in map(str.lower, rows):
        assert not any(word in row for word in ("anna", "bert", "user name", PASSWORD_MARK, HOME, ABROAD))
    assert all(len(bucket) == 64 and set(bucket) <= set("0123456789abcdef") for bucket in buckets)


def test_the_counters_names_can_not_be_computed_without_the_key(throttle: LoginThrottle, database: Database) -> None:
    fail(throttle, "anna", HOME, 1)
    with database.reading() as session:
        buckets = set(session.scalars(text("SELECT bucket FROM login_throttle")))
    expected = hmac.new(KEYS.pepper, b"throttle|account|anna", "sha256").hexdigest()
    assert expected in buckets
    assert hmac.new(b"q" * 32, b"throttle|account|anna", "sha256").hexdigest() not in buckets


# As a client meets it


def sign_in(client: FlaskClient, username: str, password: str, address: str, **headers: str) -> TestResponse:
    return client.post(
        "/integration/v1/createRefreshToken/",
        json={"username": username, "password": password, "name": "nightly-etl"},
        environ_overrides={"REMOTE_ADDR": address},
        headers=headers,
    )


def test_a_client_that_signs_in_on_every_call_is_never_throttled(client: FlaskClient, services: Services) -> None:
    """◆ Fails when successes keep what was counted for them (429 at the 31st sign-in)."""
    make_user(services, "anna", password=PASSWORD)
    calls = ADDRESS_LIMIT + 10  # more than any counter of hers allows failures
    assert [sign_in(client, "anna", PASSWORD, HOME).status_code for _ in range(calls)] == [201] * calls


def test_bursts_of_forty_sign_ins_at_once_are_never_throttled(app: Flask, services: Services) -> None:
    """◆ Fails when successes keep what was counted for them. A busy server may say 503, which is tried again."""
    make_user(services, "anna", password=PASSWORD)

    def until_answered(_number: int) -> int:
        while (status := sign_in(app.test_client(), "anna", PASSWORD, HOME).status_code) == 503:
            time.sleep(0.05)
        return status

    assert until_answered(0) == 201  # from now on HOME is where she signs in
    with ThreadPoolExecutor(40) as threads:
        assert list(threads.map(until_answered, range(40))) == [201] * 40


def test_a_stranger_who_hammers_an_account_keeps_its_owner_neither_out_nor_from_their_tokens(
    client: FlaskClient, services: Services
) -> None:
    """◆ Fails when an earlier success from the address makes no difference (the owner gets 429)."""
    anna = make_user(services, "anna", password=PASSWORD)
    refresh = issue(services, anna)
    access = mint(services, refresh)
    assert sign_in(client, "anna", PASSWORD, HOME).status_code == 201
    answers = {sign_in(client, "anna", WRONG, f"203.0.113.{number % 200}").status_code for number in range(250)}
    assert answers == {401, 429}
    assert sign_in(client, "anna", PASSWORD, "203.0.113.250").status_code == 429, "the right guess is not told either"
    assert sign_in(client, "anna", PASSWORD, HOME).status_code == 201
    assert client.get("/integration/v1/userinfo/", headers={"TOKEN": access.secret}).status_code == 200
    assert mint(services, refresh).token.user_id == anna.id


def test_a_refusal_for_too_many_attempts_says_when_to_come_back(
    client: FlaskClient, services: Services, clock: Clock
) -> None:
    make_user(services, "anna", password=PASSWORD)
    for _ in range(ACCOUNT_LIMIT):
        assert sign_in(client, "anna", WRONG, ABROAD).status_code == 401
    clock.advance(timedelta(minutes=5))
    refused = sign_in(client, "anna", PASSWORD, ABROAD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "600")
    assert refused.get_json()["reason"] == "rate_limited"
    clock.advance(timedelta(minutes=10))
    assert sign_in(client, "anna", PASSWORD, ABROAD).status_code == 201


def test_every_spelling_of_a_name_is_the_same_account(client: FlaskClient, services: Services) -> None:
    make_user(services, "Admin", Role.SERVER_ADMIN, PASSWORD)
    assert sign_in(client, "ADMIN", PASSWORD, HOME).status_code == 201
    for number in range(ACCOUNT_LIMIT):
        spelling = ("ADMIN", "admin", "Admin")[number % 3]
        assert sign_in(client, spelling, WRONG, ABROAD).status_code == 401
    assert {sign_in(client, name, WRONG, ABROAD).status_code for name in ("ADMIN", "admin", "aDMIN")} == {429}
    assert sign_in(client, "aDmIn", PASSWORD, HOME).status_code == 201


def test_names_that_nobody_has_are_throttled_like_others(client: FlaskClient) -> None:
    """Or whoever tries names could tell by it which of them exist."""
    for name in ("nobody", "not a user name", "ADMİN", "a\0b"):
        answers = [sign_in(client, name, WRONG, ABROAD).status_code for _ in range(ACCOUNT_LIMIT + 1)]
        assert answers == [401] * ACCOUNT_LIMIT + [429], name


def test_tokens_that_are_unknown_or_expired_are_never_counted(
    client: FlaskClient, services: Services, clock: Clock, database: Database
) -> None:
    anna = make_user(services, "anna", password=PASSWORD)
    expired = issue(services, anna)
    access = mint(services, expired)
    clock.advance(timedelta(days=61))
    unknown = expired.secret[:-6] + "000000"
    for _ in range(60):
        for token in (expired.secret, unknown):
            body = {"refresh_token": token, "user_id": anna.id}
            assert client.post("/integration/v1/createAPIAccessToken/", json=body).status_code == 401
        assert client.get("/integration/v1/userinfo/", headers={"TOKEN": access.secret}).status_code == 403
    assert _failures(database) == []
    assert sign_in(client, "anna", PASSWORD, "127.0.0.1").status_code == 201


# Whose address it is


def test_x_forwarded_for_of_a_peer_that_is_no_trusted_proxy_is_not_believed(
    client: FlaskClient, services: Services
) -> None:
    make_user(services, "anna", password=PASSWORD)
    assert sign_in(client, "anna", PASSWORD, HOME).status_code == 201
    for _ in range(ACCOUNT_LIMIT):
        assert sign_in(client, "anna", WRONG, ABROAD, X_Forwarded_For=HOME).status_code == 401
    assert sign_in(client, "anna", WRONG, ABROAD, X_Forwarded_For=HOME).status_code == 429
    for number in range(ADDRESS_LIMIT - ACCOUNT_LIMIT):
        sign_in(client, f"user-{number}", WRONG, ABROAD, X_Forwarded_For=f"203.0.113.{number}")
    assert sign_in(client, "bert", WRONG, ABROAD, X_Forwarded_For="203.0.113.250").status_code == 429
    assert sign_in(client, "anna", PASSWORD, HOME).status_code == 201


def test_behind_a_trusted_proxy_its_clients_are_told_apart_by_what_it_wrote_itself(
    client: FlaskClient, services: Services
) -> None:
    make_user(services, "anna", password=PASSWORD)
    proxy = "10.1.2.3"
    assert sign_in(client, "anna", PASSWORD, proxy, X_Forwarded_For=HOME).status_code == 201
    for _ in range(ACCOUNT_LIMIT):
        # The stranger's own words come first; the proxy adds where the stranger is.
        said = sign_in(client, "anna", WRONG, proxy, X_Forwarded_For=f"{HOME}, {ABROAD}")
        assert said.status_code == 401
    assert sign_in(client, "anna", WRONG, proxy, X_Forwarded_For=f"{HOME}, {ABROAD}, 10.9.9.9").status_code == 429
    assert sign_in(client, "anna", PASSWORD, proxy, X_Forwarded_For=HOME).status_code == 201
    addresses = {event.address for event in services.listing.audit_events("anna").items}
    assert addresses == {HOME}


# All at once


class CountingPasswords(Passwords):
    """Counts how often a password was really looked at."""

    looked_at = 0

    def matches(self, password: str, stored: str | None) -> bool:
        self.looked_at += 1
        return super().matches(password, stored)


@pytest.mark.parametrize("is_known", [False, True], ids=["from elsewhere", "from a known address"])
def test_a_hundred_wrong_guesses_at_once_get_no_further_than_the_budget(
    database: Database, clock: Clock, throttle: LoginThrottle, is_known: bool
) -> None:
    """◆ Fails when an attempt is counted only after the password was looked at."""
    processes = [_accounts(database, clock) for _ in range(2)]
    processes[0][0].add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    if is_known:
        succeed(throttle, "anna", HOME)

    def guess(number: int) -> type[Refusal]:
        accounts, _ = processes[number % 2]
        return _refusal(lambda: accounts.authenticate("anna", f"{WRONG}-{number}", Caller("", address=HOME)))

    refusals = all_at_once([partial(guess, number) for number in range(100)])
    limit = PAIR_LIMIT if is_known else ACCOUNT_LIMIT
    looked_at = sum(passwords.looked_at for _, passwords in processes)
    assert looked_at == refusals.count(BadCredentials) <= limit
    assert set(refusals) <= {BadCredentials, RateLimited, Unavailable}
    assert is_limited(throttle, "anna", HOME) or Unavailable in refusals


class HeldPasswords(Passwords):
    """Looks at wrong passwords only when told to: as if that took very long."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.go_on = threading.Event()

    def matches(self, password: str, stored: str | None) -> bool:
        if password == WRONG:
            self.go_on.wait(20)
        return super().matches(password, stored)


@pytest.fixture
def held(database: Database, clock: Clock, throttle: LoginThrottle) -> Iterator[tuple[Accounts, HeldPasswords]]:
    """Accounts with six places, one of them to look at a password, and anna who signed in from home before."""
    passwords = HeldPasswords(KEYS.pepper, CHEAPEST_COST, 1, 5)
    accounts = Accounts(database, clock, passwords, throttle, Idempotency(KEYS.pepper))
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    accounts.authenticate("anna", PASSWORD, Caller("", address=HOME))
    yield accounts, passwords
    passwords.go_on.set()


def test_strangers_who_fill_the_queue_do_not_keep_an_owner_out(held: tuple[Accounts, HeldPasswords]) -> None:
    """◆ Fails when strangers may wait in every place there is (the owner gets 503)."""
    accounts, passwords = held
    with ThreadPoolExecutor(11) as threads:
        guesses = [
            threads.submit(
                _refusal, partial(accounts.authenticate, f"user-{number}", WRONG, Caller("", address=ABROAD))
            )
            for number in range(10)
        ]
        _wait_until(lambda: sum(guess.done() for guess in guesses) == 7)
        owner = threads.submit(accounts.authenticate, "anna", PASSWORD, Caller("", address=HOME))
        time.sleep(0.2)
        passwords.go_on.set()
        assert owner.result().username == "anna"
    refusals = [guess.result() for guess in guesses]
    assert (refusals.count(Unavailable), refusals.count(BadCredentials)) == (7, 3)


def test_what_is_refused_anyway_waits_for_no_turn(
    held: tuple[Accounts, HeldPasswords], throttle: LoginThrottle
) -> None:
    accounts, passwords = held
    fail(throttle, "bert", HOME, ACCOUNT_LIMIT)
    with ThreadPoolExecutor(3) as threads:
        guess = partial(accounts.authenticate, "anna", WRONG, Caller("", address=HOME))
        waiting = [threads.submit(_refusal, guess) for _ in range(3)]
        time.sleep(0.2)
        started = time.monotonic()
        for _ in range(20):
            assert _refusal(partial(accounts.authenticate, "bert", WRONG, Caller("", address=ABROAD))) is RateLimited
        assert time.monotonic() - started < 2
        passwords.go_on.set()
        assert {each.result() for each in waiting} == {BadCredentials}


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _accounts(database: Database, clock: Clock) -> tuple[Accounts, CountingPasswords]:
    """As one of several processes would have it, with as many digests at once as a large machine allows."""
    passwords = CountingPasswords(KEYS.pepper, CHEAPEST_COST, at_once=4, queue=96)
    throttle = LoginThrottle(database, clock, KEYS.pepper)
    return Accounts(database, clock, passwords, throttle, Idempotency(KEYS.pepper)), passwords


def _refusal(act: Callable[[], object]) -> type[Refusal]:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.type


# When the counters are away


def test_where_the_counters_can_not_be_read_nobody_signs_in_and_no_password_is_looked_at(
    client: FlaskClient, services: Services, database: Database, clock: Clock
) -> None:
    make_user(services, "anna", password=PASSWORD)
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE login_throttle RENAME TO lost"))
    refused = sign_in(client, "anna", PASSWORD, HOME)
    assert (refused.status_code, refused.get_json()["reason"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    accounts, passwords = _accounts(database, clock)
    assert _refusal(lambda: accounts.authenticate("anna", PASSWORD, Caller("", address=HOME))) is Unavailable
    assert passwords.looked_at == 0


def test_where_the_counters_stay_locked_nobody_signs_in(
    client: FlaskClient, services: Services, database: Database
) -> None:
    make_user(services, "anna", password=PASSWORD)
    with database.engine.connect() as other:
        if database.is_sqlite:
            other.exec_driver_sql("UPDATE login_throttle SET failures = 0")
        else:
            other.exec_driver_sql("LOCK TABLE login_throttle IN ACCESS EXCLUSIVE MODE")
        assert sign_in(client, "anna", PASSWORD, HOME).status_code == 503
        other.rollback()
    assert sign_in(client, "anna", PASSWORD, HOME).status_code == 201
