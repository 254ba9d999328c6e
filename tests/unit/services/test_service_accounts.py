"""Service accounts: who acts for one, what they can't get through it, and that nobody signs in as one."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import update

from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound, NotPermitted
from app.domain.identity import ApiTokens, Caller, Kind, Role, User
from app.services import Services
from app.services.held_tokens import ByOwner
from app.services.service_accounts import People
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.tables import UserRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Refresh,
    configure,
    disable,
    enable,
    issue,
    make_service_account,
    make_user,
    mint,
    set_api_tokens,
    set_password,
    set_role,
    signed_in,
    with_token,
)
from tests.unit.services.verdicts import DAY, refusal_of, works

CLIENT = Caller("", address="192.0.2.7")
ROUNDS = 8


@pytest.fixture
def berta(services: Services) -> User:
    return make_user(services, "berta")


@pytest.fixture
def account(services: Services, anna: User, berta: User) -> User:
    """That anna is responsible for, and berta is the deputy of."""
    return make_service_account(services, anna, berta, username="svc-etl")


def issue_for(services: Services, account: User, caller: Caller) -> Refresh:
    return services.issuing.issue(account.id, "nightly", caller)


def acts(services: Services, account: User, refresh: Refresh, caller: Caller) -> dict[str, Callable[[], object]]:
    """All that makes a credential of the account."""
    claim = ByOwner(refresh.token.public_id, account.id)
    return {
        "issue": lambda: services.issuing.issue(account.id, "nightly", caller),
        "regenerate": lambda: services.issuing.regenerate(claim, caller),
        "mint": lambda: services.minting.mint(claim, caller),
        "single tier": lambda: services.single_tier.generate(account.id, DAY, None, caller),
    }


def revoke(services: Services, account: User, refresh: Refresh, caller: Caller) -> object:
    return services.revoking.revoke(refresh.token.public_id, "", caller, only_of=account.id)


def refusals(services: Services, account: User, refresh: Refresh, caller: Caller) -> set[type[BaseException] | None]:
    return {refusal_of(act) for act in acts(services, account, refresh, caller).values()}


def test_an_account_has_a_responsible_person_and_no_password(account: User, anna: User, berta: User) -> None:
    assert (account.kind, account.responsible_id, account.deputy_id) == (Kind.SERVICE, anna.id, berta.id)
    assert (account.responsible, account.deputy) == ("anna", "berta")


def test_only_an_active_person_answers_for_an_account(services: Services, account: User, anna: User) -> None:
    disable(services, make_user(services, "carl").username)
    add, change = partial(services.service_accounts.add, "svc-2", Role.VIEWER), services.accounts.change
    for name in ("", "nobody", "carl", account.username):
        assert refusal_of(partial(add, People(name), OPERATOR)) is BadRequest
        assert refusal_of(partial(change, account.username, {"responsible": name}, OPERATOR)) is BadRequest
    assert refusal_of(partial(add, People("anna", "anna"), OPERATOR)) is BadRequest
    assert refusal_of(partial(change, "anna", {"responsible": "berta"}, OPERATOR)) is BadRequest


def test_no_password_can_be_set_and_one_that_is_stored_opens_nothing(
    services: Services, database: Database, account: User, anna: User
) -> None:
    """◆ Planted: the release before would set one."""
    assert refusal_of(lambda: set_password(services, account.username, PASSWORD)) is Conflict
    set_password(services, "anna", PASSWORD)
    with database.transaction() as session:
        stored = session.get(UserRow, anna.id)
        assert stored is not None
        session.execute(update(UserRow).where(UserRow.id == account.id).values(password_hash=stored.password_hash))
    for attempt in (
        lambda: services.accounts.authenticate(account.username, PASSWORD, CLIENT),
        lambda: services.sessions.sign_in(account.username, PASSWORD, CLIENT, None),
        lambda: services.issuing.issue_with_password(account.username, PASSWORD, "x", CLIENT),
    ):
        assert refusal_of(attempt) is BadCredentials
    assert services.accounts.authenticate("anna", PASSWORD, CLIENT).user == services.accounts.get("anna")


def test_the_responsible_person_and_the_deputy_act_for_an_account_and_nobody_else(
    services: Services, account: User, anna: User, berta: User
) -> None:
    """◆ For others it does not exist, the token of any user they name."""
    set_api_tokens(services, account.username, ApiTokens.ALLOW)
    for person in (anna, berta):
        refresh = issue_for(services, account, signed_in(person))
        assert refresh.token.user_id == account.id
        assert refusals(services, account, refresh, signed_in(person)) == {None}
        revoke(services, account, refresh, signed_in(person))
        assert not works(services, refresh)
    carl, refresh = make_user(services, "carl"), issue(services, account)
    assert refusals(services, account, refresh, signed_in(carl)) == {NotFound}
    assert refusal_of(lambda: revoke(services, account, refresh, signed_in(carl))) is NotPermitted
    assert refusal_of(lambda: services.service_accounts.open(account.id, signed_in(carl))) is NotFound


def test_nobody_acts_for_a_person(services: Services, account: User, anna: User, berta: User) -> None:
    """An administrator neither, but on the command line."""
    admin = make_user(services, role=Role.SERVER_ADMIN)
    set_api_tokens(services, "anna", ApiTokens.ALLOW)
    refresh = issue(services, anna)
    for caller in map(signed_in, (berta, account, admin)):
        assert refusals(services, anna, refresh, caller) == {NotFound}


def test_a_former_responsible_person_does_nothing_from_the_next_request_on(
    services: Services, account: User, anna: User, berta: User
) -> None:
    """◆"""
    set_api_tokens(services, account.username, ApiTokens.ALLOW)
    refresh = issue_for(services, account, signed_in(anna))
    changed = services.accounts.change(account.username, {"responsible": "berta", "deputy": ""}, OPERATOR)
    assert (changed.responsible, changed.deputy) == ("berta", None)
    assert refusals(services, account, refresh, signed_in(anna)) == {NotFound}
    assert refusals(services, account, refresh, signed_in(berta)) == {None}
    disable(services, "berta")
    refresh = issue(services, account)
    assert refusals(services, account, refresh, signed_in(berta)) == {BadCredentials}
    assert works(services, mint(services, refresh)), "the account's tokens go on"


def test_a_person_gets_no_right_through_an_account_that_they_do_not_have(
    services: Services, account: User, anna: User
) -> None:
    """◆ A stronger role, and tokens where those are denied to the person. Revoking needs neither."""
    set_api_tokens(services, account.username, ApiTokens.ALLOW)
    refresh, admin = issue(services, account), make_user(services, role=Role.SERVER_ADMIN)
    for role in (Role.STEWARD, Role.SERVER_ADMIN, Role.INTROSPECTOR):
        set_role(services, account.username, role)
        assert refusals(services, account, refresh, signed_in(anna)) == {NotPermitted}, role
    assert refusals(services, account, refresh, signed_in(admin)) == {None}
    set_role(services, account.username, Role.VIEWER)
    assert refusals(services, account, refresh, signed_in(set_role(services, "anna", Role.STEWARD))) == {None}
    set_api_tokens(services, "anna", ApiTokens.DENY)
    assert refusals(services, account, refresh, signed_in(anna)) == {NotPermitted}
    set_role(services, account.username, Role.SERVER_ADMIN)
    revoke(services, account, refresh, signed_in(anna))
    assert not works(services, refresh)


def test_only_administrators_set_role_permission_and_who_answers(services: Services, account: User, anna: User) -> None:
    changes: list[dict[str, str | bool]] = [
        {"role": Role.SERVER_ADMIN},
        {"api_tokens": ApiTokens.ALLOW},
        {"deputy": ""},
    ]
    for values in changes:
        assert refusal_of(partial(services.accounts.change, account.username, values, signed_in(anna))) is NotPermitted


def test_a_disabled_account_gets_no_tokens(services: Services, account: User, anna: User) -> None:
    refresh = issue(services, account)
    disable(services, account.username)
    assert refusals(services, account, refresh, signed_in(anna)) == {Conflict}
    enable(services, account.username)
    assert works(services, refresh)


def test_a_service_account_does_not_count_as_an_administrator_who_is_left(services: Services, anna: User) -> None:
    admin = make_user(services, role=Role.SERVER_ADMIN)
    account = make_service_account(services, anna, role=Role.SERVER_ADMIN)
    for leave in (
        lambda: disable(services, admin.username),
        lambda: set_role(services, admin.username, Role.VIEWER),
    ):
        assert refusal_of(leave) is Conflict
    disable(services, account.username)


def test_what_a_persons_token_makes_for_an_account_is_revoked_with_the_line(
    services: Services, account: User, anna: User
) -> None:
    """◆ Also what the account's own tokens made since, and where the root is a refresh token of the person's."""
    configure(services, api_can_create_refresh_tokens="on")
    root = issue(services, anna)
    made = issue_for(services, account, with_token(anna, mint(services, root), root))
    assert made.token.created_with is not None
    later = issue_for(services, account, with_token(account, mint(services, made), made))
    revoked = services.revoking.revoke(root.token.public_id, "", OPERATOR, with_descendants=True)
    assert revoked.descendants == 3
    assert not any(works(services, each) for each in (root, made, later))


def test_it_is_the_person_who_acts_in_the_audit_log(
    services: Services, database: Database, account: User, anna: User
) -> None:
    made = issue_for(services, account, signed_in(anna))
    (event,) = rows.audit_events(database)[-1:]
    assert (event.action, event.actor, event.object_id) == ("refresh_token.created", "anna", made.token.public_id)
    services.accounts.change(account.username, {"responsible": "berta", "deputy": None}, OPERATOR)
    (event,) = rows.audit_events(database)[-1:]
    assert (event.action, event.object_id) == ("user.responsible_changed", "svc-etl")
    assert '"responsible": "berta"' in event.detail
    before = rows.count(database, AuditEventRow)
    services.accounts.change(account.username, {"responsible": "berta"}, OPERATOR)
    assert rows.count(database, AuditEventRow) == before, "nothing differs"


@pytest.mark.both_databases
def test_of_a_change_and_a_creation_at_once_nothing_is_created_after_the_change(
    services: Services, account: User, anna: User
) -> None:
    """◆ Many at once: what anna got, she got before the change was acknowledged; afterwards she gets nothing."""

    def change() -> bool:
        services.accounts.change(account.username, {"responsible": "berta", "deputy": None}, OPERATOR)
        return refusal_of(lambda: issue_for(services, account, signed_in(anna))) is NotFound

    def create() -> bool:
        return refusal_of(lambda: issue_for(services, account, signed_in(anna))) in (None, NotFound)

    assert all(all_at_once([change, *[create] * 6]))


@pytest.mark.both_databases
def test_changes_of_who_answers_and_creations_by_them_are_all_answered(services: Services, account: User) -> None:
    """None with 503. ◆ Fails on PostgreSQL when a change locks the account before the people: who creates has locked
    themselves, and waits for the account."""
    people = [services.accounts.get(name) for name in ("anna", "berta")]

    def change(place: int) -> None:
        first, second = people[place], people[1 - place]
        both = {"responsible": first.username, "deputy": second.username}
        for _ in range(ROUNDS):
            services.accounts.change(account.username, both, OPERATOR)
            hand_over = partial(services.service_accounts.hand_over, first.id, {account.id: second.username}, OPERATOR)
            assert refusal_of(hand_over) in (None, NotFound), "the other one may have it"

    def create(place: int) -> None:
        for _ in range(ROUNDS):
            assert refusal_of(lambda: issue_for(services, account, signed_in(people[place]))) in (None, NotFound)

    all_at_once([partial(act, place) for place in (0, 1) for act in (change, create, create)])


def test_people_find_the_accounts_that_they_answer_for(
    services: Services, account: User, anna: User, berta: User
) -> None:
    other = make_service_account(services, berta, username="svc-a")
    assert [each.user.username for each in services.service_accounts.of(anna.id)] == ["svc-etl"]
    assert [each.user for each in services.service_accounts.of(berta.id)] == [other, account]


def test_a_deputy_is_handed_over_as_who_is_responsible_is(
    services: Services, account: User, anna: User, berta: User
) -> None:
    """◆ The other place stays, and nobody has both."""
    carl, hand_over = make_user(services), services.service_accounts.hand_over
    (changed,) = hand_over(berta.id, {account.id: carl.username}, OPERATOR)
    assert (changed.responsible, changed.deputy) == (anna.username, carl.username)
    with pytest.raises(NotFound):
        hand_over(berta.id, {account.id: carl.username}, OPERATOR)
    (changed,) = hand_over(carl.id, {account.id: anna.username}, OPERATOR)
    assert (changed.responsible, changed.deputy) == (anna.username, None)
    services.accounts.change(account.username, {"deputy": carl.username}, OPERATOR)
    (changed,) = hand_over(carl.id, {account.id: ""}, OPERATOR)
    assert (changed.responsible, changed.deputy) == (anna.username, None)
    with pytest.raises(BadRequest):
        hand_over(anna.id, {account.id: ""}, OPERATOR)
