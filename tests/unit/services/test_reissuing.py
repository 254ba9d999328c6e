"""The policy `reuse`: the same access token again, although only its digest is kept."""

import hmac

import pytest
from freezegun import freeze_time

from app.domain.identity import User
from app.domain.reissue import Reissue
from app.domain.secrets import KeyRing, encode_secret
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import Refresh, configure, issue, mint, mint_own, regenerate, revoke_under
from tests.unit.services.verdicts import HOUR, MICROSECOND, NOW, SECOND, reason, works


@pytest.fixture
def shared(services: Services, anna: User) -> Refresh:
    """A refresh token that several jobs share."""
    return issue(services, anna, "shared", Reissue.REUSE)


def test_minting_again_gives_the_same_token_and_leaves_no_trace_but_the_use(
    services: Services, shared: Refresh, database: Database
) -> None:
    first = mint(services, shared)
    events = rows.count(database, AuditEventRow)
    again = mint(services, shared)
    assert (again.secret, again.token.public_id) == (first.secret, first.token.public_id)
    assert works(services, again)
    assert rows.count(database, AuditEventRow) == events
    assert first.secret.rpartition("_")[2][:43] not in str(rows.everything(database))


@pytest.mark.both_databases
def test_many_who_mint_at_once_are_given_one(services: Services, shared: Refresh) -> None:
    """Fails when the active token is looked up before the lock is held."""
    given = all_at_once([lambda: mint(services, shared).secret] * 16)
    assert len(set(given)) == 1


def test_it_is_another_one_when_less_than_half_of_its_life_is_left(services: Services, shared: Refresh) -> None:
    with freeze_time(NOW) as clock:
        first = mint(services, shared)
        clock.move_to(NOW + 12 * HOUR)
        assert mint(services, shared).secret == first.secret
        clock.move_to(NOW + 12 * HOUR + MICROSECOND)
        second = mint(services, shared)
        assert second.secret != first.secret
        assert mint(services, shared).secret == second.secret
        assert works(services, first), "for the overlap"
        clock.move_to(NOW + 12 * HOUR + 61 * SECOND)
        assert reason(services, first) == "token_superseded"


def test_after_a_revocation_or_regeneration_it_is_another_one_given_again(services: Services, shared: Refresh) -> None:
    given = [mint(services, shared).secret]
    revoke_under(services, shared.secret)
    given += [mint(services, shared).secret]
    renewed = regenerate(services, shared)
    given += [mint(services, renewed).secret]
    assert len(set(given)) == 3
    assert mint(services, renewed).secret == given[-1]


def test_the_secret_is_derived_as_docs_derived_secrets_md_states(services: Services, shared: Refresh) -> None:
    """From the key, both public ids, the refresh token's secret and the generation: without one of them, another."""
    minted = mint(services, shared)
    refresh_secret = shared.secret.rpartition("_")[2][:43]
    parts = ("reuse", shared.token.public_id, minted.token.public_id, refresh_secret, str(minted.token.generation))
    digest = hmac.digest(KEYS.token_keys["k1"], "|".join(parts).encode(), "sha256")
    assert minted.secret.rpartition("_")[2][:43] == encode_secret(digest)


def test_a_token_made_by_the_page_is_random_and_overlaps_after_a_mint(services: Services, shared: Refresh) -> None:
    shown = mint_own(services, shared)
    minted = mint(services, shared)
    assert minted.secret != shown.secret
    assert works(services, shown)
    assert mint(services, shared).secret == minted.secret


def test_the_choice_for_one_refresh_token_comes_before_the_setting_for_all(services: Services, anna: User) -> None:
    configure(services, access_token_reissue="reuse")
    alone = issue(services, anna, "alone", Reissue.REPLACE)
    assert mint(services, alone).secret != mint(services, alone).secret


def test_a_new_key_changes_nothing_until_the_token_ends_and_an_old_one_that_is_gone_ends_it(
    services: Services, shared: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring is shared by all services; what a rotation and a restart change is its content."""
    first = mint(services, shared).secret
    for keys, is_same in (({"k2": b"2" * 32, "k1": b"1" * 32}, True), ({"k2": b"2" * 32}, False)):
        for name, value in vars(KeyRing(keys)).items():
            monkeypatch.setattr(services.ring, name, value)
        for _ in range(2):  # the first of them signs the refresh token anew
            assert (mint(services, shared).secret == first) is is_same
