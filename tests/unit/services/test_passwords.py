"""bcrypt over the keyed pre-hash, what may become a password, and the gate in front of it.

Here belongs ``app.services.passwords`` alone, without a database. Not here: sign-ins (``test_accounts``), their
budgets (``test_throttling``) and their time (``tests/functional/test_login_timing.py``).
"""

import base64
import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bcrypt
import pytest

from app.domain.errors import BadRequest, Unavailable
from app.services import passwords as module
from app.services.passwords import HASHING_NICENESS, Passwords, hashing_capacity
from tests.secrecy import PASSWORD_MARK

PEPPER = b"p" * 32
CHEAPEST = 4
"""bcrypt's own least cost: what is shown here does not depend on it, and a digest takes 1 ms."""

PASSWORD = f"{PASSWORD_MARK}-of-the-tests"


@pytest.fixture
def passwords() -> Passwords:
    return make()


def make(cost: int = CHEAPEST, at_once: int = 1, queue: int = 3, pepper: bytes = PEPPER) -> Passwords:
    return Passwords(pepper, cost, at_once, queue)


# The digest


def test_a_digest_is_bcrypt_over_the_base64_of_a_keyed_sha_384(passwords: Passwords) -> None:
    keyed = base64.b64encode(hmac.new(PEPPER, PASSWORD.encode(), hashlib.sha384).digest())
    assert bcrypt.checkpw(keyed, passwords.digest(PASSWORD).encode())


@pytest.mark.parametrize("cost", [4, 10, 12])
def test_a_digest_has_the_cost_of_the_setting(cost: int) -> None:
    assert make(cost).digest(PASSWORD).startswith(f"$2b${cost:02}$")


def test_a_password_matches_its_own_digest_only(passwords: Passwords) -> None:
    stored = passwords.digest(PASSWORD)
    assert passwords.matches(PASSWORD, stored)
    assert not passwords.matches(PASSWORD + "x", stored)
    assert not passwords.matches("", stored)


def test_the_same_password_has_another_digest_each_time(passwords: Passwords) -> None:
    assert passwords.digest(PASSWORD) != passwords.digest(PASSWORD)


def test_a_digest_made_with_another_pepper_never_matches(passwords: Passwords) -> None:
    stored = make(pepper=b"q" * 32).digest(PASSWORD)
    assert not passwords.matches(PASSWORD, stored)


@pytest.mark.parametrize("length", [71, 72, 73, 1024])
def test_the_last_byte_counts_on_both_sides_of_bcrypts_72(passwords: Passwords, length: int) -> None:
    stem = PASSWORD_MARK.ljust(length - 1, "s")
    stored = passwords.digest(stem + "a")
    assert passwords.matches(stem + "a", stored)
    assert not passwords.matches(stem + "b", stored)
    assert not passwords.matches(stem, stored)


def test_what_follows_a_nul_counts(passwords: Passwords) -> None:
    stored = passwords.digest(f"{PASSWORD}\0one")
    assert passwords.matches(f"{PASSWORD}\0one", stored)
    assert not passwords.matches(f"{PASSWORD}\0two", stored)
    assert not passwords.matches(PASSWORD, stored)


@pytest.mark.parametrize("attempt", ["", "\0", f"{PASSWORD_MARK}\0", "\ud800", "päßwörd", "x" * 20_000])
def test_any_text_at_all_can_be_tried_and_is_just_wrong(passwords: Passwords, attempt: str) -> None:
    assert not passwords.matches(attempt, passwords.digest(PASSWORD))


@pytest.mark.parametrize("attempt", ["", PASSWORD, "\ud800"])
def test_an_account_without_a_password_matches_nothing(passwords: Passwords, attempt: str) -> None:
    assert not passwords.matches(attempt, None)


def test_a_digest_of_another_cost_is_dated(passwords: Passwords) -> None:
    assert not passwords.is_dated(passwords.digest(PASSWORD))
    assert passwords.is_dated(make(CHEAPEST + 1).digest(PASSWORD))


def test_a_wrong_password_takes_as_long_where_the_digest_is_older_and_cheaper() -> None:
    """◆ Fails when only the stored digest's own cost is spent (it then takes a sixteenth of the time)."""
    older, present = make(7).digest(PASSWORD), make(11)
    assert 0.4 < _quickest(lambda: present.matches("x", older)) / _quickest(lambda: present.matches("x", None)) < 2.5


def _quickest(act: Callable[[], object]) -> float:
    """The least of some times: whatever else the machine does only adds to it."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return min(times)


# What may become a password


@pytest.mark.parametrize("good", ["8 bytes.", "ä" * 4, "x" * 1024, "ä" * 512, " " * 8, "\ud800" * 3])
def test_8_to_1024_bytes_may_become_a_password(passwords: Passwords, good: str) -> None:
    passwords.validate(good)


@pytest.mark.parametrize("bad", ["", "7 bytes", "ä" * 3, "x" * 1025, "ä" * 513, "nul\0 inside", "\0" * 8])
def test_shorter_and_longer_ones_and_nul_are_refused(passwords: Passwords, bad: str) -> None:
    with pytest.raises(BadRequest) as refused:
        passwords.validate(bad)
    assert list(refused.value.fields) == ["password"]
    assert not bad or bad not in refused.value.message


# The gate


def test_no_more_turns_are_given_at_once_than_agreed_and_the_queue_is_bounded() -> None:
    passwords = make(at_once=2, queue=3)
    with _crowd(passwords, 5) as crowd:
        crowd.wait_until(inside=2)
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(Unavailable), passwords.turn():
                raise AssertionError("there was no place left")
        assert time.monotonic() - started < 0.5, "a refusal waits for nobody"
    assert (crowd.most_inside, crowd.served, crowd.refused) == (2, 5, 0)


def test_a_crowd_is_served_up_to_the_places_there_are_and_the_rest_turned_away() -> None:
    passwords = make(at_once=1, queue=2)
    with _crowd(passwords, 20) as crowd:
        crowd.wait_until(inside=1, refused=17)
    assert (crowd.most_inside, crowd.served, crowd.refused) == (1, 3, 17)


def test_strangers_may_fill_half_of_the_places_only() -> None:
    passwords = make(at_once=1, queue=5)
    with _crowd(passwords, 10, is_known=False) as strangers:
        strangers.wait_until(inside=1, refused=7)
        with _crowd(passwords, 5) as known:
            known.wait_until(inside=0, refused=2)
            strangers.finish()
    assert (strangers.served, known.served, known.refused) == (3, 3, 2)


def test_a_stranger_has_a_place_even_in_the_smallest_gate() -> None:
    passwords = make(at_once=1, queue=0)
    for _ in range(2):
        with passwords.turn(is_known=False):
            pass


def test_every_place_is_free_again_when_all_have_left() -> None:
    passwords = make(at_once=2, queue=1)
    for _ in range(3):
        with _crowd(passwords, 3) as crowd:
            crowd.wait_until(inside=2)
        assert crowd.served == 3


def test_a_turn_that_fails_gives_its_place_back() -> None:
    passwords = make(at_once=1, queue=1)
    for _ in range(5):
        with pytest.raises(ValueError, match="within"), passwords.turn():
            raise ValueError("within")
    with passwords.turn():
        pass


def test_who_waits_too_long_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_PATIENCE_SECONDS", 0.05)
    passwords = make(at_once=1, queue=1)
    with _crowd(passwords, 2) as crowd:
        crowd.wait_until(inside=1, refused=1)
    assert crowd.served == 1


class _Crowd:
    """Threads that take a turn each and keep it until told to go on."""

    def __init__(self, passwords: Passwords, size: int, is_known: bool) -> None:
        self._passwords = passwords
        self._is_known = is_known
        self._changed = threading.Condition()
        self._go_on = threading.Event()
        self._threads = [threading.Thread(target=self._take_a_turn) for _ in range(size)]
        self.inside = self.most_inside = self.served = self.refused = 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        self._go_on.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def wait_until(self, inside: int, refused: int = 0) -> None:
        """Until that many are inside and that many were turned away, and those who wait have had time to."""
        with self._changed:
            met = self._changed.wait_for(lambda: self.inside >= inside and self.refused >= refused, 10)
        time.sleep(0.1)
        assert met and self.inside == inside and self.refused == refused

    def _take_a_turn(self) -> None:
        try:
            with self._passwords.turn(self._is_known):
                self._count(inside=1)
                self._go_on.wait(10)
                self._count(inside=-1, served=1)
        except Unavailable:
            self._count(refused=1)

    def _count(self, inside: int = 0, served: int = 0, refused: int = 0) -> None:
        with self._changed:
            self.inside += inside
            self.served += served
            self.refused += refused
            self.most_inside = max(self.most_inside, self.inside)
            self._changed.notify_all()


@contextmanager
def _crowd(passwords: Passwords, size: int, is_known: bool = True) -> Iterator[_Crowd]:
    crowd = _Crowd(passwords, size, is_known)
    crowd.start()
    try:
        yield crowd
    finally:
        crowd.finish()


# The threads that digest


def test_digesting_threads_go_behind_everything_else() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    digesting = _digesting_threads(make())
    assert [os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in digesting] == [HASHING_NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours < HASHING_NICENESS


def test_a_service_that_was_started_with_a_still_lower_priority_keeps_it() -> None:
    found = []

    def digest_as_a_nice_process() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS + 5)
        found.extend(os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in _digesting_threads(make()))

    nice = threading.Thread(target=digest_as_a_nice_process)
    nice.start()
    nice.join()
    assert found == [HASHING_NICENESS + 5]


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_threads_digest_than_turns_are_given(at_once: int) -> None:
    assert 1 <= len(_digesting_threads(make(at_once=at_once))) <= at_once


def _digesting_threads(passwords: Passwords) -> list[threading.Thread]:
    """Those that appear when many ask for a digest; they stay for the next."""
    before = set(threading.enumerate())
    crowd = [threading.Thread(target=passwords.digest, args=(PASSWORD,)) for _ in range(12)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return [thread for thread in threading.enumerate() if thread not in before]


# How many at once


@pytest.mark.parametrize("threads", [4, 5, 7, 8, 16, 64, 256])
@pytest.mark.parametrize("workers", [1, 2, 3, 8, 256])
def test_passwords_occupy_less_than_half_of_the_threads_and_are_never_shut_out(workers: int, threads: int) -> None:
    at_once, queue = hashing_capacity(workers, threads)
    assert at_once >= 1
    assert queue >= 0
    assert at_once + queue < threads / 2


@pytest.mark.parametrize("workers", [1, 2, 4, 8, 256])
def test_all_workers_together_digest_on_half_of_the_cores_or_one_each(workers: int) -> None:
    at_once, _ = hashing_capacity(workers, threads=256)
    assert at_once * workers <= max((os.cpu_count() or 1) / 2, workers)
