"""Revoking at the moment at which others mint or regenerate, in one process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import event

from app.domain.clock import system_clock
from app.domain.errors import TokenRevoked
from app.domain.secrets import new_token_text
from app.domain.tokens import TokenKind
from app.services import Services
from app.services.revoking import Ended
from app.storage import refresh_tokens
from app.storage.database import Database
from tests.crowds import all_at_once
from tests.factories import OPERATOR, issue, make_user, mint

pytestmark = pytest.mark.both_databases

ROUNDS = 10
MINTING = 3


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
                assert has_minted.wait(10)
                services.revoking.revoke_user(user.username, "", OPERATOR)
                has_minted.clear()
        finally:
            is_over.set()

    all_at_once([revoke_on, *[mint_on] * MINTING])


def test_a_secret_that_is_just_being_replaced_revokes_nothing(
    services: Services, database: Database, elsewhere: Database
) -> None:
    """Fails when the secret is not verified again under the lock (tried: the token with the new secret was revoked)."""
    old = issue(services, make_user(services))
    public_id = old.token.public_id
    new_text = new_token_text(TokenKind.REFRESH).with_public_id(public_id)
    has_verified = threading.Event()
    connections = iter((lambda: None, has_verified.set))  # one to read the secret, one to revoke

    def count(*_: object) -> None:
        next(connections, lambda: None)()

    with ThreadPoolExecutor(1) as thread:
        with elsewhere.transaction() as session:
            row = refresh_tokens.find(session, public_id)
            assert row is not None
            refresh_tokens.lock(session, [row.id])
            refresh_tokens.replace_secret(session, row, services.ring.sign(new_text), system_clock(), row.expires_at)
            event.listen(database.engine, "checkout", count)
            revoking = thread.submit(services.revoking.revoke_secret, old.secret, "", OPERATOR)
            has_verified.wait(1)
            assert not revoking.done()
        assert revoking.result() == (public_id, Ended(0, 0))
    event.remove(database.engine, "checkout", count)
    assert services.listing.find(public_id).token.status == "active"
