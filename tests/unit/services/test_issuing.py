"""Issuing, minting and regenerating: which tokens are made, with which lifetime, and who is refused."""

from collections.abc import Callable
from functools import partial

import pytest
from freezegun import freeze_time
from sqlalchemy import update

from app.domain import errors
from app.domain.identity import Role, User
from app.domain.secrets import TokenFormat
from app.domain.token_filter import TokenFilter
from app.domain.tokens import Issued, TokenKind, TokenStatus
from app.services import Services
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from config import Keys
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import (
    ANONYMOUS,
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    configure,
    disable,
    issue,
    make_user,
    mint,
    mint_with,
    regenerate,
    regenerate_with,
    revoke,
    revoke_under,
    rotate,
    signed_in,
    validate,
)
from tests.unit.services.verdicts import DAY, HOUR, MICROSECOND, NOW, SECOND, reason, refusal_of, works

TEXT = TokenFormat(("dp",))


def test_lifetimes_are_decided_by_the_settings_when_a_token_is_made(services: Services, anna: User) -> None:
    """Changing a setting never alters a token."""
    configure(services, refresh_token_lifespan=30, access_token_lifespan=2)
    with freeze_time(NOW):
        refresh = issue(services, anna)
        access = mint(services, refresh)
    assert (refresh.token.created_at, refresh.token.expires_at) == (NOW, NOW + 30 * DAY)
    assert (access.token.created_at, access.token.expires_at) == (NOW, NOW + 2 * HOUR)
    configure(services, refresh_token_lifespan=1, access_token_lifespan=1)
    for issued in (refresh, access):
        assert services.listing.find(issued.token.public_id).token.expires_at == issued.token.expires_at


def test_a_refresh_token_may_have_a_shorter_life_of_its_own_which_regenerating_gives_it_again(
    services: Services, anna: User
) -> None:
    """◆ Never a longer one than the instance's is then. Fails when `regenerate` gives the instance's."""
    with freeze_time(NOW):
        for chosen, spans in ((7, (7, 7, 3)), (60, (60, 60, 3)), (None, (60, 90, 3))):
            configure(services, refresh_token_lifespan=60)
            issued = services.issuing.issue(anna.id, "etl", signed_in(anna), lifetime_days=chosen)
            ends = [issued.token.expires_at]
            for lifespan in (90, 3):
                configure(services, refresh_token_lifespan=lifespan)
                issued = regenerate(services, issued)
                ends.append(issued.token.expires_at)
            assert ends == [NOW + days * DAY for days in spans]


def test_a_life_that_is_longer_than_the_instance_s_is_refused_with_the_limit(services: Services, anna: User) -> None:
    """◆ And one of less than a day; nothing is created."""
    configure(services, refresh_token_lifespan=30)
    for days, said in ((31, "The longest lifetime here is 30 days."), (0, "A lifetime is at least 1 day.")):
        with pytest.raises(errors.BadRequest) as refused:
            services.issuing.issue(anna.id, "etl", signed_in(anna), lifetime_days=days)
        assert refused.value.fields == {"expires_in_days": [said]}
    assert services.listing.tokens(TokenKind.REFRESH, TokenFilter()).items == []


def test_minting_replaces_the_access_token_at_once(services: Services, database: Database, refresh: Refresh) -> None:
    """So a lost answer is repaired by asking again."""
    first, second = mint(services, refresh), mint(services, refresh)
    assert (reason(services, first), reason(services, second)) == ("token_superseded", None)
    assert (first.token.generation, second.token.generation) == (1, 2)
    assert [token.id for token in rows.alive_under(database, refresh.token.id)] == [second.token.id]


def test_under_overlap_only_the_latest_replaced_token_lives_on_and_only_so_long(services: Services, anna: User) -> None:
    configure(services, access_token_reissue="overlap", access_token_overlap_seconds=90)
    with freeze_time(NOW) as clock:
        refresh = issue(services, anna)
        minted = [mint(services, refresh) for _ in range(3)]
        for after, good in ((90 * SECOND - MICROSECOND, [False, True, True]), (90 * SECOND, [False, False, True])):
            clock.move_to(NOW + after)
            assert [works(services, token) for token in minted] == good


def test_a_mint_replaces_the_active_token_and_no_overlapping_one(services: Services, refresh: Refresh) -> None:
    configure(services, access_token_reissue="overlap")
    assert mint(services, refresh).replaced is None
    second = mint(services, refresh)
    third = mint(services, refresh)
    assert third.replaced is not None and third.replaced.public_id == second.token.public_id
    revoke(services, third)  # the second overlaps
    assert mint(services, refresh).replaced is None


@pytest.mark.both_databases
def test_simultaneous_mints_under_overlap_leave_the_latest_and_the_one_before_it(
    services: Services, database: Database, refresh: Refresh
) -> None:
    configure(services, access_token_reissue="overlap")
    minted = all_at_once([partial(mint, services, refresh)] * 16)
    assert sum(works(services, token) for token in minted) == 2
    assert sorted(token.generation for token in rows.alive_under(database, refresh.token.id)) == [15, 16]


def test_a_refresh_token_is_used_when_it_mints_and_at_no_other_time(services: Services, refresh: Refresh) -> None:
    validate(services, refresh.secret)
    revoke_under(services, refresh.secret)
    assert services.listing.find(refresh.token.public_id).token.last_used_at is None
    with freeze_time(NOW):
        mint(services, refresh, "192.0.2.7")
    used = services.listing.find(refresh.token.public_id).token
    assert (used.last_used_at, used.last_used_ip) == (NOW, "192.0.2.7")


def test_regenerating_keeps_the_row_and_replaces_the_secret_and_the_whole_life(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        old = issue(services, anna, "nightly-etl")
        clock.move_to(NOW + 40 * DAY)
        access = mint(services, old)
        new = regenerate(services, old)
        assert (new.token.id, new.token.public_id, new.token.name) == (old.token.id, old.token.public_id, "nightly-etl")
        assert (new.token.created_at, new.token.expires_at) == (NOW, NOW + 100 * DAY)
        assert new.token.regenerated_at == NOW + 40 * DAY
        assert new.secret != old.secret
        assert reason(services, access) == "token_revoked"
        assert works(services, mint(services, new))


@pytest.mark.both_databases
def test_simultaneous_regenerations_leave_exactly_one_secret_that_works(services: Services, refresh: Refresh) -> None:
    def attempt() -> Refresh | type[errors.TokenRefused]:
        try:
            return regenerate(services, refresh)
        except errors.TokenRefused as refused:
            return type(refused)

    outcomes = all_at_once([attempt] * 8)
    (renewed,) = (outcome for outcome in outcomes if isinstance(outcome, Issued))
    assert outcomes.count(errors.TokenRevoked) == 7
    assert works(services, mint(services, renewed))


def test_an_expired_refresh_token_cannot_mint_but_can_be_regenerated(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, anna)
        clock.move_to(refresh.token.expires_at - MICROSECOND)
        mint(services, refresh)
        clock.move_to(refresh.token.expires_at)
        for act in (partial(mint_with, services), partial(revoke_under, services)):
            with pytest.raises(errors.TokenExpired):
                act(refresh.secret, None, ANONYMOUS)
        renewed = regenerate(services, refresh)
        assert renewed.token.status is TokenStatus.ACTIVE
        assert works(services, mint(services, renewed))


ENDINGS: dict[str, tuple[Callable[[Services, Refresh], object], type[errors.TokenRefused]]] = {
    "revoked": (revoke, errors.TokenRevoked),
    "its owner disabled": (lambda services, _: disable(services, "anna"), errors.OwnerDisabled),
    "its secret replaced": (regenerate, errors.TokenRevoked),
    "revoked after it expired": (revoke, errors.TokenRevoked),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ended_refresh_token_does_nothing_any_more(
    services: Services, database: Database, refresh: Refresh, ending: str
) -> None:
    end, refusal = ENDINGS[ending]
    late = refresh.token.expires_at if "expired" in ending else refresh.token.created_at
    with freeze_time(late + MICROSECOND):
        end(services, refresh)
        _assert_nothing_works(services, database, refresh.secret, refusal)


def test_a_secret_that_is_not_this_refresh_tokens_does_nothing(
    services: Services, database: Database, anna: User, refresh: Refresh
) -> None:
    """Somebody else's user id, a made-up secret with a known public id, and an access token."""
    other = TEXT.parse(issue(services, anna).secret)
    assert other is not None
    made_up = TEXT.compose(other.with_public_id(refresh.token.public_id))
    for secret, user_id, refusal in (
        (refresh.secret, make_user(services).id, errors.UserIdMismatch),
        (made_up, None, errors.TokenUnknown),
        (mint(services, refresh).secret, None, errors.TokenMalformed),
    ):
        _assert_nothing_works(services, database, secret, refusal, user_id)


def _assert_nothing_works(
    services: Services, database: Database, secret: str, refusal: type[errors.TokenRefused], user_id: int | None = None
) -> None:
    """Every act that takes a refresh token refuses it for the same reason, and changes nothing."""
    before = rows.everything(database)
    for act in (partial(mint_with, services), partial(regenerate_with, services), partial(revoke_under, services)):
        with pytest.raises(refusal):
            act(secret, user_id, ANONYMOUS)
    with pytest.raises(refusal):
        validate(services, secret, user_id)
    assert rows.everything(database) == before


@pytest.mark.both_databases
def test_a_name_is_stored_in_nfc_and_found_however_it_is_typed(
    services: Services, anna: User, database: Database
) -> None:
    """◆ Fails when a name is stored, or looked for, as it came."""
    composed, typed = "\u00dcbernacht \U0001f469\u200d\U0001f4bb", "U\u0308bernacht \U0001f469\u200d\U0001f4bb"
    issued = issue(services, anna, typed)
    longest = issue(services, anna, "\U0001f680" * 255)
    assert (issued.token.name, longest.token.name) == (composed, "\U0001f680" * 255)
    (created,) = services.audit_list.events(object_id=issued.token.public_id).items
    assert created.detail["name"] == composed
    for part in (composed, typed, "U\u0308BER", "\u00fcbernacht", "\u00fcber", "\U0001f469\u200d"):
        found = services.listing.both_tiers(TokenFilter(name=part)).items
        assert [each.token.public_id for each in found] == [issued.token.public_id], ascii(part)
    with database.transaction() as session:  # as an earlier release stored descriptions
        session.execute(update(RefreshTokenRow).where(RefreshTokenRow.id == issued.token.id).values(name=typed))
    assert len(services.listing.both_tiers(TokenFilter(name="\u00fcber")).items) == 1


def test_a_name_is_1_to_255_characters_and_need_not_be_unique(services: Services, anna: User) -> None:
    for name in ("", " padded", "padded ", "n" * 256, "a\nb"):
        with pytest.raises(errors.BadRequest) as refused:
            issue(services, anna, name)
        assert list(refused.value.fields) == ["name"]
    first, second = (issue(services, anna, "n" * 255) for _ in range(2))
    assert (first.token.name, second.token.name) == ("n" * 255, "n" * 255)
    assert works(services, mint(services, first)) and works(services, mint(services, second))


def test_only_active_refresh_tokens_of_the_same_user_count_towards_the_limit(services: Services, anna: User) -> None:
    configure(services, max_refresh_tokens_per_user=2)
    first, _ = issue(services, anna), issue(services, anna)
    with pytest.raises(errors.LimitReached):
        issue(services, anna)
    issue(services, make_user(services))
    revoke(services, first)
    issue(services, anna)


@pytest.mark.both_databases
def test_simultaneous_requests_cannot_get_past_the_limit(services: Services, anna: User) -> None:
    configure(services, max_refresh_tokens_per_user=3)
    refusals = all_at_once([lambda: refusal_of(lambda: issue(services, anna))] * 12)
    assert (refusals.count(None), refusals.count(errors.LimitReached)) == (3, 9)


def test_with_refresh_tokens_for_users_off_only_administrators_create_them(services: Services) -> None:
    configure(services, refresh_tokens_for_users="off")
    issue(services, make_user(services, role=Role.SERVER_ADMIN))
    with pytest.raises(errors.NotPermitted):
        issue(services, make_user(services, role=Role.CATALOG_ADMIN))


def test_with_the_password_api_off_no_password_makes_a_refresh_token(services: Services, anna: User) -> None:
    assert services.issuing.issue_with_password("anna", PASSWORD, "nightly-etl", ANONYMOUS).token.user_id == anna.id
    configure(services, password_api_enabled="off")
    with pytest.raises(errors.NotPermitted):
        services.issuing.issue_with_password("anna", PASSWORD, "nightly-etl", ANONYMOUS)
    assert issue(services, anna).token.user_id == anna.id


def test_a_user_who_was_disabled_after_signing_in_gets_no_refresh_token(services: Services, anna: User) -> None:
    disable(services, anna.username)
    with pytest.raises(errors.BadCredentials):
        issue(services, anna)


ROTATED = Keys({"k2": b"2" * 32} | KEYS.token_keys, KEYS.pepper)
"""A new key signs, the earlier one still verifies."""

ONLY_NEW = Keys({"k2": b"2" * 32}, KEYS.pepper)


def test_a_refresh_token_of_an_earlier_key_moves_to_the_present_one_when_it_mints(
    services: Services, services_with: Callable[[Keys], Services]
) -> None:
    idle, used = (issue(services, make_user(services)) for _ in range(2))
    assert services.listing.keys_in_use() == {"k1": 2}
    rotated = services_with(ROTATED)
    assert works(rotated, used)
    assert rotated.listing.keys_in_use() == {"k1": 2}, "a check is no use"
    assert works(rotated, mint(rotated, used))
    assert rotated.listing.keys_in_use() == {"k1": 1, "k2": 2}
    without_the_old = services_with(ONLY_NEW)
    assert works(without_the_old, mint(without_the_old, used))
    with pytest.raises(errors.TokenUnknown):
        mint(without_the_old, idle)


def test_a_scim_token_of_an_earlier_key_needs_that_key_until_its_next_use(
    services: Services, services_with: Callable[[Keys], Services]
) -> None:
    """Fails when it is not counted: the key would be removed, and the directory refused."""
    _, secret = services.scim.tokens.create("Entra ID", None, OPERATOR)
    assert services.listing.keys_in_use() == {"k1": 1}
    rotated = services_with(ROTATED)
    rotated.scim.tokens.accept(secret, OPERATOR)
    assert rotated.listing.keys_in_use() == {"k2": 1}
    services_with(ONLY_NEW).scim.tokens.accept(secret, OPERATOR)


def test_an_old_secret_of_an_earlier_key_needs_that_key_while_it_works(
    services: Services, services_with: Callable[[Keys], Services], refresh: Refresh
) -> None:
    """◆ Fails when only the current secret counts: the hosts that have not moved would stop with the key."""
    new, host = rotate(services, refresh), services_with(ROTATED)
    mint(host, new)
    assert host.listing.keys_in_use() == {"k1": 1, "k2": 2}, "the access token, too"
    host.rotating.end_old_secret(refresh.token.public_id, OPERATOR)
    assert host.listing.keys_in_use() == {"k2": 2}


def test_an_access_token_of_an_earlier_key_works_until_that_key_is_removed(
    services_with: Callable[[Keys], Services], refresh: Refresh, access: Access
) -> None:
    """A regenerated refresh token is signed with the present key; its old secret is recognised under the old one."""
    rotated = services_with(ROTATED)
    assert works(rotated, access)
    assert not works(services_with(ONLY_NEW), access)
    regenerate(rotated, refresh)
    assert rotated.listing.keys_in_use() == {"k2": 1}
    assert reason(rotated, refresh) == "token_revoked"
