"""Issuing, minting and regenerating: what comes into being, for how long, and who is refused.

Not here: mints at the same moment through a server (``tests/functional/test_minting.py``), and the audit rows
(``test_audit``).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from freezegun import freeze_time

from app.domain.errors import (
    BadCredentials,
    BadRequest,
    LimitReached,
    NotPermitted,
    OwnerDisabled,
    Refusal,
    TokenExpired,
    TokenRefused,
    TokenRevoked,
    TokenSuperseded,
    TokenUnknown,
    UserIdMismatch,
)
from app.domain.identity import Caller, Role
from app.domain.secrets import TokenFormat
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenStatus
from app.services import Services
from app.storage.database import Database
from config import Keys
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NOBODY = Caller("")
TEXT = TokenFormat(("dp",))


def test_tokens_live_as_long_as_the_settings_say(services: Services) -> None:
    services.instance_settings.change("refresh_token_lifespan", "30", OPERATOR)
    services.instance_settings.change("access_token_lifespan", "2", OPERATOR)
    with freeze_time(NOW):
        refresh = issue(services, make_user(services))
        access = mint(services, refresh)
    assert (refresh.token.created_at, refresh.token.expires_at) == (NOW, NOW + timedelta(days=30))
    assert (access.token.created_at, access.token.expires_at) == (NOW, NOW + timedelta(hours=2))


def test_a_changed_lifetime_leaves_existing_tokens_as_they_are(services: Services) -> None:
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    services.instance_settings.change("refresh_token_lifespan", "1", OPERATOR)
    services.instance_settings.change("access_token_lifespan", "1", OPERATOR)
    assert services.listing.find(refresh.token.public_id).token.expires_at == refresh.token.expires_at
    assert services.listing.find(access.token.public_id).token.expires_at == access.token.expires_at


def test_an_access_token_never_outlives_its_refresh_token(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        clock.move_to(refresh.token.expires_at - timedelta(minutes=5))
        assert mint(services, refresh).token.expires_at == refresh.token.expires_at


def test_minting_replaces_the_access_token_at_once(services: Services) -> None:
    refresh = issue(services, make_user(services))
    first, second = mint(services, refresh), mint(services, refresh)
    with pytest.raises(TokenSuperseded):
        services.verifier.verify(first.secret)
    assert services.verifier.verify(second.secret).token_id == second.token.id
    assert (first.token.generation, second.token.generation) == (1, 2)


def test_under_overlap_only_the_latest_of_those_replaced_lives_on_and_only_for_the_overlap(services: Services) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    services.instance_settings.change("access_token_overlap_seconds", "90", OPERATOR)
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        minted = [mint(services, refresh) for _ in range(3)]
        clock.move_to(NOW + timedelta(seconds=90) - MICROSECOND)
        assert [_works(services, token) for token in minted] == [False, True, True]
        clock.move_to(NOW + timedelta(seconds=90))
        assert [_works(services, token) for token in minted] == [False, False, True]


def test_an_overlap_never_lengthens_the_life_of_the_replaced_access_token(services: Services) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    services.instance_settings.change("access_token_overlap_seconds", "86400", OPERATOR)
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        first = mint(services, refresh)
        clock.move_to(NOW + timedelta(hours=23))
        mint(services, refresh)
        clock.move_to(NOW + timedelta(hours=24))
        assert not _works(services, first)


def test_simultaneous_mints_under_overlap_leave_the_latest_and_the_one_before_it(
    services: Services, database: Database
) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    refresh = issue(services, make_user(services))
    minted = all_at_once([partial(mint, services, refresh)] * 16)
    assert sum(_works(services, token) for token in minted) == 2
    assert sorted(token.generation for token in rows.alive_under(database, refresh.token.id)) == [15, 16]


def test_a_mint_whose_answer_was_lost_is_repaired_by_asking_again(services: Services, database: Database) -> None:
    refresh = issue(services, make_user(services))
    mint(services, refresh)  # nobody ever sees this one
    again = mint(services, refresh)
    assert [token.id for token in rows.alive_under(database, refresh.token.id)] == [again.token.id]


def test_minting_notes_when_and_from_where_the_refresh_token_was_used(services: Services) -> None:
    refresh = issue(services, make_user(services))
    assert (refresh.token.last_used_at, refresh.token.last_used_ip) == (None, None)
    with freeze_time(refresh.token.created_at + timedelta(hours=1)) as clock:
        services.minting.mint(refresh.secret, None, Caller("", address="192.0.2.7"))
        used = _kept(services, refresh)
        assert used.last_used_at == clock().replace(tzinfo=UTC)
    assert used.last_used_ip == "192.0.2.7"


def test_regenerating_keeps_the_row_and_replaces_the_secret_and_the_whole_life(services: Services) -> None:
    with freeze_time(NOW) as clock:
        old = issue(services, make_user(services), "nightly-etl")
        clock.move_to(NOW + timedelta(days=40))
        access = mint(services, old)
        new = services.issuing.regenerate(old.secret, old.token.user_id, NOBODY)
        assert (new.token.id, new.token.public_id, new.token.name) == (old.token.id, old.token.public_id, "nightly-etl")
        assert (new.token.created_at, new.token.expires_at) == (NOW, NOW + timedelta(days=100))
        assert new.token.regenerated_at == NOW + timedelta(days=40)
        assert new.secret != old.secret
        with pytest.raises(TokenRevoked):
            services.verifier.verify(access.secret)
        assert _works(services, mint(services, new))


def test_simultaneous_regenerations_leave_exactly_one_secret_that_works(services: Services) -> None:
    old = issue(services, make_user(services))

    def regenerate() -> Issued[RefreshToken] | Refusal:
        try:
            return services.issuing.regenerate(old.secret, None, NOBODY)
        except TokenRefused as refusal:
            return refusal

    outcomes = all_at_once([regenerate] * 8)
    renewed = [outcome for outcome in outcomes if isinstance(outcome, Issued)]
    assert len(renewed) == 1
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)} == {"token_revoked"}
    assert _works(services, mint(services, renewed[0]))


def test_an_expired_refresh_token_cannot_mint_but_can_be_regenerated(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        clock.move_to(refresh.token.expires_at - MICROSECOND)
        mint(services, refresh)
        clock.move_to(refresh.token.expires_at)
        for act in (services.minting.mint, services.revoking.revoke_access_tokens):
            with pytest.raises(TokenExpired):
                act(refresh.secret, None, NOBODY)
        renewed = services.issuing.regenerate(refresh.secret, None, NOBODY)
        assert renewed.token.status is TokenStatus.ACTIVE
        assert _works(services, mint(services, renewed))


ENDINGS: dict[str, tuple[Callable[[Services, Issued[RefreshToken]], object], type[TokenRefused]]] = {
    "revoked": (lambda services, it: services.revoking.revoke(it.token.public_id, "", OPERATOR), TokenRevoked),
    "its owner disabled": (lambda services, it: services.accounts.disable("anna", OPERATOR), OwnerDisabled),
    "its secret replaced": (lambda services, it: services.issuing.regenerate(it.secret, None, NOBODY), TokenRevoked),
    "revoked after it expired": (
        lambda services, it: services.revoking.revoke(it.token.public_id, "", OPERATOR),
        TokenRevoked,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_refresh_token_that_was_ended_does_nothing_any_more(
    services: Services, database: Database, ending: str
) -> None:
    end, refusal = ENDINGS[ending]
    refresh = issue(services, make_user(services, "anna"))
    late = refresh.token.expires_at if "expired" in ending else refresh.token.created_at
    with freeze_time(late + MICROSECOND):
        end(services, refresh)
        _assert_nothing_works(services, database, refresh, None, refusal)


def test_the_user_id_beside_a_refresh_token_must_be_its_owners(services: Services, database: Database) -> None:
    refresh, other = issue(services, make_user(services)), make_user(services)
    _assert_nothing_works(services, database, refresh, other.id, UserIdMismatch)


def test_a_made_up_secret_with_a_known_public_id_is_unknown(services: Services, database: Database) -> None:
    known, other = (issue(services, make_user(services)) for _ in range(2))
    stolen = TEXT.parse(other.secret)
    assert stolen is not None
    made_up = TEXT.compose(stolen.with_public_id(known.token.public_id))
    _assert_nothing_works(services, database, Issued(known.token, made_up), None, TokenUnknown)


def test_an_access_token_is_no_refresh_token(services: Services, database: Database) -> None:
    refresh = issue(services, make_user(services))
    disguised = Issued(refresh.token, mint(services, refresh).secret)
    _assert_nothing_works(services, database, disguised, None, TokenUnknown)


def test_names_need_not_be_unique(services: Services) -> None:
    user = make_user(services)
    first, second = issue(services, user, "nightly-etl"), issue(services, user, "nightly-etl")
    assert first.token.id != second.token.id
    assert _works(services, mint(services, first)) and _works(services, mint(services, second))


def test_a_name_is_1_to_255_printable_ascii_characters(services: Services) -> None:
    user = make_user(services)
    for name in ("", " ", " padded", "padded ", "n" * 256, "a\nb", "na\u00efve", "a\x00b", "\u202e"):
        with pytest.raises(BadRequest) as refused:
            issue(services, user, name)
        assert list(refused.value.fields) == ["name"]
    assert issue(services, user, "n" * 255).token.name == "n" * 255


def test_only_living_refresh_tokens_count_towards_the_limit(services: Services) -> None:
    services.instance_settings.change("max_refresh_tokens_per_user", "2", OPERATOR)
    user = make_user(services)
    first, _ = issue(services, user), issue(services, user)
    with pytest.raises(LimitReached):
        issue(services, user)
    issue(services, make_user(services))  # another user's limit is their own
    services.revoking.revoke(first.token.public_id, "", OPERATOR)
    issue(services, user)


def test_simultaneous_requests_cannot_get_past_the_limit(services: Services) -> None:
    services.instance_settings.change("max_refresh_tokens_per_user", "3", OPERATOR)
    user = make_user(services)

    def is_issued() -> bool:
        try:
            issue(services, user)
        except LimitReached:
            return False
        return True

    assert sum(all_at_once([is_issued] * 12)) == 3


def test_with_refresh_tokens_for_users_off_only_administrators_create_them(services: Services) -> None:
    services.instance_settings.change("refresh_tokens_for_users", "off", OPERATOR)
    issue(services, make_user(services, role=Role.SERVER_ADMIN))
    with pytest.raises(NotPermitted):
        issue(services, make_user(services, role=Role.CATALOG_ADMIN))


def test_with_the_password_api_off_no_password_makes_a_refresh_token(services: Services) -> None:
    user = make_user(services, "anna", password=PASSWORD)
    assert services.issuing.issue_with_password("anna", PASSWORD, "nightly-etl", NOBODY).token.user_id == user.id
    services.instance_settings.change("password_api_enabled", "off", OPERATOR)
    with pytest.raises(NotPermitted):
        services.issuing.issue_with_password("anna", PASSWORD, "nightly-etl", NOBODY)
    assert issue(services, user).token.user_id == user.id


def test_a_user_who_was_disabled_after_signing_in_gets_no_refresh_token(services: Services) -> None:
    user = make_user(services)
    services.accounts.disable(user.username, OPERATOR)
    with pytest.raises(BadCredentials):
        issue(services, user)


def test_what_is_issued_does_not_show_its_secret(services: Services) -> None:
    refresh = issue(services, make_user(services))
    for issued in (refresh, mint(services, refresh)):
        assert issued.secret not in f"{issued!r} {issued}"
        assert issued.secret[:-6] not in repr(issued)


ROTATED = Keys({"k2": b"2" * 32} | KEYS.token_keys, KEYS.pepper)
"""A new key signs, the earlier one still verifies."""


def test_a_refresh_token_of_an_earlier_key_moves_to_the_present_one_when_it_mints(
    services: Services, services_with: Callable[[Keys], Services]
) -> None:
    idle, used = (issue(services, make_user(services)) for _ in range(2))
    assert services.listing.keys_in_use() == {"k1": 2}
    rotated = services_with(ROTATED)
    assert rotated.refresh_verifier.validate(used.secret, None).id == used.token.id
    assert rotated.listing.keys_in_use() == {"k1": 2}, "looking is no use"
    assert _works(rotated, mint(rotated, used))
    assert rotated.listing.keys_in_use() == {"k1": 1, "k2": 2}

    without_the_old = services_with(Keys({"k2": b"2" * 32}, KEYS.pepper))
    assert _works(without_the_old, mint(without_the_old, used))
    with pytest.raises(TokenUnknown):
        mint(without_the_old, idle)


def test_an_access_token_of_an_earlier_key_works_until_that_key_is_taken_away(
    services: Services, services_with: Callable[[Keys], Services]
) -> None:
    access = mint(services, issue(services, make_user(services)))
    assert _works(services_with(ROTATED), access)
    assert not _works(services_with(Keys({"k2": b"2" * 32}, KEYS.pepper)), access)


def test_a_regenerated_refresh_token_is_signed_with_the_present_key(
    services: Services, services_with: Callable[[Keys], Services]
) -> None:
    old = issue(services, make_user(services))
    rotated = services_with(ROTATED)
    rotated.issuing.regenerate(old.secret, None, NOBODY)
    assert rotated.listing.keys_in_use() == {"k2": 1}
    with pytest.raises(TokenRevoked):  # the replaced secret is still recognised, under the key it was signed with
        rotated.refresh_verifier.validate(old.secret, None)


def _works(services: Services, access: Issued[AccessToken]) -> bool:
    try:
        return services.verifier.verify(access.secret).token_id == access.token.id
    except TokenRefused:
        return False


def _kept(services: Services, refresh: Issued[RefreshToken]) -> RefreshToken:
    kept = services.listing.find(refresh.token.public_id).token
    assert isinstance(kept, RefreshToken)
    return kept


def _assert_nothing_works(
    services: Services,
    database: Database,
    refresh: Issued[RefreshToken],
    user_id: int | None,
    refusal: type[TokenRefused],
) -> None:
    """Every act that takes a refresh token refuses it for the same reason, and changes nothing."""
    before = rows.everything(database)
    for act in (services.minting.mint, services.issuing.regenerate, services.revoking.revoke_access_tokens):
        with pytest.raises(refusal):
            act(refresh.secret, user_id, NOBODY)
    with pytest.raises(refusal):
        services.refresh_verifier.validate(refresh.secret, user_id)
    assert rows.everything(database) == before
