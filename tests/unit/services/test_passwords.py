"""bcrypt over the keyed pre-hash, and what may become a password."""

import base64
import hashlib
import hmac
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import bcrypt
import pytest

from app.domain.errors import BadRequest
from app.services.passwords import HASHING_NICENESS, Passwords, hashing_capacity
from tests.databases import CHEAPEST_COST
from tests.secrecy import PASSWORD_MARK

PEPPER = b"p" * 32
PASSWORD = f"{PASSWORD_MARK}-of-the-tests"


def make(cost: int = CHEAPEST_COST, at_once: int = 1, queue: int = 3, pepper: bytes = PEPPER) -> Passwords:
    return Passwords(pepper, cost, at_once, queue)


def test_a_digest_is_bcrypt_over_the_base64_of_a_keyed_sha_384() -> None:
    passwords = make()
    digest = passwords.digest(PASSWORD)
    keyed = base64.b64encode(hmac.new(PEPPER, PASSWORD.encode(), hashlib.sha384).digest())
    assert bcrypt.checkpw(keyed, digest.encode())
    assert digest != passwords.digest(PASSWORD), "another salt each time"
    assert not make(pepper=b"q" * 32).matches(PASSWORD, digest)


@pytest.mark.parametrize("cost", [4, 6])
def test_a_digest_has_the_cost_of_the_setting_and_one_of_another_cost_is_dated(cost: int) -> None:
    digest = make(cost).digest(PASSWORD)
    assert digest.startswith(f"$2b${cost:02}$")
    assert not make(cost).is_dated(digest)
    assert make(cost + 1).is_dated(digest) and make(cost - 1).is_dated(digest)


@pytest.mark.parametrize("length", [71, 72, 73, 1024])
def test_the_last_byte_counts_on_both_sides_of_bcrypts_72(length: int) -> None:
    passwords, stem = make(), PASSWORD_MARK.ljust(length - 1, "s")
    stored = passwords.digest(stem + "a")
    assert [passwords.matches(stem + last, stored) for last in ("a", "b", "")] == [True, False, False]


def test_the_text_after_a_nul_counts_and_any_other_text_is_just_wrong() -> None:
    passwords = make()
    stored = passwords.digest(f"{PASSWORD}\0one")
    assert passwords.matches(f"{PASSWORD}\0one", stored)
    for attempt in ("", "\0", PASSWORD, f"{PASSWORD}\0two", f"{PASSWORD}\0", "\ud800", "päßwörd", "x" * 20_000):
        assert not passwords.matches(attempt, stored)
        assert not passwords.matches(attempt, None), "an account without a password matches nothing"


def test_a_wrong_password_costs_as_much_where_the_digest_is_older_and_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    """◆ Each step of the cost doubles the time. Fails when only the stored digest's own cost is spent."""
    older, present = make(4).digest(PASSWORD), make(8)
    check, hash = Mock(wraps=bcrypt.checkpw), Mock(wraps=bcrypt.hashpw)
    monkeypatch.setattr(bcrypt, "checkpw", check)
    monkeypatch.setattr(bcrypt, "hashpw", hash)
    for stored in (older, present._dummy, None):
        check.reset_mock(), hash.reset_mock()
        assert not present.matches("x", stored)
        salts = [call.args[1] for call in check.call_args_list + hash.call_args_list]
        assert sum(2 ** int(salt.split(b"$")[2]) for salt in salts) == 2**8


def test_a_new_password_that_breaks_a_rule_is_refused_without_being_repeated() -> None:
    """◆ Fails when the lists of common passwords are not asked. The other rules: ``domain/test_passwords.py``."""
    for good in (PASSWORD, "wolke-treppe-fünf-mai", "xK9#mPq2vL5w", f"{'x' * 20}{PASSWORD}"):
        make().validate(good, "anna", "anna@example.com")
    for bad in (
        "short", "nul\0 inside the text", "x" * 1025, "I am Anna, hello", "Password1234!", "P@ssw0rd2026",
        "qwertyuiop12",
        "aaaaaaaaaaaa", "1q2w3e4r5t6y", "abcdefghijkl", "letmeinletmein", "Welcome2026!", "a" * 1024,
    ):  # fmt: skip
        with pytest.raises(BadRequest) as refused:
            make().validate(bad, "anna", "anna@example.com")
        assert list(refused.value.fields) == ["password"]
        assert bad not in refused.value.message and ":" in refused.value.message


def test_a_password_made_to_be_slow_to_examine_is_not() -> None:
    """Each sign can be read as several letters. Fails when the whole text is examined at once (2 s)."""
    began = time.thread_time()
    make().validate("4@8({[<369&#!1/|0$5+7%2" * 40)
    assert time.thread_time() - began < 1


def test_a_generated_password_breaks_no_rule_whatever_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter(("xxAnna-9f3kq8vB1z2Wq", "xxB3rta-9f3kq8vB1z2q"))
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _size: next(texts))
    assert make().generate("anna") == "xxB3rta-9f3kq8vB1z2q"


def test_as_many_threads_digest_as_turns_are_given_with_a_lower_priority_than_everything_else() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    for at_once in (1, 3):
        digesting = _digesting_threads(make(at_once=at_once))
        assert 1 <= len(digesting) <= at_once
        priorities = {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in digesting}
        assert priorities == {max(ours, HASHING_NICENESS)}
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours


def test_a_service_that_was_started_with_a_still_lower_priority_keeps_it() -> None:
    def digest_with_low_priority() -> list[int]:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS + 5)
        return [os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in _digesting_threads(make())]

    with ThreadPoolExecutor(1) as low:
        assert low.submit(digest_with_low_priority).result() == [HASHING_NICENESS + 5]


def _digesting_threads(passwords: Passwords) -> list[threading.Thread]:
    """Those that appear when many digest; they stay for the next."""
    before = set(threading.enumerate())
    with ThreadPoolExecutor(12) as crowd:
        list(crowd.map(passwords.digest, [PASSWORD] * 12))
    return [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("hashing")]


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 256])
def test_passwords_occupy_less_than_half_of_the_threads_and_of_the_cores_or_one_each(workers: int) -> None:
    for threads in (4, 5, 7, 8, 16, 64, 256):
        at_once, queue = hashing_capacity(workers, threads)
        assert at_once >= 1 and queue >= 0
        assert at_once + queue < threads / 2
        assert at_once * workers <= max((os.cpu_count() or 1) / 2, workers)
