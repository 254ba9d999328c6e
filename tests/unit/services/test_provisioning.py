"""What a directory may do by SCIM, and what it may not."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import BadRequest, Conflict, NotFound, NotPermitted
from app.domain.identity import Caller, Role, User
from app.domain.provisioned import Attribute, Either, Equals, Every, Group, Person, ProvisionedUser
from app.services import Services
from app.services.last_administrators import LAST_WITH_A_PASSWORD, ROLE_KEPT
from tests import factories
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint, signed_in, works

pytestmark = pytest.mark.both_databases


@pytest.fixture
def directory(services: Services) -> Caller:
    """The caller of a directory that holds a token."""
    token, _ = services.scim.tokens.create("directory", None, OPERATOR)
    return Caller("scim:directory", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id))


def change(services: Services, directory: Caller, user_id: int, **values: Any) -> ProvisionedUser:
    return services.scim.users.change(user_id, lambda user: replace(user.person, **values), directory)


def remove(services: Services, directory: Caller, user_id: int) -> None:
    services.scim.users.remove(user_id, lambda user: None, directory)


def role_of(services: Services, user_id: int) -> Role:
    return services.accounts.by_id(user_id).role


def as_user(services: Services, made: ProvisionedUser) -> User:
    return services.accounts.by_id(made.id)


def test_a_person_is_created_with_a_canonical_name_no_password_and_the_default_role(
    services: Services, directory: Caller
) -> None:
    made = services.scim.users.add(Person("Berta@Example.com", "e-1", "Berta@Example.com", "Berta", "Blau"), directory)

    user = as_user(services, made)
    assert (user.username, user.email, user.role) == ("berta@example.com", "Berta@Example.com", Role.VIEWER)
    assert services.scim.users.find(made.id) == made
    assert user.is_active


def test_who_is_disabled_is_refused_with_all_tokens_and_enabled_again_as_before(
    services: Services, directory: Caller
) -> None:
    """Fails when ``_decided`` leaves out ``is_active``."""
    made = services.scim.users.add(Person("berta"), directory)
    access = mint(services, issue(services, as_user(services, made)))

    change(services, directory, made.id, is_active=False)
    assert not works(services, access)
    assert change(services, directory, made.id, is_active=True).person.is_active
    assert works(services, access)


def test_who_an_administrator_disabled_stays_disabled_whatever_the_directory_says(
    services: Services, directory: Caller
) -> None:
    """Fails when ``_decided`` does not look at ``left_at``."""
    made = services.scim.users.add(Person("berta"), directory)
    factories.disable(services, "berta")

    assert not change(services, directory, made.id, title="Buyer", is_active=True).person.is_active
    change(services, directory, made.id, is_active=False)
    assert not change(services, directory, made.id, is_active=True).person.is_active

    factories.enable(services, "berta")
    change(services, directory, made.id, is_active=False)
    factories.enable(services, "berta")
    factories.disable(services, "berta")
    assert not change(services, directory, made.id, is_active=True).person.is_active


def test_who_is_removed_is_disabled_and_gone_for_directories_and_found_when_the_same_person_returns(
    services: Services, directory: Caller
) -> None:
    made = services.scim.users.add(Person("berta", "e-1"), directory)
    access = mint(services, issue(services, as_user(services, made)))
    group = services.scim.groups.add(Group("Buyers", None, frozenset({made.id})), directory)

    remove(services, directory, made.id)
    assert not works(services, access) and not as_user(services, made).is_active
    with pytest.raises(NotFound):
        services.scim.users.find(made.id)
    assert services.scim.users.search(Equals(Attribute.USERNAME, "berta"), 1, 10).total == 0
    assert services.scim.groups.find(group.id, with_members=True).group.members == frozenset()

    again = services.scim.users.add(Person("berta.blau", "e-1"), directory)
    assert (again.id, again.person.username) == (made.id, "berta.blau")
    assert works(services, access)


def test_somebody_else_who_gets_the_name_of_who_left_gets_neither_account_nor_tokens(
    services: Services, directory: Caller
) -> None:
    """Fails when ``_returning`` does not compare the external ids."""
    made = services.scim.users.add(Person("berta", "e-1"), directory)
    remove(services, directory, made.id)

    for external_id in ("e-2", None):
        with pytest.raises(Conflict) as refused:
            services.scim.users.add(Person("berta", external_id), directory)
        assert refused.value.is_taken
    assert not as_user(services, made).is_active


def test_a_directory_neither_sees_nor_takes_local_users_and_service_accounts(
    services: Services, directory: Caller
) -> None:
    anna = make_user(services, "anna", email="anna@example.com")
    account = factories.make_service_account(services, anna, username="svc-etl")

    for user in (anna, account):
        with pytest.raises(NotFound):
            services.scim.users.find(user.id)
        with pytest.raises(NotFound):
            change(services, directory, user.id, is_active=False)
        with pytest.raises(NotFound):
            remove(services, directory, user.id)
        with pytest.raises(Conflict) as refused:
            services.scim.users.add(Person(user.username), directory)
        assert refused.value.is_taken
        with pytest.raises(BadRequest):
            services.scim.groups.add(Group("Buyers", None, frozenset({user.id})), directory)
    made = services.scim.users.add(Person("berta"), directory)
    with pytest.raises(Conflict):
        change(services, directory, made.id, username="anna")


def test_a_local_user_who_is_adopted_is_found_and_changed_and_one_who_is_released_is_not(
    services: Services, directory: Caller
) -> None:
    anna = make_user(services, "anna", Role.STEWARD)
    services.scim.adoption.adopt("anna", OPERATOR)

    found = services.scim.users.search(Equals(Attribute.USERNAME, "anna"), 1, 10)
    assert [each.id for each in found.items] == [anna.id]
    change(services, directory, anna.id, external_id="e-1", is_active=False)
    assert not services.accounts.by_id(anna.id).is_active
    assert role_of(services, anna.id) is Role.STEWARD

    services.scim.adoption.release("anna", OPERATOR)
    with pytest.raises(NotFound):
        services.scim.users.find(anna.id)
    account = factories.make_service_account(services, make_user(services), username="svc-etl")
    with pytest.raises(BadRequest):
        services.scim.adoption.adopt(account.id, OPERATOR)


def test_only_administrators_with_a_fresh_password_and_commands_decide_about_tokens_groups_and_adoption(
    services: Services, directory: Caller
) -> None:
    """A directory's own token is enough for none of it: it creates no credential, and gives no right."""
    admin, anna = make_user(services, role=Role.SERVER_ADMIN), make_user(services, "anna")
    acts: tuple[Any, ...] = (
        lambda caller: services.scim.tokens.create("second", None, caller),
        lambda caller: services.scim.tokens.revoke(services.scim.tokens.list()[0].public_id, caller),
        lambda caller: services.scim.roles.map("Buyers", Role.STEWARD, caller),
        lambda caller: services.scim.roles.unmap("Buyers", caller),
        lambda caller: services.scim.adoption.adopt("anna", caller),
        lambda caller: services.scim.adoption.release("anna", caller),
    )
    for act in acts:
        for caller in (directory, signed_in(anna), signed_in(admin, is_fresh=False)):
            with pytest.raises(NotPermitted):
                act(caller)
    for act in acts:
        act(signed_in(admin))
    with pytest.raises(NotPermitted):
        services.scim.users.add(Person("berta"), signed_in(admin))


def test_the_last_enabled_administrator_is_neither_disabled_nor_made_less(
    services: Services, directory: Caller
) -> None:
    """Fails when ``change`` does not look, or ``settle`` forgets who is left (tried with both)."""
    made = services.scim.users.add(Person("berta"), directory)
    group = services.scim.groups.add(Group("Admins", None, frozenset({made.id})), directory)
    services.scim.roles.map("admins", Role.SERVER_ADMIN, OPERATOR)
    for user in services.accounts.every():
        if user.is_administrator and user.id != made.id:
            factories.disable(services, user.username)

    with pytest.raises(Conflict):
        change(services, directory, made.id, is_active=False)
    with pytest.raises(Conflict):
        remove(services, directory, made.id)
    services.scim.groups.change(group.id, lambda group: replace(group.group, members=frozenset()), directory)
    assert role_of(services, made.id) is Role.SERVER_ADMIN


def test_groups_leave_an_administrator_who_signs_in_with_a_password(services: Services, directory: Caller) -> None:
    """One whom a directory made has none: while the provider is away, nobody could administer."""
    made = services.scim.users.add(Person("berta"), directory)
    services.scim.groups.add(Group("Admins", None, frozenset({made.id})), directory)
    services.scim.roles.map("Admins", Role.SERVER_ADMIN, OPERATOR)
    make_user(services, "root", Role.SERVER_ADMIN, PASSWORD)
    local = services.scim.adoption.adopt("root", OPERATOR)
    readers = services.scim.groups.add(Group("Readers", None, frozenset({local.id})), directory)
    assert role_of(services, local.id) is Role.SERVER_ADMIN
    (kept,) = [each for each in services.audit_list.events().items if each.action == ROLE_KEPT]
    assert (kept.object_id, kept.detail["because"]) == ("root", LAST_WITH_A_PASSWORD)

    make_user(services, "second", Role.SERVER_ADMIN, PASSWORD)
    services.scim.groups.change(readers.id, lambda group: replace(group.group, members=frozenset()), directory)
    assert role_of(services, local.id) is Role.VIEWER


def test_a_person_has_the_strongest_role_of_their_groups_at_once_up_and_down(
    services: Services, directory: Caller
) -> None:
    one, other = (services.scim.users.add(Person(name), directory).id for name in ("berta", "carl"))
    both = frozenset({one, other})
    buyers = services.scim.groups.add(Group("Buyers", "g-1", both), directory)
    stewards = services.scim.groups.add(Group("Stewards", "g-2", frozenset({one})), directory)
    assert {role_of(services, each) for each in both} == {Role.VIEWER}

    assert services.scim.roles.map("BUYERS", Role.COMPOSER, OPERATOR) == 2
    assert services.scim.roles.map("Stewards", Role.STEWARD, OPERATOR) == 1
    assert [role_of(services, each) for each in (one, other)] == [Role.STEWARD, Role.COMPOSER]
    services.scim.groups.change(stewards.id, lambda group: replace(group.group, members=both), directory)
    assert role_of(services, other) is Role.STEWARD
    services.scim.groups.change(stewards.id, lambda group: replace(group.group, name="Former stewards"), directory)
    assert [role_of(services, each) for each in (one, other)] == [Role.COMPOSER, Role.COMPOSER]
    services.scim.groups.remove(buyers.id, lambda group: None, directory)
    assert [role_of(services, each) for each in (one, other)] == [Role.VIEWER, Role.VIEWER]


def test_without_any_mapped_group_roles_are_the_administrators_business(services: Services, directory: Caller) -> None:
    made = services.scim.users.add(Person("berta"), directory)
    factories.set_role(services, "berta", Role.STEWARD)
    services.scim.groups.add(Group("Buyers", None, frozenset({made.id})), directory)
    assert role_of(services, made.id) is Role.STEWARD

    services.scim.roles.map("Buyers", Role.COMPOSER, OPERATOR)
    assert services.scim.roles.unmap("buyers", OPERATOR) == 1
    assert role_of(services, made.id) is Role.VIEWER
    with pytest.raises(BadRequest):
        services.scim.roles.map("Buyers", Role.INTROSPECTOR, OPERATOR)


def test_groups_of_one_name_in_whatever_case_are_one(services: Services, directory: Caller) -> None:
    services.scim.groups.add(Group("Buyers"), directory)
    for name in ("Buyers", "BUYERS", " buyers "):
        with pytest.raises(Conflict) as refused:
            services.scim.groups.add(Group(name), directory)
        assert refused.value.is_taken


def test_users_are_found_by_what_directories_know(services: Services, directory: Caller) -> None:
    berta = services.scim.users.add(Person("berta", "e-1", "Berta@Example.com"), directory)
    carl = services.scim.users.add(Person("carl", "E-1", is_active=False), directory)

    def found(condition: Any) -> list[int]:
        return [each.id for each in services.scim.users.search(condition, 1, 10).items]

    assert found(Equals(Attribute.EXTERNAL_ID, "e-1")) == [berta.id]
    assert found(Equals(Attribute.EMAIL, "berta@example.com")) == [berta.id]
    assert found(Equals(Attribute.IS_ACTIVE, False)) == [carl.id]
    assert found(Equals(Attribute.ID, carl.id)) == [carl.id]
    assert found(Equals(Attribute.USERNAME, None)) == []
    both = (Equals(Attribute.USERNAME, "berta"), Equals(Attribute.USERNAME, "carl"))
    assert found(Either(both)) == [berta.id, carl.id]
    assert found(Every(both)) == []
    page = services.scim.users.search(None, 2, 1)
    assert ([each.id for each in page.items], page.total, page.start) == ([carl.id], 2, 2)


def test_every_act_of_a_directory_and_about_it_is_in_the_audit_log_with_the_credential(
    services: Services, directory: Caller
) -> None:
    admin = signed_in(make_user(services, "clara", Role.SERVER_ADMIN))
    make_user(services, "anna")
    made = services.scim.users.add(Person("berta"), directory)
    group = services.scim.groups.add(Group("Buyers", None, frozenset({made.id})), directory)
    services.scim.roles.map("Buyers", Role.COMPOSER, admin)
    services.scim.groups.change(group.id, lambda group: replace(group.group, members=frozenset()), directory)
    change(services, directory, made.id, is_active=False, title="Buyer")
    remove(services, directory, made.id)
    services.scim.groups.remove(group.id, lambda group: None, directory)
    services.scim.roles.unmap("Buyers", admin)
    services.scim.adoption.adopt("anna", admin)
    services.scim.adoption.release("anna", admin)
    services.scim.tokens.revoke(services.scim.tokens.list()[0].public_id, admin)

    by_directory = ("scim:directory", str(directory.credential))
    by_admin = ("clara", str(admin.credential))
    events = [each for each in services.audit_list.events().items if each.actor in ("scim:directory", "clara")]
    assert [(each.action, each.object_id, (each.actor, each.credential)) for each in reversed(events)] == [
        ("user.provisioned", "berta", by_directory),
        ("scim_group.created", "Buyers", by_directory),
        ("scim_group.mapped", "Buyers", by_admin),
        ("user.role_changed", "berta", by_admin),
        ("scim_group.changed", "Buyers", by_directory),
        ("user.role_changed", "berta", by_directory),
        ("user.edited", "berta", by_directory),
        ("user.disabled", "berta", by_directory),
        ("user.deprovisioned", "berta", by_directory),
        ("scim_group.deleted", "Buyers", by_directory),
        ("scim_group.unmapped", "Buyers", by_admin),
        ("user.handed_to_scim", "anna", by_admin),
        ("user.taken_from_scim", "anna", by_admin),
        ("scim_token.revoked", events[0].object_id, by_admin),
    ]
