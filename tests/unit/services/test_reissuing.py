"""The policy `reuse`: the same access token again, although only its digest is kept.

Here belongs what is given, and when it is another one. Not here: the other policies (``test_issuing``).
"""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.errors import TokenRevoked, TokenSuperseded, TokenUnknown
from app.domain.identity import Caller, User
from app.domain.policy import Reissue
from app.domain.secrets import KeyRing, encode_secret
from app.domain.tokens import Issued, RefreshToken, TokenStatus
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALF = timedelta(hours=12)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def user(services: Services) -> User:
    return make_user(services)


@pytest.fixture
def shared(services: Services, user: User) -> Issued[RefreshToken]:
    """A refresh token that several jobs share."""
    return services.issuing.issue(user, "shared", Caller(user.username, user.id), Reissue.REUSE)


def test_asking_again_gives_the_same_token_and_leaves_no_trace_but_the_use(
    services: Services, shared: Issued[RefreshToken]
) -> None:
    first = mint(services, shared)
    events = len(services.listing.audit_events().items)
    again = mint(services, shared)
    assert (again.secret, again.token.public_id) == (first.secret, first.token.public_id)
    assert services.verifier.verify(again.secret).token_public_id == first.token.public_id
    assert len(services.listing.audit_events().items) == events


def test_many_who_ask_at_once_are_given_one(services: Services, shared: Issued[RefreshToken]) -> None:
    """Fails when what is active is looked at before the lock is held."""
    given = all_at_once([lambda: mint(services, shared).secret] * 16)
    assert len(set(given)) == 1


def test_it_is_another_one_when_less_than_half_of_its_life_is_left(
    services: Services, shared: Issued[RefreshToken]
) -> None:
    with freeze_time(NOW):
        first = mint(services, shared).secret
    with freeze_time(NOW + HALF):
        assert mint(services, shared).secret == first
    with freeze_time(NOW + HALF + MICROSECOND):
        second = mint(services, shared).secret
        assert second != first
        assert mint(services, shared).secret == second
        services.verifier.verify(first)  # for the overlap
    with freeze_time(NOW + HALF + timedelta(seconds=61)), pytest.raises(TokenSuperseded):
        services.verifier.verify(first)


def test_after_regenerating_it_is_another_one_which_is_then_given_again(
    services: Services, shared: Issued[RefreshToken]
) -> None:
    first = mint(services, shared).secret
    renewed = services.issuing.regenerate(shared.secret, None, Caller(""))
    with pytest.raises(TokenRevoked):
        services.verifier.verify(first)
    second = mint(services, renewed).secret
    assert second != first
    assert mint(services, renewed).secret == second


def test_after_a_revocation_it_is_another_one(services: Services, shared: Issued[RefreshToken]) -> None:
    first = mint(services, shared).secret
    services.revoking.revoke_access_tokens(shared.secret, None, Caller(""))
    assert mint(services, shared).secret != first


def test_two_refresh_tokens_never_derive_the_same(services: Services, user: User) -> None:
    services.instance_settings.change("access_token_reissue", "reuse", OPERATOR)
    made = [issue(services, user) for _ in range(20)]
    assert len({mint(services, each).secret for each in made for _ in range(2)}) == 20


def test_the_secret_is_derived_as_docs_reuse_md_states(services: Services, shared: Issued[RefreshToken]) -> None:
    """From the key, both public ids, the refresh token's secret and the generation: without one of them, another."""
    minted = mint(services, shared)
    refresh_secret = shared.secret.rpartition("_")[2][:43]
    parts = ("reuse", shared.token.public_id, minted.token.public_id, refresh_secret, str(minted.token.generation))
    digest = hmac.digest(KEYS.token_keys["k1"], "|".join(parts).encode(), "sha256")
    assert minted.secret.rpartition("_")[2][:43] == encode_secret(digest)


def test_what_the_page_made_is_random_and_has_its_overlap_when_somebody_asks(
    services: Services, shared: Issued[RefreshToken], user: User
) -> None:
    shown = services.minting.mint_own(shared.token.public_id, user.id, Caller(user.username, user.id))
    assert isinstance(shown, Issued)
    asked = mint(services, shared)
    assert asked.secret != shown.secret
    services.verifier.verify(shown.secret)
    assert mint(services, shared).secret == asked.secret


def test_the_choice_for_one_refresh_token_goes_before_the_setting_for_all(services: Services, user: User) -> None:
    services.instance_settings.change("access_token_reissue", "reuse", OPERATOR)
    alone = services.issuing.issue(user, "alone", Caller(user.username, user.id), Reissue.REPLACE)
    assert mint(services, alone).secret != mint(services, alone).secret


def test_a_new_key_changes_nothing_until_the_token_ends_and_an_old_one_that_is_gone_ends_it(
    services: Services, shared: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring is shared by all services; what a rotation and a restart change is its content."""
    first = mint(services, shared).secret
    rotated = KeyRing({"k2": b"2" * 32, "k1": b"1" * 32})
    for name, value in vars(rotated).items():
        monkeypatch.setattr(services.ring, name, value)
    assert mint(services, shared).secret == first
    assert mint(services, shared).secret == first  # now that the refresh token is signed anew
    only_new = KeyRing({"k2": b"2" * 32})
    for name, value in vars(only_new).items():
        monkeypatch.setattr(services.ring, name, value)
    assert mint(services, shared).secret != first


def test_the_secret_is_in_no_table(services: Services, shared: Issued[RefreshToken], database: Database) -> None:
    secret = mint(services, shared).secret
    mint(services, shared)
    core = secret.rpartition("_")[2][:43]
    assert core not in str(rows.everything(database))


def test_whoever_knows_the_ids_and_another_refresh_secret_is_given_another_token(
    services: Services, shared: Issued[RefreshToken]
) -> None:
    first = mint(services, shared)
    other = issue(services, make_user(services))
    assert mint(services, other).secret != first.secret
    with pytest.raises(TokenUnknown):
        services.minting.mint(shared.secret[:-1] + ("a" if shared.secret[-1] != "a" else "b"), None, Caller(""))
    assert services.listing.find(first.token.public_id).token.status is TokenStatus.ACTIVE
