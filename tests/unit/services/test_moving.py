"""A token that is moved works on with its secret, as the new owner's; who may move what, and what is refused."""

from collections.abc import Callable
from functools import partial

import pytest
from freezegun import freeze_time

from app.domain.errors import (
    BadRequest,
    Conflict,
    LimitReached,
    NotFound,
    NotPermitted,
    Refusal,
    TokenRevoked,
    UserIdMismatch,
)
from app.domain.identity import ApiTokens, Caller, Role, User
from app.services import Services
from app.services.held_tokens import ByOwner, BySecret
from app.storage import moving
from app.storage.database import Database
from tests import rows
from tests.factories import (
    OPERATOR,
    Access,
    Refresh,
    allowed_user,
    configure,
    disable,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    mint_with,
    regenerate,
    revoke,
    revoke_under,
    set_api_tokens,
    set_role,
    signed_in,
    with_token,
)
from tests.unit.services.verdicts import DAY, NOW, works

pytestmark = pytest.mark.both_databases


@pytest.fixture
def berta(services: Services) -> User:
    return make_user(services, "berta")


@pytest.fixture
def administrator(services: Services) -> Caller:
    return signed_in(make_user(services, "clara", Role.SERVER_ADMIN))


def owner_of(services: Services, token: Access) -> int:
    return services.verifier.verify(token.secret).user_id


def test_a_refresh_token_moves_with_all_its_access_tokens_and_works_on_with_its_secret(
    services: Services, database: Database, refresh: Refresh, anna: User, berta: User, administrator: Caller
) -> None:
    """◆ Those that have ended too, in more statements than one."""
    replaced, access = mint(services, refresh), mint(services, refresh)
    moved = services.moving.move(refresh.token.public_id, "Berta", administrator)
    assert (moved.owner, moved.token.user_id, moved.token.status) == ("berta", berta.id, "active")
    assert (
        owner_of(services, access) == berta.id and owner_of(services, mint_with(services, refresh.secret)) == berta.id
    )
    assert services.listing.find(replaced.token.public_id).owner == "berta"
    assert [each.action for each in rows.audit_events(database)].count("refresh_token.created") == 1
    (event,) = services.audit_list.events(action="refresh_token.moved").items
    assert (event.actor, event.object_id) == ("clara", refresh.token.public_id)
    about = {"before": "anna", "before_id": anna.id, "after": "berta", "after_id": berta.id}
    assert event.detail == about | {"access_tokens": 2}


def test_access_tokens_of_any_number_move_in_several_statements(
    services: Services, refresh: Refresh, berta: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CHUNK", 2)
    minted = [mint(services, refresh) for _ in range(5)]
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    assert {services.listing.find(each.token.public_id).token.user_id for each in minted} == {berta.id}


def test_the_user_id_of_the_old_owner_is_refused_from_then_on(
    services: Services, refresh: Refresh, access: Access, anna: User, berta: User
) -> None:
    """◆ Alation's clients send it as a part of the proof."""
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    for use in (mint_with, revoke_under):
        with pytest.raises(UserIdMismatch):
            use(services, refresh.secret, anna.id)
    with pytest.raises(UserIdMismatch):
        services.held_tokens.validate(BySecret(refresh.secret, anna.id))
    with pytest.raises(UserIdMismatch):
        services.verifier.verify(access.secret, anna.id)
    assert services.verifier.verify(access.secret, berta.id).username == "berta"
    with pytest.raises(NotFound):
        services.minting.mint(ByOwner(refresh.token.public_id, anna.id), signed_in(anna))
    assert mint_with(services, refresh.secret, berta.id).token.user_id == berta.id


def test_an_api_token_moves_alone(services: Services, berta: User, administrator: Caller) -> None:
    single = generate(services, allowed_user(services), description="nightly")
    moved = services.moving.move(single.token.public_id, "berta", administrator, "she left")
    assert (moved.name, moved.owner, owner_of(services, single)) == ("nightly", "berta", berta.id)
    (event,) = services.audit_list.events(action="access_token.moved").items
    assert event.detail["reason"] == "she left" and "access_tokens" not in event.detail


def test_a_move_to_the_present_owner_changes_nothing(services: Services, refresh: Refresh, anna: User) -> None:
    assert services.moving.move(refresh.token.public_id, "anna", OPERATOR).token.user_id == anna.id
    assert services.audit_list.events(action="refresh_token.moved").items == []


def test_an_expired_refresh_token_moves_because_it_can_be_regenerated(services: Services, berta: User) -> None:
    with freeze_time(NOW):
        refresh = issue(services, make_user(services))
    with freeze_time(NOW + 100 * DAY):
        assert services.moving.move(refresh.token.public_id, "berta", OPERATOR).token.status == "expired"
        assert regenerate(services, refresh).token.user_id == berta.id


def disabled(services: Services) -> tuple[Refresh, str]:
    disable(services, make_user(services, "carl").username)
    return issue(services, make_user(services)), "carl"


def access_token_of_a_refresh_token(services: Services) -> tuple[Access, str]:
    return mint(services, issue(services, make_user(services))), "berta"


def revoked(services: Services) -> tuple[Refresh, str]:
    refresh = issue(services, make_user(services))
    revoke(services, refresh)
    return refresh, "berta"


def expired_api_token(services: Services) -> tuple[Access, str]:
    with freeze_time(NOW):
        return generate(services, allowed_user(services), DAY), "berta"


def api_tokens_denied(services: Services) -> tuple[Access, str]:
    set_api_tokens(services, make_user(services, "carl").username, ApiTokens.DENY)
    return generate(services, allowed_user(services)), "carl"


def too_many_refresh_tokens(services: Services) -> tuple[Refresh, str]:
    configure(services, max_refresh_tokens_per_user=1)
    issue(services, make_user(services, "carl"))
    return issue(services, make_user(services)), "carl"


def too_many_api_tokens(services: Services) -> tuple[Access, str]:
    configure(services, max_api_tokens_per_user=1)
    generate(services, allowed_user(services, username="carl"))
    return generate(services, allowed_user(services)), "carl"


def to_nobody(services: Services) -> tuple[Refresh, str]:
    return issue(services, make_user(services)), "nobody"


def to_an_administrator(services: Services) -> tuple[Refresh, str]:
    make_user(services, "carl", Role.SERVER_ADMIN)
    return issue(services, make_user(services, role=Role.CATALOG_ADMIN)), "carl"


def to_an_introspector(services: Services) -> tuple[Refresh, str]:
    make_user(services, "carl", Role.INTROSPECTOR)
    return issue(services, make_user(services)), "carl"


REFUSED: list[tuple[Callable[[Services], tuple[Access | Refresh, str]], type[Refusal]]] = [
    (disabled, Conflict),
    (access_token_of_a_refresh_token, Conflict),
    (revoked, Conflict),
    (expired_api_token, Conflict),
    (api_tokens_denied, NotPermitted),
    (too_many_refresh_tokens, LimitReached),
    (too_many_api_tokens, LimitReached),
    (to_nobody, NotFound),
    (to_an_administrator, NotPermitted),
    (to_an_introspector, NotPermitted),
]


@pytest.mark.parametrize(("case", "refusal"), REFUSED, ids=[case.__name__ for case, _ in REFUSED])
def test_what_cannot_be_moved_is_refused_and_stays(
    services: Services,
    berta: User,
    case: Callable[[Services], tuple[Access | Refresh, str]],
    refusal: type[Refusal],
) -> None:
    issued, to = case(services)
    for propose in (services.moving.propose, services.moving.move):
        with pytest.raises(refusal):
            propose(issued.token.public_id, to, OPERATOR)
    assert services.listing.find(issued.token.public_id).token.user_id == issued.token.user_id


def test_no_token_moves_where_one_of_several_can_not(
    services: Services, refresh: Refresh, anna: User, berta: User
) -> None:
    ended = issue(services, anna)
    revoke(services, ended)
    both = [refresh.token.public_id, ended.token.public_id]
    with pytest.raises(Conflict):
        services.moving.move_each(both, "berta", OPERATOR)
    assert services.listing.find(refresh.token.public_id).owner == "anna"
    assert [each.owner for each in services.moving.move_each(both[:1] * 2, "berta", OPERATOR)] == ["berta"]


def test_a_proposal_says_whether_who_knows_the_secret_gains_rights(services: Services, refresh: Refresh) -> None:
    make_user(services, "steward", Role.STEWARD)
    make_user(services, "viewer", Role.VIEWER)
    gains = [
        services.moving.propose(refresh.token.public_id, to, OPERATOR).gains_rights for to in ("steward", "viewer")
    ]
    assert gains == [True, False]


# Who may


def test_only_administrators_may_move_a_token_to_any_account(services: Services, refresh: Refresh, anna: User) -> None:
    """◆"""
    make_user(services, "berta")
    for own in (None, anna.id):
        with pytest.raises(NotPermitted):
            services.moving.move(refresh.token.public_id, "berta", signed_in(anna), only_of=own)
    assert services.listing.find(refresh.token.public_id).owner == "anna"


def test_an_owner_moves_a_token_to_a_service_account_that_they_answer_for(services: Services, anna: User) -> None:
    """◆ In a session with a fresh password; with a token never, so that a stolen one keeps nothing."""
    account = make_service_account(services, anna)
    configure(services, api_can_create_refresh_tokens="on", api_can_manage_users="on")
    refresh = issue(services, anna)
    access = mint(services, refresh)
    for caller in (signed_in(anna, is_fresh=False), with_token(anna, access, refresh)):
        with pytest.raises(NotPermitted):
            services.moving.move(refresh.token.public_id, account.username, caller, only_of=anna.id)
    moved = services.moving.move(refresh.token.public_id, account.username, signed_in(anna), only_of=anna.id)
    assert (moved.owner, owner_of(services, access)) == (account.username, account.id)


def test_an_owner_moves_no_token_to_an_account_with_more_rights_or_of_another_person(
    services: Services, anna: User, berta: User
) -> None:
    """◆"""
    of_berta, stronger = make_service_account(services, berta), make_service_account(services, anna)
    set_role(services, stronger.username, Role.STEWARD)
    refresh = issue(services, anna)
    for account in (of_berta, stronger):
        with pytest.raises(NotPermitted):
            services.moving.move(refresh.token.public_id, account.username, signed_in(anna), only_of=anna.id)
    assert services.listing.find(refresh.token.public_id).owner == "anna"


def test_who_answers_for_two_accounts_moves_tokens_between_them(services: Services, anna: User, berta: User) -> None:
    first, second = make_service_account(services, anna), make_service_account(services, anna)
    refresh = issue(services, first)
    to_second = partial(services.moving.move, refresh.token.public_id, second.username)
    with pytest.raises(NotPermitted):
        to_second(signed_in(berta), only_of=first.id)
    assert to_second(signed_in(anna), only_of=first.id).owner == second.username


def test_a_move_needs_a_fresh_password_or_a_setting(services: Services, refresh: Refresh, berta: User) -> None:
    clara = make_user(services, "clara", Role.SERVER_ADMIN)
    her_token = issue(services, clara)
    by_token = with_token(clara, mint(services, her_token), her_token)
    for caller in (signed_in(clara, is_fresh=False), by_token):
        with pytest.raises(NotPermitted):
            services.moving.move(refresh.token.public_id, "berta", caller)
    configure(services, api_can_manage_users="on")
    assert services.moving.move(refresh.token.public_id, "berta", by_token).owner == "berta"


def test_another_users_token_is_not_found(services: Services, refresh: Refresh, berta: User) -> None:
    with pytest.raises(NotFound):
        services.moving.move(refresh.token.public_id, "berta", signed_in(berta), only_of=berta.id)


def test_what_a_moved_token_authenticated_makes_nothing_for_its_old_owner(
    services: Services, refresh: Refresh, access: Access, anna: User, berta: User
) -> None:
    """◆ A request that was under way while the token moved."""
    configure(services, api_can_create_refresh_tokens="on")
    caller = with_token(anna, access, refresh)
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    with pytest.raises(UserIdMismatch):
        services.issuing.issue(anna.id, "kept", caller)


# What hangs on the owner


def test_revoking_all_of_either_owner_ends_what_they_own_after_the_move(
    services: Services, refresh: Refresh, access: Access, anna: User, berta: User
) -> None:
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    services.revoking.revoke_user("anna", "", OPERATOR)
    assert owner_of(services, access) == berta.id
    minted = mint_with(services, refresh.secret)
    services.revoking.revoke_user("berta", "", OPERATOR)
    for use in (lambda: owner_of(services, minted), lambda: mint_with(services, refresh.secret)):
        with pytest.raises(TokenRevoked):
            use()


def test_what_was_made_with_its_access_tokens_stays_its_makers_and_is_revoked_with_it(
    services: Services, refresh: Refresh, access: Access, anna: User, berta: User
) -> None:
    """◆ Before the move for its old owner, and after it for the new one; theirs in turn are found as well."""
    configure(services, api_can_create_refresh_tokens="on")
    before = services.issuing.issue(anna.id, "before", with_token(anna, access, refresh))
    of_before = mint(services, before)
    further = services.issuing.issue(anna.id, "further", with_token(anna, of_before, before))
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    after = services.issuing.issue(berta.id, "after", with_token(berta, access, refresh))
    assert services.listing.find(before.token.public_id).owner == "anna"
    assert services.revoking.descendants(refresh.token.public_id).number == 3
    revoking = services.revoking.revoke(refresh.token.public_id, "", OPERATOR, with_descendants=True)
    assert revoking.descendants == 4
    assert not any(works(services, each) for each in (before, further, after, access, of_before))


def test_old_secrets_are_still_refused_as_replaced(services: Services, refresh: Refresh, berta: User) -> None:
    regenerate(services, refresh)
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    with pytest.raises(TokenRevoked):
        mint_with(services, refresh.secret)


def test_lists_and_limits_follow_the_owner(services: Services, refresh: Refresh, anna: User, berta: User) -> None:
    configure(services, max_refresh_tokens_per_user=1)
    services.moving.move(refresh.token.public_id, "berta", OPERATOR)
    issue(services, anna)
    with pytest.raises(LimitReached):
        issue(services, berta)
    assert services.overview.revocable_of(berta.id).refresh_tokens == 1


def test_a_reason_that_is_too_long_is_refused(services: Services, refresh: Refresh, berta: User) -> None:
    with pytest.raises(BadRequest):
        services.moving.move(refresh.token.public_id, "berta", OPERATOR, "x" * 256)
