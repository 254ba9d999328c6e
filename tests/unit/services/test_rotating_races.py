"""Rotating at the moment at which others rotate, revoke or regenerate: one new secret, and nothing survives an end."""

import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from app.domain.errors import Refusal, TokenRefused
from app.domain.identity import User
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.factories import Refresh, issue, mint, regenerate_own, revoke, rotate, works

pytestmark = pytest.mark.both_databases

ROUNDS = int(os.environ.get("DAYPASS_ROTATION_ROUNDS", "8"))
"""`make rotation-rounds` has 200."""


def test_64_rotations_with_the_same_secret_give_one_new_one(
    services: Services, refresh: Refresh, database: Database
) -> None:
    """◆ Fails when the secret is not compared again under the lock."""
    given = {each.secret for each in all_at_once([lambda: rotate(services, refresh)] * 64)}
    assert len(given) == 1
    assert [event.action for event in rows.audit_events(database)].count("refresh_token.rotated") == 1
    assert works(services, rotate(services, refresh))


@pytest.mark.parametrize("end", [revoke, regenerate_own])
def test_no_secret_that_a_rotation_gave_survives_a_revocation_or_regeneration_beside_it(
    services: Services, anna: User, database: Database, end: Callable[[Services, Refresh], object]
) -> None:
    """◆ Fails when a rotation brings back what another act has just ended, or an end leaves one of two secrets."""
    for _ in range(ROUNDS):
        refresh = issue(services, anna)
        given, minted = [refresh], []

        def rotate_on(refresh: Refresh = refresh, given: list[Refresh] = given) -> None:
            with suppress(TokenRefused):
                for _ in range(3):
                    given.append(rotate(services, given[-1]))

        def mint_on(refresh: Refresh = refresh, minted: list[object] = minted) -> None:
            with suppress(Refusal):
                for _ in range(3):
                    minted.append(mint(services, refresh))

        ended = all_at_once([rotate_on, lambda refresh=refresh: end(services, refresh), mint_on])[1]  # type: ignore[misc]
        assert [works(services, each) for each in given] == [False] * len(given)
        assert rows.alive_under(database, refresh.token.id) == []
        if end is regenerate_own:
            assert isinstance(ended, type(refresh)) and works(services, ended)
