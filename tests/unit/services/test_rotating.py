"""Rotation: two secrets of one refresh token, of which the old one works for an overlap; and what ends which."""

import hmac
from collections.abc import Callable

import pytest
from freezegun import freeze_time
from sqlalchemy import update

from app.domain.clock import system_clock
from app.domain.errors import Conflict, NotFound, RateLimited, TokenExpired, TokenRevoked, TokenUnknown
from app.domain.identity import User
from app.domain.secrets import KeyRing, encode_secret
from app.services import Services
from app.services.held_tokens import ByOwner
from app.services.revoking import Revoked
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from tests import rows
from tests.databases import KEYS
from tests.factories import (
    OPERATOR,
    Refresh,
    configure,
    disable,
    enable,
    issue,
    make_user,
    mint,
    mint_with,
    regenerate,
    regenerate_own,
    regenerate_with,
    revoke,
    revoke_under,
    rotate,
    rotate_own,
    rotate_with,
    signed_in,
    validate,
    with_token,
)
from tests.unit.services.verdicts import DAY, HOUR, MICROSECOND, NOW, reason, refusal_of, works

Act = Callable[[Services, Refresh], object]


def secret_of(refresh: Refresh) -> str:
    return refresh.secret.rpartition("_")[2][:43]


@pytest.mark.both_databases
def test_both_secrets_work_for_the_overlap_and_access_tokens_go_on(services: Services, refresh: Refresh) -> None:
    with freeze_time(NOW) as clock:
        minted = mint(services, refresh)
        new = rotate(services, refresh)
        assert new.secret != refresh.secret
        assert (new.token.public_id, new.token.name) == (refresh.token.public_id, refresh.token.name)
        assert (new.token.rotated_at, new.token.old_secret_until) == (NOW, NOW + DAY)
        assert new.token.expires_at == NOW + 60 * DAY
        assert works(services, minted)
        for each in (refresh, new):
            assert works(services, mint(services, each))
        clock.move_to(NOW + DAY - MICROSECOND)
        assert works(services, refresh)
        clock.move_to(NOW + DAY)
        assert reason(services, refresh) == "token_revoked"
        assert works(services, new)
        with pytest.raises(TokenRevoked) as refused:
            mint(services, refresh)
    assert refused.value.since == NOW + DAY
    until = "its old secret worked until 2026-03-02T12:00:00Z"
    assert refused.value.how == f"The token was rotated at 2026-03-01T12:00:00Z; {until}. Use the new secret."


@pytest.mark.both_databases
def test_asking_again_with_the_old_secret_gives_the_same_new_one_and_changes_nothing(
    services: Services, refresh: Refresh, database: Database
) -> None:
    """◆ Fails when the second rotation is a new one: a lost answer would lose the credential."""
    new = rotate(services, refresh)
    before = rows.everything(database)
    again = rotate(services, refresh)
    assert (again.secret, again.token.expires_at) == (new.secret, new.token.expires_at)
    assert rows.everything(database) == before
    for secret in (secret_of(refresh), secret_of(new)):
        assert secret not in str(before), "◆ nothing in clear is stored"


def test_the_new_secret_is_derived_as_docs_derived_secrets_md_states(services: Services, refresh: Refresh) -> None:
    """From the key, the public id, the old secret and its number: without one of them, another."""
    old, new = refresh, refresh
    for number in ("0", "1"):
        old, new = new, rotate(services, new)
        parts = ("rotate", refresh.token.public_id, secret_of(old), number)
        digest = hmac.digest(KEYS.token_keys["k1"], "|".join(parts).encode(), "sha256")
        assert secret_of(new) == encode_secret(digest)


@pytest.mark.both_databases
def test_only_the_immediate_predecessor_works(services: Services, refresh: Refresh) -> None:
    """◆ Fails when a rotation leaves the secret before the old one alive."""
    second = rotate(services, refresh)
    third = rotate(services, second)
    assert reason(services, refresh) == "token_revoked", "the reason, not that it is unknown"
    assert refusal_of(lambda: rotate(services, refresh)) is TokenRevoked
    assert works(services, second) and works(services, third)
    fourth = rotate_own(services, third)
    assert reason(services, second) == "token_revoked"
    assert works(services, third) and works(services, fourth)


def test_without_an_overlap_the_old_secret_stops_at_once(services: Services, refresh: Refresh) -> None:
    configure(services, refresh_token_overlap_hours=0)
    new = rotate(services, refresh)
    assert new.token.old_secret_until is None
    assert reason(services, refresh) == "token_revoked"
    assert works(services, new)


def end_by_a_clock_that_is_ahead(services: Services, refresh: Refresh) -> None:
    with freeze_time(system_clock() + 2 * DAY):
        services.rotating.end_old_secret(refresh.token.public_id, OPERATOR)


ENDS: dict[str, Act] = {
    "it is ended": lambda its, own: its.rotating.end_old_secret(own.token.public_id, OPERATOR),
    "it is ended where it is over": end_by_a_clock_that_is_ahead,
    "the token is revoked": revoke,
    "the token is revoked with it": lambda its, own: its.revoking.revoke_secret(own.secret, "", OPERATOR),
    "the token is regenerated": regenerate_own,
}


@pytest.mark.both_databases
@pytest.mark.parametrize("end", ENDS)
def test_the_old_secret_is_refused_by_any_clock_after(services: Services, refresh: Refresh, end: str) -> None:
    """◆ Fails when an end leaves the old secret to its overlap, or to a clock that is behind that of the end."""

    def assert_refused() -> None:
        assert reason(services, refresh) == "token_revoked"
        assert refusal_of(lambda: rotate(services, refresh)) is TokenRevoked

    new = rotate(services, refresh)
    ENDS[end](services, refresh)
    assert_refused()
    with freeze_time(NOW - 900 * DAY):
        assert_refused()
    assert works(services, new) is end.startswith("it is ended")


def test_both_secrets_revoke_the_token_and_one_that_is_over_revokes_nothing(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        old, other = issue(services, anna), issue(services, anna)
        rotate(services, old)
        assert services.revoking.revoke_secret(old.secret, "", OPERATOR) == (old.token.public_id, Revoked(1, 0))
        new = rotate(services, other)
        clock.move_to(NOW + DAY)
        assert services.revoking.revoke_secret(other.secret, "", OPERATOR) == (other.token.public_id, Revoked(0, 0))
        assert works(services, new)


def test_the_old_secret_does_not_regenerate(services: Services, refresh: Refresh) -> None:
    """Fails when it does: it would outlive its overlap, and end the secret of those who have moved."""
    new = rotate(services, refresh)
    with pytest.raises(TokenRevoked) as refused:
        regenerate_with(services, refresh.secret)
    assert refused.value.how == "This is the old secret of a rotated token. Use the new secret to regenerate it."
    assert works(services, refresh) and works(services, new)
    assert works(services, regenerate(services, new))


def test_a_wrong_secret_is_unknown_before_and_after(services: Services, refresh: Refresh) -> None:
    wrong = services.rotating._format.compose(
        services.rotating._format.parse(refresh.secret).with_secret("0" * 43)  # type: ignore[union-attr]
    )
    for _ in range(3):
        for act in (validate, rotate_with, mint_with):
            assert refusal_of(lambda act=act: act(services, wrong)) is TokenUnknown  # type: ignore[misc]
        refresh = rotate(services, refresh)


def test_an_old_secret_of_a_disabled_owner_or_an_expired_token_is_refused_as_any(
    services: Services, anna: User, refresh: Refresh
) -> None:
    with freeze_time(NOW) as clock:
        old = issue(services, anna)
        rotate(services, old)
        disable(services, anna.username)
        assert reason(services, old) == "owner_disabled"
        enable(services, anna.username)
        assert works(services, old)
        clock.move_to(NOW + 60 * DAY)
        assert reason(services, old) == "token_expired"
        assert refusal_of(lambda: rotate(services, old)) is TokenExpired


def test_by_public_id_the_new_secret_is_random_and_the_old_one_is_told_so_and_goes_on(
    services: Services, refresh: Refresh
) -> None:
    new = rotate_own(services, refresh)
    assert works(services, mint(services, refresh)) and works(services, new)
    with pytest.raises(Conflict) as refused:
        rotate(services, refresh)
    assert refused.value.what.startswith("This token was rotated by its owner")
    assert works(services, rotate(services, new)), "with the current one it goes on"


def test_a_mint_with_the_old_secret_says_so(services: Services, refresh: Refresh) -> None:
    with freeze_time(NOW):
        assert mint(services, refresh).old_secret_until is None
        new = rotate(services, refresh)
        minted = mint(services, refresh)
        assert (minted.old_secret_until, minted.refresh_token_expires_at) == (NOW + DAY, NOW + DAY)
        assert validate(services, refresh.secret).expires_at == NOW + DAY
        minted = mint(services, new)
        assert (minted.old_secret_until, minted.refresh_token_expires_at) == (None, NOW + 60 * DAY)


@pytest.mark.both_databases
def test_under_reuse_hosts_with_either_secret_do_not_end_each_others_access_tokens(
    services: Services, refresh: Refresh
) -> None:
    """◆ Fails when a mint with one secret replaces the access token of the other."""
    configure(services, access_token_reissue="reuse")
    with freeze_time(NOW) as clock:
        before = mint(services, refresh)
        new = rotate(services, refresh)
        moved = mint(services, new)
        for hours in (1, 2, 3):
            clock.move_to(NOW + hours * HOUR)
            assert mint(services, refresh).secret == before.secret
            assert mint(services, new).secret == moved.secret
            assert works(services, before) and works(services, moved)
        clock.move_to(NOW + 13 * HOUR)
        later = mint(services, refresh)
        assert later.secret not in (before.secret, moved.secret)
        assert works(services, before), "for the overlap of access tokens"
        assert works(services, moved)
        clock.move_to(NOW + 14 * HOUR)
        assert reason(services, before) == "token_superseded"
        next_moved = mint(services, new)
        clock.move_to(NOW + DAY + HOUR)
        assert refusal_of(lambda: mint(services, refresh)) is TokenRevoked
        assert works(services, later), "a rotation ends no access token"
        assert mint(services, new).secret == next_moved.secret


@pytest.mark.parametrize("policy", ["replace", "overlap"])
def test_under_the_other_policies_a_mint_replaces_whichever_secret_is_used(
    services: Services, refresh: Refresh, policy: str
) -> None:
    configure(services, access_token_reissue=policy)
    with freeze_time(NOW) as clock:
        before = mint(services, refresh)
        after = mint(services, rotate(services, refresh))
        clock.tick(61)
        assert reason(services, before) == "token_superseded"
        assert works(services, after)


def test_revoking_access_tokens_with_one_secret_revokes_those_of_both(services: Services, refresh: Refresh) -> None:
    configure(services, access_token_reissue="reuse")
    new = rotate(services, refresh)
    minted = [mint(services, refresh), mint(services, new)]
    revoke_under(services, refresh.secret)
    assert [reason(services, each) for each in minted] == ["token_revoked"] * 2


def test_a_new_key_changes_nothing_and_an_old_one_that_is_gone_takes_what_depends_on_it(
    services: Services, refresh: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the old secret is signed anew in place of the current one, or the derivation tries one key only."""
    new = rotate(services, refresh)
    old_key, new_key = {"k1": b"1" * 32}, {"k2": b"2" * 32}
    for keys, gives in ((new_key | old_key, new.secret), (new_key, None)):
        for name, value in vars(KeyRing(keys)).items():
            monkeypatch.setattr(services.ring, name, value)
        for each in (refresh, new):
            assert works(services, mint(services, each)), "each is signed anew under the first key"
        if gives:
            assert rotate(services, refresh).secret == gives
        else:
            assert refusal_of(lambda: rotate(services, refresh)) is Conflict
    assert works(services, rotate(services, new))


def test_a_regeneration_by_the_release_before_ends_the_old_secret_too(
    services: Services, refresh: Refresh, database: Database
) -> None:
    """◆ It may serve beside this one, and knows nothing of old secrets. Fails when only `previous_mac` is compared."""
    with freeze_time(NOW) as clock:
        new = rotate(services, refresh)
        clock.move_to(NOW + HOUR)
        with database.transaction() as session:
            before = session.get_one(RefreshTokenRow, refresh.token.id)
            kept = {name: getattr(before, name) for name in ("previous_mac", "previous_key_id", "previous_until")}
        regenerated = regenerate(services, new)
        with database.transaction() as session:
            session.execute(update(RefreshTokenRow).where(RefreshTokenRow.id == refresh.token.id).values(kept))
        assert [reason(services, each) for each in (refresh, new)] == ["token_revoked"] * 2
        assert works(services, regenerated) and works(services, rotate(services, regenerated))


def test_a_rotation_gives_a_full_life_within_the_longest_one(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        own = services.issuing.issue(anna.id, "own", signed_in(anna), lifetime_days=30)
        clock.move_to(NOW + 20 * DAY)
        assert rotate(services, own).token.expires_at == NOW + 50 * DAY
        configure(services, refresh_token_max_life_days=45)
        later = rotate_own(services, own)
        assert later.token.expires_at == NOW + 50 * DAY, "what it has is not taken from it"
        fresh = issue(services, anna)
        assert fresh.token.expires_at == NOW + 65 * DAY
        clock.move_to(NOW + 40 * DAY)
        assert rotate(services, fresh).token.expires_at == NOW + 65 * DAY
        assert regenerate(services, rotate(services, fresh)).token.expires_at == NOW + 65 * DAY
        clock.move_to(NOW + 65 * DAY)
        assert refusal_of(lambda: rotate_own(services, fresh)) is TokenExpired


def test_a_token_that_an_access_token_made_does_not_outlive_it_by_rotation(services: Services, anna: User) -> None:
    """◆ Fails when a rotation, by its own secret or on the page, lifts the limit."""
    configure(services, api_can_create_refresh_tokens="on")
    with freeze_time(NOW) as clock:
        source = issue(services, anna)
        caller = with_token(anna, mint(services, source), source)
        made = services.issuing.issue(anna.id, "made", caller)
        clock.move_to(NOW + 10 * DAY)
        for act in (rotate, rotate_own):
            made = act(services, made)
            assert made.token.expires_at == NOW + 60 * DAY
            assert made.token.created_with == caller.credential.id  # type: ignore[union-attr]


def test_a_rotation_with_an_access_token_is_limited_by_it(services: Services, anna: User, refresh: Refresh) -> None:
    configure(services, api_can_create_refresh_tokens="on")
    with freeze_time(NOW) as clock:
        source = issue(services, anna)
        clock.move_to(NOW + 10 * DAY)
        late = issue(services, anna)
        caller = with_token(anna, mint(services, source), source)
        rotated = services.rotating.rotate(ByOwner(late.token.public_id, anna.id), caller)
        assert rotated.token.expires_at == NOW + 60 * DAY
        assert rotated.token.created_with == caller.credential.id  # type: ignore[union-attr]


def test_rotations_are_limited_as_regenerations_and_asking_again_is_none(services: Services, refresh: Refresh) -> None:
    configure(services, regenerations_per_hour=6)
    with freeze_time(NOW):
        for _ in range(6):
            old, refresh = refresh, rotate(services, refresh)
            rotate(services, old)
        for act in (rotate, rotate_own, regenerate):
            assert refusal_of(lambda act=act: act(services, refresh)) is RateLimited  # type: ignore[misc]
        assert works(services, refresh) and works(services, old), "what is refused changes nothing"


def test_ending_an_old_secret_is_for_the_owner_and_a_repeat_changes_nothing(
    services: Services, refresh: Refresh, database: Database
) -> None:
    rotate(services, refresh)
    end, stranger = services.rotating.end_old_secret, make_user(services)
    with pytest.raises(NotFound):
        end(refresh.token.public_id, signed_in(stranger), only_of=stranger.id)
    assert works(services, refresh)
    assert end(refresh.token.public_id, OPERATOR).old_secret_until is None
    before = rows.everything(database)
    end(refresh.token.public_id, OPERATOR)
    assert rows.everything(database) == before
    actions = [event.action for event in rows.audit_events(database)]
    assert actions[-1:] == ["refresh_token.old_secret_ended"]
