"""Several hosts on one database: their clocks differ a little, and their keys change one after the other."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from app.domain.clock import system_clock
from app.services import Services
from app.storage.database import Database
from config import Keys
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import Access, Refresh, configure, mint
from tests.unit.services.verdicts import reason


@pytest.mark.parametrize(("policy", "good"), [("replace", 1), ("overlap", 2)])
def test_a_replaced_access_token_has_ended_for_a_host_whose_clock_is_behind(
    services: Services, services_with: Callable[..., Services], refresh: Refresh, policy: str, good: int
) -> None:
    """Fails when a replaced token is stored as one that ends now: for the other host, now is yet to come."""
    behind = services_with(clock=lambda: system_clock() - timedelta(seconds=1.5))  # less than makes it not ready
    configure(services, access_token_reissue=policy)
    minted = [mint(services, refresh) for _ in range(3)]
    assert [reason(behind, each) for each in minted] == ["token_superseded"] * (3 - good) + [None] * good


@pytest.mark.both_databases
def test_simultaneous_mints_are_all_answered_while_the_refresh_token_moves_to_a_new_key(
    services_with: Callable[..., Services], database: Database, refresh: Refresh
) -> None:
    """Fails when the mint's conditional write requires the digest that was read before: the first mint changes it."""
    rotated = services_with(keys=Keys({"k2": b"2" * 32} | KEYS.token_keys, KEYS.pepper))
    minted: list[Access] = all_at_once([partial(mint, rotated, refresh)] * 16)
    assert len({each.secret for each in minted}) == 16
    assert len(rows.alive_under(database, refresh.token.id)) == 1
    assert rows.generation_of(database, refresh.token.id) == 16
    assert rotated.listing.keys_in_use() == {"k2": 2}


@pytest.mark.both_databases
def test_simultaneous_mints_are_all_answered_while_hosts_sign_with_different_keys(
    services_with: Callable[..., Services], database: Database, refresh: Refresh
) -> None:
    """As between the restarts of a rotation, when each host signs the refresh token's digest with its own key.

    Fails when the mint's conditional write requires the digest that was read before (tried: 503 on PostgreSQL).
    """
    keys = KEYS.token_keys | {"k2": b"2" * 32}
    hosts = [services_with(keys=Keys(dict(each), KEYS.pepper)) for each in (keys.items(), reversed(keys.items()))]
    all_at_once([partial(mint, hosts[number % 2], refresh) for number in range(32)])
    assert len(rows.alive_under(database, refresh.token.id)) == 1
    assert rows.generation_of(database, refresh.token.id) == 32
