"""Signing in while something else happens to the account, or to the machine.

Here belong races of sign-ins. Not here: budgets (``test_throttling``) and digests (``test_passwords``).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import update

from app.domain.errors import BadCredentials, RateLimited, Refusal
from app.domain.identity import Caller
from app.services import Services
from app.services.passwords import Passwords
from app.storage import users
from app.storage.database import Database
from app.storage.tables import UserRow
from config import Settings
from tests.databases import KEYS
from tests.factories import OPERATOR, PASSWORD, make_user

HOME, ELSEWHERE = Caller("", address="192.0.2.1"), Caller("", address="198.51.100.7")
NEW_PASSWORD = f"{PASSWORD}-another"
SIGN_INS = 4
COST = 10
"""Of a digest, as on an instance: with a cheap one, nobody would have to wait for a turn."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, bcrypt_cost=COST)


@contextmanager
def attackers(services: Services, number: int) -> Iterator[None]:
    """Threads that guess at an account again and again, from elsewhere."""
    stop = threading.Event()

    def guess() -> None:
        while not stop.is_set():
            with suppress(Refusal):
                services.accounts.authenticate("anna", f"{PASSWORD}-wrong", ELSEWHERE)
            time.sleep(0.01)  # they run in this very process: without a pause, all they would show is a busy machine

    threads = [threading.Thread(target=guess) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_crowd_that_hammers_an_account_does_not_fill_the_queue_its_owner_waits_in(services: Services) -> None:
    """Not one sign-in of the owner, who is known there, is refused, not even with 503.

    Fails when attempts wait for a turn at digesting before they are refused for being too many.
    """
    make_user(services, "anna", password=PASSWORD)
    services.accounts.authenticate("anna", PASSWORD, HOME)
    with attackers(services, 10):
        _wait_until_refused_elsewhere(services)
        for _ in range(SIGN_INS):
            assert services.accounts.authenticate("anna", PASSWORD, HOME).username == "anna"


def _wait_until_refused_elsewhere(services: Services) -> None:
    for _ in range(1000):
        try:
            services.accounts.authenticate("anna", f"{PASSWORD}-wrong", ELSEWHERE)
        except RateLimited:
            return
        except Refusal:
            time.sleep(0.01)
    raise AssertionError("the crowd never used up its budget")


def test_strangers_get_only_half_of_the_places_to_wait_in() -> None:
    passwords = Passwords(KEYS.pepper, cost=COST, at_once=4, queue=2)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(passwords.turn(is_known=False))
        with pytest.raises(Refusal):
            held.enter_context(passwords.turn(is_known=False))
        held.enter_context(passwords.turn())


def test_a_password_that_is_changed_during_a_sign_in_stays_changed(services: Services, database: Database) -> None:
    """A sign-in that brings the digest up to date replaces only the digest it looked at.

    Fails when the upgrade reads the row first and writes it afterwards, on PostgreSQL.
    """
    make_user(services, "anna", password=PASSWORD)
    with database.reading() as session:
        seen = users.find_sign_in(session, "anna")
    services.accounts.set_password("anna", NEW_PASSWORD, OPERATOR)
    with database.transaction() as session:
        users.replace_digest(session, seen.user_id, seen.password_hash, "a digest of the old password")
    assert services.accounts.authenticate("anna", NEW_PASSWORD, HOME)
    with pytest.raises(BadCredentials):
        services.accounts.authenticate("anna", PASSWORD, HOME)


def test_an_upgraded_digest_is_of_the_same_password(services: Services, database: Database) -> None:
    make_user(services, "anna", password=PASSWORD)
    dated = Passwords(KEYS.pepper, cost=COST + 1, at_once=1, queue=0).digest(PASSWORD)
    with database.transaction() as session:
        session.execute(update(UserRow).values(password_hash=dated))
    assert services.accounts.authenticate("anna", PASSWORD, HOME)
    with database.reading() as session:
        assert users.find_sign_in(session, "anna").password_hash != dated
    assert services.accounts.authenticate("anna", PASSWORD, HOME)
