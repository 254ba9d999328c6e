"""Single-tier tokens: making, listing, reading and deleting one's own, and who may.

Not here: the check, which is the same for every access token (``test_verifying``), and how it is said to a client
(``tests/contract/test_trifacta_…``).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from sqlalchemy.exc import IntegrityError

from app.domain.errors import (
    ApiTokensOff,
    BadCredentials,
    BadRequest,
    FeatureOff,
    NotFound,
    NotPermitted,
    OwnerDenied,
    Refusal,
    TokenExpired,
    TokenRevoked,
)
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.tokens import AccessToken, Issued, TokenStatus
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import OPERATOR, allowed_user, generate, issue, make_user, mint

NOW = datetime(2027, 3, 14, 15, 9, 26, 535897, UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
CENTURY = timedelta(days=36_500)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def anna(services: Services) -> User:
    return allowed_user(services, username="anna")


def refusal_of(services: Services, secret: str) -> type[Refusal] | None:
    """What keeps a token from working; None where it works."""
    try:
        services.verifier.verify(secret)
    except Refusal as refused:
        return type(refused)
    return None


# Making


def test_a_new_token_is_the_users_and_works(services: Services, anna: User) -> None:
    with freeze_time(NOW):
        issued = generate(services, anna, 90 * SECOND, "reports")
        known = services.verifier.verify(issued.secret)
    token = issued.token
    assert (token.user_id, token.refresh_token_id, token.description) == (anna.id, None, "reports")
    assert (token.status, token.created_at, token.expires_at) == (TokenStatus.ACTIVE, NOW, NOW + 90 * SECOND)
    assert (known.user_id, known.token_public_id, known.token_name) == (anna.id, token.public_id, "reports")
    assert (known.token_expires_at, known.refresh_token_expires_at) == (NOW + 90 * SECOND, None)


def test_a_token_is_good_until_its_end_and_not_at_it(services: Services, anna: User) -> None:
    with freeze_time(NOW):
        secret = generate(services, anna, SECOND).secret
    with freeze_time(NOW + SECOND - MICROSECOND):
        assert refusal_of(services, secret) is None
    with freeze_time(NOW + SECOND):
        assert refusal_of(services, secret) is TokenExpired


def test_a_token_for_ever_is_good_for_ever(services: Services, anna: User) -> None:
    with freeze_time(NOW):
        issued = generate(services, anna, None)
    assert issued.token.expires_at is None
    with freeze_time(datetime(9999, 12, 31, tzinfo=UTC)):
        assert refusal_of(services, issued.secret) is None
        assert services.single_tier.list_tokens(anna.id).items[0].status is TokenStatus.ACTIVE


def test_neither_the_sweep_nor_the_purge_ends_a_token_for_ever(services: Services, anna: User) -> None:
    secret = generate(services, anna, None).secret
    services.instance_settings.change("retention_days", "0", OPERATOR)
    with freeze_time(NOW + 10_000 * DAY):
        services.expiring.expire_due()
        services.expiring.purge(OPERATOR)
        assert refusal_of(services, secret) is None


def test_the_secret_is_in_nothing_but_what_is_returned(services: Services, database: Database, anna: User) -> None:
    issued = generate(services, anna, None, "reports")
    assert issued.secret not in repr(issued)
    assert issued.secret.rpartition("_")[2][:43] not in repr(rows.everything(database))


def test_a_user_may_have_any_number_of_them_under_one_description(services: Services, anna: User) -> None:
    secrets = {generate(services, anna, DAY, "same").secret for _ in range(5)}
    assert len(secrets) == 5
    assert [refusal_of(services, each) for each in secrets] == [None] * 5


def test_a_token_is_made_and_recorded_or_neither(services: Services, database: Database, anna: User) -> None:
    """Fails when the row of the audit log has a transaction of its own (tried)."""
    generate(services, anna, None, "reports")
    *_, event = rows.audit_events(database)
    assert (event.action, event.actor, event.object_kind) == ("access_token.created", "anna", "access_token")
    assert event.object_id == services.single_tier.list_tokens(anna.id).items[0].public_id
    before = rows.count(database, AccessTokenRow)
    rows.refuse_writes(database, "audit_events", "INSERT")
    with pytest.raises(IntegrityError):
        generate(services, anna)
    assert rows.count(database, AccessTokenRow) == before


# Lifetimes


@pytest.mark.parametrize("lifetime", [SECOND, DAY, CENTURY])
def test_without_a_maximum_a_lifetime_is_a_second_to_a_century_or_for_ever(
    services: Services, anna: User, lifetime: timedelta
) -> None:
    token = generate(services, anna, lifetime).token
    assert token.expires_at is not None and token.expires_at - token.created_at == lifetime
    assert generate(services, anna, None).token.expires_at is None


@pytest.mark.parametrize("lifetime", [timedelta(0), -SECOND, CENTURY + SECOND, timedelta(days=10**8)])
def test_other_lifetimes_are_refused(services: Services, anna: User, lifetime: timedelta) -> None:
    with pytest.raises(BadRequest) as refused:
        generate(services, anna, lifetime)
    assert list(refused.value.fields) == ["lifetime"]


def test_the_maximum_is_a_bound_for_new_tokens_and_changes_no_old_one(services: Services, anna: User) -> None:
    old = [generate(services, anna, lifetime) for lifetime in (None, 90 * DAY)]
    services.instance_settings.change("api_token_max_lifetime_days", "30", OPERATOR)
    assert generate(services, anna, 30 * DAY).secret
    for lifetime in (30 * DAY + SECOND, None):
        with pytest.raises(BadRequest, match="30 days"):
            generate(services, anna, lifetime)
    assert [services.single_tier.get(each.token.uuid, anna.id) for each in old] == [each.token for each in old]
    services.instance_settings.change("api_token_max_lifetime_days", "-1", OPERATOR)
    assert generate(services, anna, None).secret


# Who may


@pytest.mark.parametrize("for_users", ["off", "on"])
@pytest.mark.parametrize("decision", list(ApiTokens))
@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVER_ADMIN])
def test_the_decision_about_a_user_comes_before_the_rule_for_all(
    services: Services, role: Role, decision: ApiTokens, for_users: str
) -> None:
    user = make_user(services, role=role)
    services.accounts.set_api_tokens(user.username, decision, OPERATOR)
    services.instance_settings.change("api_tokens_for_users", for_users, OPERATOR)
    by_rule = for_users == "on" or role is Role.SERVER_ADMIN
    if decision is ApiTokens.ALLOW or (by_rule and decision is ApiTokens.INHERIT):
        assert refusal_of(services, generate(services, user).secret) is None
    else:
        with pytest.raises(NotPermitted, match="daypass user allow-tokens NAME"):
            generate(services, user)


def test_while_such_tokens_are_off_none_is_made_and_none_works(services: Services, anna: User) -> None:
    secret = generate(services, anna).secret
    services.single_tier.refuse_while_off()
    services.instance_settings.change("api_tokens_enabled", "off", OPERATOR)
    with pytest.raises(FeatureOff, match="api_tokens_enabled"):
        generate(services, anna)
    with pytest.raises(FeatureOff):
        services.single_tier.refuse_while_off()
    assert refusal_of(services, secret) is ApiTokensOff
    services.instance_settings.change("api_tokens_enabled", "on", OPERATOR)
    assert refusal_of(services, secret) is None


def test_a_denied_users_tokens_stop_those_under_refresh_tokens_excepted(services: Services, anna: User) -> None:
    single, minted = generate(services, anna).secret, mint(services, issue(services, anna)).secret
    services.accounts.set_api_tokens("anna", ApiTokens.DENY, OPERATOR)
    assert (refusal_of(services, single), refusal_of(services, minted)) == (OwnerDenied, None)
    services.accounts.set_api_tokens("anna", ApiTokens.INHERIT, OPERATOR)
    assert refusal_of(services, single) is None


def test_a_user_who_was_deactivated_meanwhile_makes_no_token(services: Services, anna: User) -> None:
    services.accounts.disable("anna", OPERATOR)
    for user in (anna, replace(anna, id=10**6)):
        with pytest.raises(BadCredentials):
            generate(services, user)


@pytest.mark.parametrize("description", ["x" * 256, "a\nb", "\0", "\u202e", "\x7f"])
def test_a_description_that_could_not_be_shown_is_refused(services: Services, anna: User, description: str) -> None:
    with pytest.raises(BadRequest) as refused:
        generate(services, anna, DAY, description)
    assert list(refused.value.fields) == ["description"]


# Listing, reading, deleting


@pytest.fixture
def three(services: Services, anna: User) -> list[AccessToken]:
    """Of anna, oldest first; beside them another's, a minted one and a deleted one."""
    made = [generate(services, anna, lifetime).token for lifetime in (None, DAY, 2 * DAY)]
    generate(services, make_user(services, role=Role.SERVER_ADMIN))
    mint(services, issue(services, anna))
    services.single_tier.delete(generate(services, anna).token.uuid, OPERATOR, anna.id)
    return made


def test_ones_own_are_listed_oldest_first_in_parts(services: Services, anna: User, three: list[AccessToken]) -> None:
    own = services.single_tier.own
    assert (own(anna.id).items, own(anna.id).count) == (three, None)
    assert own(anna.id, 2, 0).items == three[:2]
    assert own(anna.id, 2, 2).items == three[2:]
    assert (own(anna.id, 0, 0, counted=True).items, own(anna.id, 1, 9, counted=True).count) == ([], 3)
    assert own(10**6, counted=True).count == 0


def test_expired_ones_are_listed_before_and_after_the_sweep(
    services: Services, anna: User, three: list[AccessToken]
) -> None:
    with freeze_time(three[1].created_at + DAY + SECOND):
        for _ in range(2):
            statuses = [each.status for each in services.single_tier.list_tokens(anna.id).items]
            assert statuses == [TokenStatus.ACTIVE, TokenStatus.EXPIRED, TokenStatus.ACTIVE]
            services.expiring.expire_due()


def test_a_token_is_found_by_its_id_in_any_letter_case(
    services: Services, anna: User, three: list[AccessToken]
) -> None:
    for only_of in (anna.id, None):
        for uuid in (three[0].uuid, three[0].uuid.upper()):
            assert services.single_tier.get(uuid, only_of) == three[0]


@pytest.mark.parametrize(
    "uuid", ["", ":tokenId", "0" * 36, "\0", "x" * 5000, "{%s}", "urn:uuid:%s", " %s", "%s ", "%s\n"]
)
def test_what_is_no_id_finds_nothing(services: Services, anna: User, three: list[AccessToken], uuid: str) -> None:
    wrong = uuid.replace("%s", three[0].uuid)
    for only_of in (anna.id, None):
        with pytest.raises(NotFound):
            services.single_tier.get(wrong, only_of)
        with pytest.raises(NotFound):
            services.single_tier.delete(wrong, OPERATOR, only_of)
    with pytest.raises(NotFound):
        services.single_tier.get(three[0].uuid.replace("-", ""), None)


def test_anothers_and_a_minted_one_are_not_found(services: Services, anna: User, three: list[AccessToken]) -> None:
    stranger = make_user(services)
    minted = mint(services, issue(services, anna))
    for uuid, only_of in ((three[0].uuid, stranger.id), (minted.token.uuid, anna.id), (minted.token.uuid, None)):
        with pytest.raises(NotFound):
            services.single_tier.get(uuid, only_of)
        with pytest.raises(NotFound):
            services.single_tier.delete(uuid, OPERATOR, only_of)
    assert refusal_of(services, minted.secret) is None


def test_a_deleted_token_is_gone_for_good_and_on_record(services: Services, database: Database, anna: User) -> None:
    issued = generate(services, anna)
    services.single_tier.delete(issued.token.uuid, Caller("anna", anna.id), anna.id)
    assert refusal_of(services, issued.secret) is TokenRevoked
    for only_of in (anna.id, None):
        with pytest.raises(NotFound):
            services.single_tier.delete(issued.token.uuid, OPERATOR, only_of)
    *_, event = rows.audit_events(database)
    assert (event.action, event.actor, event.object_id) == ("access_token.revoked", "anna", issued.token.public_id)
    listed = services.listing.find(issued.token.public_id).token
    assert (listed.status, listed.revoked_by, listed.revoke_reason) == (TokenStatus.REVOKED, "anna", "deleted")


def test_a_token_is_deleted_and_recorded_or_neither(services: Services, database: Database, anna: User) -> None:
    issued = generate(services, anna)
    rows.refuse_writes(database, "audit_events", "INSERT")
    with pytest.raises(IntegrityError):
        services.single_tier.delete(issued.token.uuid, OPERATOR, anna.id)
    assert refusal_of(services, issued.secret) is None


def test_of_many_who_delete_one_token_at_once_one_did_it(services: Services, database: Database, anna: User) -> None:
    """Fails when the statement does not say that the row may not be revoked already
    (tried, on PostgreSQL: two rows on record)."""
    issued = generate(services, anna)
    before = len(rows.audit_events(database))

    def delete() -> bool:
        try:
            services.single_tier.delete(issued.token.uuid, OPERATOR, None)
        except NotFound:
            return False
        return True

    assert sum(all_at_once([delete] * 8)) == 1
    assert len(rows.audit_events(database)) == before + 1


def test_revoking_all_of_a_user_takes_these_along(services: Services, anna: User) -> None:
    issued: list[Issued[AccessToken]] = [generate(services, anna, None), generate(services, anna)]
    services.revoking.revoke_user("anna", "left", OPERATOR)
    assert [refusal_of(services, each.secret) for each in issued] == [TokenRevoked] * 2
    assert services.single_tier.list_tokens(anna.id).items == []
