"""Two programs on one refresh token: noticed, marked and told, and nobody is hindered.

Not here: how the mark looks in a dialect or on a page (``tests/contract``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.audit import AuditEvent
from app.domain.clock import system_clock
from app.domain.identity import Caller, User
from app.domain.policy import Reissue
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.services import Services
from app.services.listing import TokenFilter
from tests.factories import OPERATOR, issue, make_user

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def user(services: Services) -> User:
    return make_user(services)


@pytest.fixture
def refresh(services: Services, user: User) -> Issued[RefreshToken]:
    return issue(services, user)


def minted(services: Services, refresh: Issued[RefreshToken], *addresses: str) -> Issued[AccessToken]:
    """Mints in turn, a second apart, from these addresses; the last one."""
    with freeze_time(system_clock()) as clock:
        for address in addresses:
            clock.tick(1)
            issued = services.minting.mint(refresh.secret, None, Caller("", address=address))
    return issued


def is_marked(services: Services, user: User) -> bool:
    (listed,) = services.listing.tokens(TokenKind.REFRESH, TokenFilter(user_id=user.id)).items
    assert isinstance(listed.token, RefreshToken)
    return listed.token.seems_shared


def found(services: Services) -> list[AuditEvent]:
    return services.listing.audit_events(action="refresh_token.found_shared").items


@freeze_time(NOW)
def test_the_sixth_mint_in_ten_minutes_from_two_addresses_marks_the_refresh_token(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    assert not minted(services, refresh, ONE, OTHER, ONE, OTHER, ONE).seems_shared
    assert not is_marked(services, user) and found(services) == []
    assert minted(services, refresh, OTHER).seems_shared
    assert is_marked(services, user)
    (event,) = found(services)
    detail = event.detail
    assert (event.object_id, event.actor) == (refresh.token.public_id, user.username)
    assert (detail["mints"], detail["addresses"]) == (6, f"{ONE}, {OTHER}")
    assert detail["note"].startswith("Two programs seem to share this token")


@freeze_time(NOW)
def test_one_program_that_mints_all_the_time_is_not_two(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    minted(services, refresh, *[ONE] * 12)
    assert not is_marked(services, user)


@freeze_time(NOW)
def test_an_address_that_is_not_known_is_not_another_one(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    minted(services, refresh, *[ONE] * 8)
    services.minting.mint_own(refresh.token.public_id, user.id, Caller(user.username, user.id))
    assert not is_marked(services, user)


@freeze_time(NOW)
def test_the_rare_one_of_two_programs_is_noticed_when_it_mints(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    """However much the other one mints: fails when the earliest mints are looked at in place of the latest."""
    assert minted(services, refresh, *[ONE] * 60, OTHER).seems_shared


def test_mints_that_are_further_apart_do_not_count_together(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    for number in range(8):
        with freeze_time(NOW + timedelta(minutes=2.5) * number):
            minted(services, refresh, (ONE, OTHER)[number % 2])
    assert not is_marked(services, user)


@pytest.mark.parametrize("policy", [Reissue.OVERLAP, Reissue.REUSE])
@freeze_time(NOW)
def test_where_nobody_ends_the_token_of_another_there_is_nothing_to_tell(
    services: Services, user: User, policy: Reissue
) -> None:
    shared = services.issuing.issue(user, "shared", Caller(user.username, user.id), policy)
    minted(services, shared, *[ONE, OTHER] * 6)
    assert not is_marked(services, user)


def test_while_it_goes_on_it_is_marked_and_told_once_and_a_day_after_it_no_longer(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    hours = timedelta(hours=5)
    for number in range(6):  # the last one is 25 hours after the first
        with freeze_time(NOW + hours * number):
            minted(services, refresh, *[ONE, OTHER] * 3)
            assert len(found(services)) == 1
    with freeze_time(NOW + hours * 5 + timedelta(hours=23, minutes=59)):
        assert is_marked(services, user)
    with freeze_time(NOW + hours * 5 + timedelta(hours=24, minutes=1)):
        assert not is_marked(services, user)
        minted(services, refresh, *[ONE, OTHER] * 3)
        assert len(found(services)) == 2


@freeze_time(NOW)
def test_a_lone_program_that_goes_on_after_regenerating_is_not_marked(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    """Fails when mints from the secret before count."""
    minted(services, refresh, *[ONE, OTHER] * 3)
    with freeze_time(NOW + timedelta(seconds=30)):
        renewed = services.issuing.regenerate(refresh.secret, None, Caller(""))
        assert not minted(services, renewed, ONE, ONE, ONE).seems_shared
    assert len(found(services)) == 1


@freeze_time(NOW)
def test_one_host_with_many_addresses_of_its_network_is_one(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    """IPv6 counts by the /64, as for sign-ins."""
    assert not minted(services, refresh, *(f"2001:db8::{number}" for number in range(8))).seems_shared
    assert minted(services, refresh, *(f"2001:db8:0:{number}::1" for number in range(8))).seems_shared


@freeze_time(NOW)
def test_a_mint_that_replaced_nothing_says_so_too(services: Services, refresh: Issued[RefreshToken]) -> None:
    minted(services, refresh, *[ONE, OTHER] * 3)
    services.revoking.revoke_access_tokens(refresh.secret, None, OPERATOR)
    again = minted(services, refresh, ONE)
    assert again.replaced is None and again.seems_shared


@freeze_time(NOW)
def test_regenerating_takes_the_mark_away_and_so_does_revoking(
    services: Services, user: User, refresh: Issued[RefreshToken]
) -> None:
    minted(services, refresh, *[ONE, OTHER] * 3)
    renewed = services.issuing.regenerate(refresh.secret, None, Caller(""))
    assert not is_marked(services, user)
    with freeze_time(NOW + timedelta(hours=1)):
        minted(services, renewed, *[ONE, OTHER] * 3)
        assert is_marked(services, user)
        services.revoking.revoke(refresh.token.public_id, "at the end", OPERATOR)
        assert not is_marked(services, user)
