"""Revoking at the moment at which others mint or regenerate."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.clock import system_clock
from app.domain.errors import TokenRevoked, UserIdMismatch
from app.services import Services
from app.services.revoking import Revoked
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS, services_on
from tests.factories import OPERATOR, Refresh, issue, make_user, mint, regenerate, revoke, revoke_under

pytestmark = pytest.mark.both_databases

ROUNDS = 10
MINTING = 3

LOCKING = re.compile(r"BEGIN IMMEDIATE|UPDATE refresh_tokens|FROM refresh_tokens.* FOR ", re.DOTALL)
"""The statements that wait for the holder of a refresh token."""

Act = Callable[[Services, Refresh], object]


def test_revoking_all_of_a_user_and_mints_for_them_at_once_are_all_answered(services: Services) -> None:
    """None with 503.

    Fails on PostgreSQL when the user is held FOR UPDATE: a mint that holds its refresh token then waits for the user,
    and the revocation waits for the refresh token (tried: deadlock, Unavailable).
    """
    user, is_over, has_minted = make_user(services), threading.Event(), threading.Event()

    def mint_on() -> None:
        while not is_over.is_set():
            refresh = issue(services, user)
            with suppress(TokenRevoked):
                while not is_over.is_set():
                    mint(services, refresh)
                    has_minted.set()

    def revoke_on() -> None:
        try:
            for _ in range(ROUNDS):
                assert has_minted.wait(60)
                services.revoking.revoke_user(user.username, "", OPERATOR)
                has_minted.clear()
        finally:
            is_over.set()

    all_at_once([revoke_on, *[mint_on] * MINTING])


@pytest.fixture
def one_waits(services: Services, database: Database, elsewhere: Database) -> Iterator[Callable[..., Any]]:
    """Lets another host do one act, which commits only when ours, begun meanwhile, is about to wait for its lock."""
    there = services_on(elsewhere, KEYS, system_clock)
    holds, waits = threading.Event(), threading.Event()

    def stop(_: object) -> None:
        holds.set()
        waits.wait(60)

    def notice(_: object, __: object, statement: str, *___: object) -> None:
        if LOCKING.search(statement):
            waits.set()

    def race(first: Act, second: Act, refresh: Refresh) -> object:
        event.listen(elsewhere.engine, "commit", stop)
        event.listen(database.engine, "before_cursor_execute", notice)
        with ThreadPoolExecutor(1) as thread:
            theirs = thread.submit(first, there, refresh)
            assert holds.wait(60)
            try:
                return second(services, refresh)
            finally:
                waits.set()
                theirs.result()

    yield race
    event.remove(database.engine, "before_cursor_execute", notice)
    there.close()


ENDS: dict[str, Act] = {
    "it is regenerated": regenerate,
    "it is revoked": revoke,
    "all of its owner's are revoked": lambda its, _: its.revoking.revoke_user("anna", "", OPERATOR),
}
ENDS_OF_ACCESS: dict[str, Act] = ENDS | {
    "its access tokens are revoked": lambda its, own: revoke_under(its, own.secret),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_mint_that_waits_while_its_refresh_token_ends_is_refused(
    one_waits: Callable[..., Any], database: Database, refresh: Refresh, end: Act
) -> None:
    """◆ Fails on PostgreSQL when `hold` does not say in its WHERE which digest and which status it read."""
    with pytest.raises(TokenRevoked):
        one_waits(end, mint, refresh)
    assert rows.alive_under(database, refresh.token.id) == []


def move(its: Services, own: Refresh) -> object:
    return its.moving.move(own.token.public_id, "berta", OPERATOR)


def test_a_mint_that_waits_while_its_refresh_token_is_moved_is_refused_to_its_old_owner(
    one_waits: Callable[..., Any], services: Services, database: Database, refresh: Refresh
) -> None:
    """◆ Fails on PostgreSQL when the owner is not compared again under the lock."""
    make_user(services, "berta")
    with pytest.raises(UserIdMismatch):
        one_waits(move, mint, refresh)
    assert rows.alive_under(database, refresh.token.id) == []


@pytest.mark.parametrize("end", ENDS_OF_ACCESS.values(), ids=ENDS_OF_ACCESS)
def test_an_access_token_that_is_just_being_minted_ends_with_its_refresh_token(
    one_waits: Callable[..., Any], database: Database, refresh: Refresh, end: Act
) -> None:
    """◆ Fails on PostgreSQL when access tokens are revoked before the lock of their refresh token is held."""
    one_waits(mint, end, refresh)
    assert rows.alive_under(database, refresh.token.id) == []


def test_a_secret_that_is_just_being_replaced_revokes_nothing(
    one_waits: Callable[..., Any], services: Services, refresh: Refresh
) -> None:
    """Fails when the secret is not verified again under the lock (tried: the token with the new secret was revoked)."""
    public_id = refresh.token.public_id

    def revoke_secret(its: Services, own: Refresh) -> tuple[str, Revoked]:
        return its.revoking.revoke_secret(own.secret, "", OPERATOR)

    assert one_waits(regenerate, revoke_secret, refresh) == (public_id, Revoked(0, 0))
    assert services.listing.find(public_id).token.status == "active"
