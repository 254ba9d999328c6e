"""Two programs on one refresh token: noticed, marked and recorded, and nobody is hindered."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.domain.audit import AuditEvent
from app.domain.clock import system_clock
from app.domain.identity import User
from app.domain.reissue import Reissue
from app.domain.tokens import RefreshToken
from app.services import Services
from tests.factories import Access, Refresh, issue, mint, mint_own, regenerate, revoke, revoke_under
from tests.unit.services.verdicts import HOUR, MINUTE, NOW, SECOND

ONE, OTHER = "192.0.2.1", "192.0.2.2"


def minted(services: Services, refresh: Refresh, *addresses: str) -> Access:
    """Mints in turn, a second apart, from these addresses; the last one."""
    with freeze_time(system_clock()) as clock:
        for address in addresses:
            clock.tick(1)
            issued = mint(services, refresh, address)
    return issued


def is_marked(services: Services, refresh: Refresh) -> bool:
    token = services.listing.find(refresh.token.public_id).token
    assert isinstance(token, RefreshToken)
    return token.seems_shared


def found(services: Services) -> list[AuditEvent]:
    return services.audit_list.events(action="refresh_token.found_shared").items


@freeze_time(NOW)
def test_the_sixth_mint_in_ten_minutes_from_two_addresses_marks_the_refresh_token(
    services: Services, anna: User, refresh: Refresh
) -> None:
    assert not minted(services, refresh, ONE, OTHER, ONE, OTHER, ONE).seems_shared
    assert not is_marked(services, refresh) and found(services) == []
    assert minted(services, refresh, OTHER).seems_shared
    assert is_marked(services, refresh)
    assert minted(services, refresh, ONE).seems_shared
    (event,) = found(services)  # of the sixth alone
    assert (event.object_id, event.actor) == (refresh.token.public_id, anna.username)
    assert (event.detail["mints"], event.detail["addresses"]) == (6, f"{ONE}, {OTHER}")
    assert event.detail["note"].startswith("Two programs seem to share this token")


def test_programs_are_noticed_although_the_access_token_between_two_mints_was_revoked(
    services: Services, refresh: Refresh
) -> None:
    minted(services, refresh, ONE, OTHER, ONE, OTHER, ONE)
    revoke_under(services, refresh.secret)
    assert minted(services, refresh, OTHER).seems_shared


ONE_PROGRAM = {
    "always from one address": (None, [ONE] * 12),
    "from one network, as IPv6 counts": (None, [f"2001:db8::{number}" for number in range(8)]),
    "where a token overlaps": (Reissue.OVERLAP, [ONE, OTHER] * 6),
    "where a token is reused": (Reissue.REUSE, [ONE, OTHER] * 6),
}


@pytest.mark.parametrize("case", ONE_PROGRAM)
@freeze_time(NOW)
def test_programs_that_do_not_end_each_others_tokens_are_not_marked(services: Services, anna: User, case: str) -> None:
    reissue, addresses = ONE_PROGRAM[case]
    refresh = issue(services, anna, reissue=reissue)
    minted(services, refresh, *addresses)
    mint_own(services, refresh)  # an unknown address is not another one
    assert not is_marked(services, refresh)


@freeze_time(NOW)
def test_the_rare_one_of_two_programs_is_noticed_when_it_mints(services: Services, refresh: Refresh) -> None:
    """However often the other one mints: fails when the earliest mints are read instead of the latest."""
    assert minted(services, refresh, *["2001:db8:0:1::1"] * 60, "2001:db8:0:2::1").seems_shared
    revoke_under(services, refresh.secret)
    again = minted(services, refresh, ONE)
    assert again.replaced is None and again.seems_shared, "a mint that replaced nothing shows it too"


def test_mints_that_are_further_apart_do_not_count_together(services: Services, refresh: Refresh) -> None:
    for number in range(8):
        with freeze_time(NOW + timedelta(minutes=2.5) * number):
            minted(services, refresh, (ONE, OTHER)[number % 2])
    assert not is_marked(services, refresh)


def test_the_mark_stays_while_it_goes_on_and_a_day_longer_recorded_once(services: Services, refresh: Refresh) -> None:
    with freeze_time(NOW) as clock:
        for number in range(6):  # the last one is 25 hours after the first
            clock.move_to(NOW + 5 * HOUR * number)
            minted(services, refresh, *[ONE, OTHER] * 3)
            assert len(found(services)) == 1
        clock.move_to(NOW + 49 * HOUR - MINUTE)
        assert is_marked(services, refresh)
        clock.move_to(NOW + 49 * HOUR + MINUTE)
        assert not is_marked(services, refresh)
        minted(services, refresh, *[ONE, OTHER] * 3)
        assert len(found(services)) == 2


def test_regenerating_and_revoking_remove_the_mark(services: Services, refresh: Refresh) -> None:
    """Fails when mints from the secret before count."""
    with freeze_time(NOW) as clock:
        minted(services, refresh, *[ONE, OTHER] * 3)
        clock.tick(30 * SECOND)
        renewed = regenerate(services, refresh)
        assert not is_marked(services, refresh)
        assert not minted(services, renewed, ONE, ONE, ONE).seems_shared
        assert len(found(services)) == 1
        clock.tick(HOUR)
        minted(services, renewed, *[ONE, OTHER] * 3)
        assert is_marked(services, refresh)
        revoke(services, refresh)
        assert not is_marked(services, refresh)
