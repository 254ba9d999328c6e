"""Single-tier tokens: creating, listing, reading and deleting them, and who is permitted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.domain.errors import BadCredentials, BadRequest, FeatureOff, NotFound, NotPermitted
from app.domain.identity import ApiTokens, Role, User
from app.domain.tokens import AccessToken, TokenStatus
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    allowed_user,
    configure,
    disable,
    expire_due,
    generate,
    issue,
    make_user,
    mint,
    set_api_tokens,
    signed_in,
)
from tests.unit.services.verdicts import DAY, NOW, SECOND, reason, refusal_of, works

CENTURY = timedelta(days=36_500)


@pytest.fixture
def anna(services: Services) -> User:
    return allowed_user(services, username="anna")


def test_a_new_token_is_the_users_and_works(services: Services, database: Database, anna: User) -> None:
    with freeze_time(NOW):
        issued = generate(services, anna, 90 * SECOND, "reports")
        known = services.verifier.verify(issued.secret)
    token = issued.token
    assert (token.user_id, token.refresh_token_id, token.description) == (anna.id, None, "reports")
    assert (token.status, token.created_at, token.expires_at) == (TokenStatus.ACTIVE, NOW, NOW + 90 * SECOND)
    assert (known.user_id, known.token_public_id, known.token_name) == (anna.id, token.public_id, "reports")
    assert (known.token_expires_at, known.refresh_token_expires_at) == (NOW + 90 * SECOND, None)
    assert issued.secret.rpartition("_")[2][:43] not in repr(rows.everything(database))


def test_without_a_maximum_a_lifetime_is_a_second_to_a_century_or_for_ever(services: Services, anna: User) -> None:
    for lifetime in (SECOND, CENTURY):
        token = generate(services, anna, lifetime).token
        assert token.expires_at is not None and token.expires_at - token.created_at == lifetime
    assert generate(services, anna, None).token.expires_at is None
    for lifetime in (timedelta(0), -SECOND, CENTURY + SECOND, timedelta(days=10**8)):
        with pytest.raises(BadRequest) as refused:
            generate(services, anna, lifetime)
        assert list(refused.value.fields) == ["lifetime"]


def test_the_maximum_is_a_bound_for_new_tokens_and_changes_no_old_one(services: Services, anna: User) -> None:
    old = [generate(services, anna, lifetime) for lifetime in (None, 90 * DAY)]
    configure(services, api_token_max_lifetime_days=30)
    assert generate(services, anna, 30 * DAY).secret
    for lifetime in (30 * DAY + SECOND, None):
        with pytest.raises(BadRequest, match="30 days"):
            generate(services, anna, lifetime)
    assert [services.single_tier.get(each.token.uuid, anna.id) for each in old] == [each.token for each in old]
    configure(services, api_token_max_lifetime_days=-1)
    assert generate(services, anna, None).secret


def test_a_user_without_permission_makes_none_and_is_told_how_to_get_it(services: Services) -> None:
    with pytest.raises(NotPermitted, match="daypass user allow-tokens NAME"):
        generate(services, make_user(services))


def test_while_such_tokens_are_off_none_is_made_and_none_works(services: Services, anna: User) -> None:
    issued = generate(services, anna)
    services.single_tier.refuse_while_off()
    configure(services, api_tokens_enabled="off")
    with pytest.raises(FeatureOff, match="api_tokens_enabled"):
        generate(services, anna)
    assert refusal_of(services.single_tier.refuse_while_off) is FeatureOff
    assert reason(services, issued) == "api_tokens_off"
    configure(services, api_tokens_enabled="on")
    assert works(services, issued)


def test_a_denied_users_tokens_stop_but_not_those_under_refresh_tokens(services: Services, anna: User) -> None:
    single, minted = generate(services, anna), mint(services, issue(services, anna))
    set_api_tokens(services, "anna", ApiTokens.DENY)
    assert reason(services, single) == "owner_denied"
    assert works(services, minted)
    set_api_tokens(services, "anna", ApiTokens.INHERIT)
    assert works(services, single)


def test_a_user_who_was_disabled_meanwhile_makes_no_token(services: Services, anna: User) -> None:
    disable(services, "anna")
    for user in (anna, replace(anna, id=10**6)):
        with pytest.raises(BadCredentials):
            generate(services, user)


def test_a_description_that_could_not_be_shown_is_refused(services: Services, anna: User) -> None:
    for description in ("x" * 256, "a\nb", "\u202e"):
        with pytest.raises(BadRequest) as refused:
            generate(services, anna, DAY, description)
        assert list(refused.value.fields) == ["description"]


@pytest.fixture
def three(services: Services, anna: User) -> list[AccessToken]:
    """Of anna, oldest first; beside them another's, a minted one and a deleted one."""
    made = [generate(services, anna, lifetime).token for lifetime in (None, DAY, 2 * DAY)]
    generate(services, make_user(services, role=Role.SERVER_ADMIN))
    mint(services, issue(services, anna))
    services.single_tier.delete(generate(services, anna).token.uuid, OPERATOR, anna.id)
    return made


def test_own_tokens_are_listed_oldest_first_in_parts(services: Services, anna: User, three: list[AccessToken]) -> None:
    own = services.single_tier.list_tokens
    assert (own(anna.id).items, own(anna.id).count) == (three, None)
    assert own(anna.id, 2, 0).items == three[:2]
    assert own(anna.id, 2, 2).items == three[2:]
    assert (own(anna.id, 0, 0, counted=True).items, own(anna.id, 1, 9, counted=True).count) == ([], 3)
    assert own(10**6, counted=True).count == 0
    with freeze_time(three[1].created_at + DAY + SECOND):
        for _ in range(2):  # before and after the sweep
            assert [each.status for each in own(anna.id).items] == ["active", "expired", "active"]
            expire_due(services)


def test_a_token_is_found_by_its_own_id_in_any_letter_case_and_by_no_other(
    services: Services, anna: User, three: list[AccessToken]
) -> None:
    """Nor are another user's, and one under a refresh token."""
    uuid, minted = three[0].uuid, mint(services, issue(services, anna))
    odd = ("", ":tokenId", "0" * 36, "\0", "x" * 5000, f"{{{uuid}}}", f"urn:uuid:{uuid}", f" {uuid}", f"{uuid}\n")
    for only_of in (anna.id, None):
        for spelling in (uuid, uuid.upper()):
            assert services.single_tier.get(spelling, only_of) == three[0]
        for wrong in (*odd, uuid.replace("-", ""), minted.token.uuid):
            _assert_not_found(services, wrong, only_of)
    _assert_not_found(services, uuid, make_user(services).id)
    assert works(services, minted)


def _assert_not_found(services: Services, uuid: str, only_of: int | None) -> None:
    assert refusal_of(lambda: services.single_tier.get(uuid, only_of)) is NotFound
    assert refusal_of(lambda: services.single_tier.delete(uuid, OPERATOR, only_of)) is NotFound


def test_a_deleted_token_is_gone_for_good_and_recorded(services: Services, database: Database, anna: User) -> None:
    issued = generate(services, anna)
    services.single_tier.delete(issued.token.uuid, signed_in(anna), anna.id)
    assert reason(services, issued) == "token_revoked"
    for only_of in (anna.id, None):
        _assert_not_found(services, issued.token.uuid, only_of)
    *_, event = rows.audit_events(database)
    assert (event.action, event.actor, event.object_id) == ("access_token.revoked", "anna", issued.token.public_id)
    listed = services.listing.find(issued.token.public_id).token
    assert (listed.status, listed.revoked_by, listed.revoke_reason) == (TokenStatus.REVOKED, "anna", "deleted")


@pytest.mark.both_databases
def test_one_of_many_who_delete_one_token_at_once_succeeds(services: Services, database: Database, anna: User) -> None:
    """Fails on PostgreSQL when the statement does not require that the row is not revoked yet (tried: two rows)."""
    issued = generate(services, anna)
    before = rows.count(database, AuditEventRow)
    delete = lambda: services.single_tier.delete(issued.token.uuid, OPERATOR, None)  # noqa: E731
    refusals = all_at_once([lambda: refusal_of(delete)] * 8)
    assert (refusals.count(None), refusals.count(NotFound)) == (1, 7)
    assert rows.count(database, AuditEventRow) == before + 1
