"""Moving a token at the moment at which others mint, revoke, regenerate, or disable: each wholly before or after it."""

import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, select

from app.domain.errors import Conflict, Refusal, Unavailable
from app.domain.identity import Caller, User
from app.services import Services
from app.services.held_tokens import ByOwner
from app.storage import users
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    Refresh,
    disable,
    enable,
    issue,
    make_user,
    mint_with,
    regenerate_with,
    revoke,
    signed_in,
)

pytestmark = pytest.mark.both_databases

ROUNDS = 8

LOCKING = re.compile(r"BEGIN IMMEDIATE|FROM users.* FOR ", re.DOTALL)
"""The statements with which a move waits for who changes an owner."""

MOMENT_SECONDS = 0.01
"""Within which all that race begin; at the very same time, the one that waits first is first."""


@pytest.fixture
def berta(services: Services) -> User:
    return make_user(services, "berta")


def attempt(act: Callable[[], Any]) -> Any:
    """What it returns, or its refusal."""
    time.sleep(random.uniform(0, MOMENT_SECONDS))
    try:
        return act()
    except Refusal as refusal:
        return refusal


def move(services: Services, refresh: Refresh, to: str = "berta") -> Any:
    return services.moving.move(refresh.token.public_id, to, OPERATOR)


def race(*acts: Callable[[], Any]) -> list[Any]:
    return all_at_once([partial(attempt, act) for act in acts])


def owners(database: Database, refresh: Refresh) -> set[int]:
    """Of the refresh token and all its access tokens."""
    with database.reading() as session:
        access = select(AccessTokenRow.user_id).where(AccessTokenRow.refresh_token_id == refresh.token.id)
        own = select(RefreshTokenRow.user_id).where(RefreshTokenRow.id == refresh.token.id)
        return {*session.scalars(own), *session.scalars(access)}


def test_mints_and_a_move_at_once_leave_one_owner(
    services: Services, database: Database, anna: User, berta: User
) -> None:
    """◆ With its secret, which works throughout; by its old owner, who gets nothing that is the new owner's."""
    for _ in range(ROUNDS):
        refresh = issue(services, anna)
        by_secret = partial(mint_with, services, refresh.secret)
        by_owner = partial(services.minting.mint, ByOwner(refresh.token.public_id, anna.id), signed_in(anna))
        with_her_id = partial(mint_with, services, refresh.secret, anna.id)
        *minted, _ = race(by_secret, by_secret, by_owner, with_her_id, partial(move, services, refresh))
        assert owners(database, refresh) == {berta.id}
        assert not isinstance(minted[0], Refusal) and not isinstance(minted[1], Refusal)
        for each in minted:
            assert isinstance(each, Refusal) is False or each.reason in ("not_found", "user_id_mismatch")


def test_no_access_token_outlives_the_revocation_of_all_of_its_owner_which_races_with_a_move(
    services: Services, database: Database, anna: User, berta: User
) -> None:
    """◆ Revoking all of either owner: the token has ended, or is the other owner's with all that works under it."""
    for number in range(ROUNDS):
        refresh = issue(services, anna)
        mint_with(services, refresh.secret)
        victim = (anna, berta)[number % 2]
        revoking = partial(services.revoking.revoke_user, victim.username, "", OPERATOR)
        mint = partial(mint_with, services, refresh.secret)
        *_, revoked = race(mint, partial(move, services, refresh), revoking)
        assert not isinstance(revoked, Refusal)
        assert len(owners(database, refresh)) == 1
        stored = services.listing.find(refresh.token.public_id).token
        if stored.status == "revoked":
            assert rows.alive_under(database, refresh.token.id) == []
        elif victim is anna:
            assert stored.user_id == berta.id


def test_revoking_or_regenerating_a_token_that_is_being_moved_ends_what_it_ends(
    services: Services, database: Database, anna: User, berta: User
) -> None:
    for number in range(ROUNDS):
        refresh = issue(services, anna)
        mint_with(services, refresh.secret)
        act = (partial(revoke, services, refresh), partial(regenerate_with, services, refresh.secret))[number % 2]
        ended, moved = race(act, partial(move, services, refresh))
        assert not isinstance(ended, Refusal)
        assert rows.alive_under(database, refresh.token.id) == []
        assert owners(database, refresh) == {anna.id if isinstance(moved, Refusal) else berta.id}


def test_a_token_that_moves_once_its_secret_was_recognised_is_revoked_when_asked_again(
    services: Services, refresh: Refresh, berta: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the owner of before is held, or named in the audit log: who revokes then holds two in any order."""
    recognise = services.revoking._recognise
    revoke_it = partial(services.revoking.revoke_secret, refresh.secret, "", Caller(""))

    def and_move(secret: str) -> Any:
        held = recognise(secret)
        move(services, refresh)
        return held

    with monkeypatch.context() as patched:
        patched.setattr(services.revoking, "_recognise", and_move)
        assert isinstance(attempt(revoke_it), Unavailable)
    _, revoked = revoke_it()
    assert revoked.refresh_tokens == 1
    assert services.audit_list.events(limit=1).items[0].actor_id == berta.id


def test_two_moves_at_once_leave_one_owner(services: Services, database: Database, anna: User, berta: User) -> None:
    carl = make_user(services, "carl")
    for _ in range(ROUNDS):
        refresh = issue(services, anna)
        mint_with(services, refresh.secret)
        race(partial(move, services, refresh), partial(move, services, refresh, "carl"))
        assert owners(database, refresh) in ({berta.id}, {carl.id})


def test_a_move_waits_for_who_is_just_disabling_its_new_owner(
    services: Services, database: Database, elsewhere: Database, refresh: Refresh, berta: User
) -> None:
    """◆ Fails on PostgreSQL when a move does not lock the owners."""
    waits = threading.Event()

    def notice(_: object, __: object, statement: str, *___: object) -> None:
        if LOCKING.search(statement):
            waits.set()

    event.listen(database.engine, "before_cursor_execute", notice)
    with ThreadPoolExecutor(1) as thread:
        with elsewhere.transaction() as session:
            row = users.hold(session, "berta")
            assert row is not None
            row.is_active = False
            session.flush()
            moving = thread.submit(move, services, refresh)
            waits.wait(60)
        with pytest.raises(Conflict):
            moving.result()
    event.remove(database.engine, "before_cursor_execute", notice)


def test_a_token_that_moves_to_an_account_while_it_is_disabled_is_refused_or_not_moved(
    services: Services, database: Database, anna: User, berta: User
) -> None:
    """◆"""
    for _ in range(ROUNDS):
        refresh = issue(services, anna)
        access = mint_with(services, refresh.secret)
        moved, _ = race(partial(move, services, refresh), partial(disable, services, "berta"))
        if isinstance(moved, Refusal):
            assert owners(database, refresh) == {anna.id}
        else:
            assert attempt(partial(services.verifier.verify, access.secret)).reason == "owner_disabled"
        enable(services, "berta")
