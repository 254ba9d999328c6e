"""Revoking at the moment at which others mint or regenerate.

Here belongs what two acts at once must not do to each other, in one process. Not here: what an act ends
(``test_revoking``), and several workers (``tests/functional/test_revocation``).
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from app.domain.clock import system_clock
from app.domain.errors import TokenRevoked
from app.domain.secrets import new_token_text
from app.domain.tokens import TokenKind
from app.services import Services
from app.services.revoking import Revoked
from app.storage import refresh_tokens
from app.storage.database import Database
from tests.crowds import all_at_once
from tests.factories import OPERATOR, issue, make_user, mint
from tests.unit.storage.conftest import connected

ROUNDS = 25
MINTING = 4


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Database]:
    """The same database as another process has it."""
    with connected(database.engine.url.render_as_string(hide_password=False)) as other:
        yield other


def test_whoever_cuts_a_user_off_and_those_who_mint_for_them_are_all_answered(services: Services) -> None:
    """Nobody is told 503.

    Fails on PostgreSQL when the user is held FOR UPDATE: a mint that holds its refresh token then waits for the user,
    and whoever cuts the user off waits for the refresh token (tried: deadlock, Unavailable).
    """
    user, is_over, has_minted = make_user(services), threading.Event(), threading.Event()

    def mint_on() -> None:
        while not is_over.is_set():
            refresh = issue(services, user)
            with suppress(TokenRevoked):
                while not is_over.is_set():
                    mint(services, refresh)
                    has_minted.set()

    def cut_off_again_and_again() -> None:
        try:
            for _ in range(ROUNDS):
                assert has_minted.wait(10)
                services.revoking.revoke_user(user.username, "", OPERATOR)
                has_minted.clear()
        finally:
            is_over.set()

    all_at_once([cut_off_again_and_again, *[mint_on] * MINTING])


def test_a_secret_that_is_just_being_replaced_ends_nothing(
    services: Services, database: Database, elsewhere: Database
) -> None:
    """Fails when the secret is not looked at again under the lock (tried: the token with the new secret was ended)."""
    old = issue(services, make_user(services))
    public_id = old.token.public_id
    new_text = new_token_text(TokenKind.REFRESH).with_public_id(public_id)
    with ThreadPoolExecutor(1) as thread:
        with elsewhere.transaction() as session:
            row = refresh_tokens.find(session, public_id)
            assert row is not None
            refresh_tokens.lock(session, row.id)
            refresh_tokens.replace_secret(session, row, services.ring.sign(new_text), system_clock(), row.expires_at)
            revoking = thread.submit(services.revoking.revoke_secret, old.secret, "", OPERATOR)
            time.sleep(0.5)  # by now it has recognised the secret, and waits
            assert not revoking.done()
        assert revoking.result() == (public_id, Revoked(0, 0))
    assert services.listing.find(public_id).token.status == "active"
