"""Whose account a person of a provider is, what it takes from the provider, and what a provider can't do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.clock import system_clock
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import NotPermitted, SessionEnded, SignInRefused
from app.domain.identity import Caller, Role, User
from app.domain.provisioned import Person
from app.domain.sessions import FRESH
from app.domain.sign_ins import ProvidedPerson, SignInMethod
from app.services import Services
from app.services.following_providers import NO_ADMINISTRATOR
from app.services.last_administrators import LAST_ADMINISTRATOR, LAST_WITH_A_PASSWORD
from app.services.linking import named_person
from app.storage.database import Database
from app.storage.tables import IdentityRow, SessionRow, UserRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    ISSUER,
    OPERATOR,
    PASSWORD,
    configure,
    disable,
    enable,
    make_user,
    person,
    set_role,
    sign_in_by_provider,
    signed_in,
)
from tests.unit.services.verdicts import DAY, MINUTE, MovedClock

pytestmark = pytest.mark.both_databases

ADMINISTRATOR, STEWARD = Role.SERVER_ADMIN, Role.STEWARD
VISITOR = Caller("", address="192.0.2.10")
OTHER_ISSUER = "https://other.example.com"


@pytest.fixture(autouse=True)
def creating(services: Services) -> None:
    """Who signs in for the first time gets an account."""
    configure(services, oidc_create_users="on")


@pytest.fixture
def root(services: Services) -> User:
    """The local administrator."""
    return make_user(services, "local-root", ADMINISTRATOR, PASSWORD)


def sign_in(services: Services, known: ProvidedPerson) -> User:
    return sign_in_by_provider(services, known).user


def why_refused(act: Callable[[], object]) -> str | None:
    try:
        act()
    except SignInRefused as refusal:
        return refusal.why
    return None


def with_role(role: Role | None, subject: str = "anna-at-the-provider", **says: str) -> ProvidedPerson:
    return person(subject, role=role, maps_roles=True, **says)


def events(services: Services, *actions: str) -> list[dict[str, object]]:
    """The details of those events, oldest first."""
    found = services.audit_list.events().items
    return [event.detail for event in reversed(found) if event.action in actions]


def test_a_person_is_found_again_by_issuer_and_subject_whatever_else_the_provider_says(services: Services) -> None:
    first = sign_in_by_provider(services, person(email="anna@example.com", first_name="Anna"))
    assert (first.user.username, first.user.email, first.user.role) == ("anna", "anna@example.com", Role.VIEWER)
    assert (first.method, services.sessions.is_fresh(first)) == (SignInMethod.PROVIDER, True)
    again = sign_in(services, person(username="renamed", email="a.smith@example.com", first_name="A.", last_name="S."))
    assert (again.id, again.username, again.email) == (first.user.id, "anna", "a.smith@example.com")
    assert (again.first_name, again.last_name) == ("A.", "S.")
    assert sign_in(services, person()).email == "a.smith@example.com"  # which says no e-mail


def test_the_same_subject_at_another_issuer_and_the_same_e_mail_are_other_people(services: Services) -> None:
    """Fails when accounts are found by subject or e-mail alone."""
    local = make_user(services, "berta", password=PASSWORD, email="anna@example.com")
    first = sign_in(services, person(email="anna@example.com"))
    other = sign_in(services, person(issuer=OTHER_ISSUER, email="anna@example.com"))
    assert len({local.id, first.id, other.id}) == 3
    assert (first.username, other.username) == ("anna", "anna-2")
    assert (first.email, other.email) == ("", "")  # an address of two would sign in neither
    assert services.accounts.authenticate("anna@example.com", PASSWORD, VISITOR).user.id == local.id


def test_a_new_name_is_nobodys_name_former_name_or_e_mail(services: Services) -> None:
    make_user(services, "anna")
    services.accounts.change("anna", {"username": "annette"}, OPERATOR)
    make_user(services, "anna-2")
    make_user(services, "berta", email="carl@example.com")
    assert sign_in(services, person()).username == "anna-3"
    assert sign_in(services, person("carl", username="Carl@Example.com")).username == "carl@example.com-2"
    assert sign_in(services, person("admin", username="admin")).username == "admin-2"


def test_a_name_that_hundreds_have_takes_few_statements(services: Services, database: Database) -> None:
    """Fails when the names are tried a few at a time, however many are taken."""
    with database.transaction() as session:
        names = ("anna", *(f"anna-{number}" for number in range(2, 1_200)))
        session.add_all(UserRow(username=name, created_at=system_clock()) for name in names)
    read: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT users.username, users.id"):
            read.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    assert sign_in(services, person()).username == "anna-1200"
    event.remove(database.engine, "before_cursor_execute", note)
    assert len(read) == 3  # of 100, 400 and 1,600 names


def test_nobody_gets_an_account_where_the_setting_is_off(services: Services, database: Database) -> None:
    configure(services, oidc_create_users="off")
    before = rows.count(database, UserRow)
    with pytest.raises(SignInRefused) as refused:
        sign_in(services, person())
    assert refused.value.why == "no_account"
    assert "anna-at-the-provider at https://login.example.com" in refused.value.what
    assert (rows.count(database, UserRow), rows.count(database, IdentityRow)) == (before, 0)


def test_first_sign_ins_at_once_make_one_account(services: Services, database: Database) -> None:
    """◆ Of one person, and of others who would like the same name."""
    same = [partial(sign_in, services, person()) for _ in range(6)]
    others = [partial(sign_in, services, person(f"other-{number}")) for number in range(4)]
    found = all_at_once([*same, *others])
    assert len({user.id for user in found[:6]}) == 1
    assert {user.username for user in found} == {"anna", "anna-2", "anna-3", "anna-4", "anna-5"}
    assert rows.count(database, IdentityRow) == 5
    assert len(events(services, "user.created")) == 5


def test_a_crowd_with_one_name_gets_accounts_at_once(services: Services) -> None:
    """◆ Such as people whose names leave nothing of a user name. Fails when who loses a name too often is refused."""
    crowd = [partial(sign_in, services, person(f"of-the-crowd-{number}")) for number in range(15)]
    found = {user.username for user in all_at_once(crowd)}
    assert found == {"anna", *(f"anna-{number}" for number in range(2, 16))}


def test_the_role_follows_the_provider_up_and_down_and_counts_at_once(services: Services, root: User) -> None:
    session = sign_in_by_provider(services, with_role(ADMINISTRATOR))
    known = signed_in(session.user)
    make_user(services, "berta")
    disable(services, "berta", known)
    assert sign_in(services, with_role(STEWARD)).role is STEWARD
    with pytest.raises(NotPermitted):
        enable(services, "berta", known)
    assert sign_in(services, with_role(None)).role is Role.VIEWER
    assert sign_in(services, person(role=ADMINISTRATOR)).role is Role.VIEWER  # where the provider decides no roles
    assert [each["role"] for each in events(services, "user.role_changed")] == ["STEWARD", "VIEWER"]


def test_a_provider_never_makes_the_first_administrator(services: Services) -> None:
    assert sign_in(services, with_role(ADMINISTRATOR)).role is Role.VIEWER
    assert sign_in(services, with_role(ADMINISTRATOR)).role is Role.VIEWER
    assert {each["because"] for each in events(services, "user.role_kept")} == {NO_ADMINISTRATOR}
    make_user(services, "local-root", ADMINISTRATOR, PASSWORD)
    assert sign_in(services, with_role(ADMINISTRATOR)).role is ADMINISTRATOR


def test_the_last_administrator_and_the_last_with_a_password_keep_the_role(services: Services, root: User) -> None:
    """Fails when a provider can leave nobody who administers, or nobody who signs in without it."""
    linked = named_person(ISSUER, "root-at-the-provider")
    services.linking.link(root.id, linked, OPERATOR)
    demoted = with_role(STEWARD, "root-at-the-provider")
    assert sign_in(services, demoted).role is ADMINISTRATOR
    assert sign_in(services, with_role(ADMINISTRATOR)).role is ADMINISTRATOR
    assert sign_in(services, demoted).role is ADMINISTRATOR
    assert [each["because"] for each in events(services, "user.role_kept")] == [
        LAST_ADMINISTRATOR,
        LAST_WITH_A_PASSWORD,
    ]
    make_user(services, "second-root", ADMINISTRATOR, PASSWORD)
    assert sign_in(services, demoted).role is STEWARD


@pytest.mark.parametrize("other_has_password", [False, True])
def test_who_had_been_away_keeps_the_role_as_the_last_administrator_and_the_last_with_a_password(
    services: Services, database: Database, root: User, other_has_password: bool
) -> None:
    """By signing in they are back. Fails when those who had been away count as not being there."""
    services.linking.link(root.id, named_person(ISSUER, "root-at-the-provider"), OPERATOR)
    other = make_user(services, "other-root", ADMINISTRATOR, PASSWORD if other_has_password else None)
    configure(services, sign_in_valid_days="30")
    with database.transaction() as session:
        for each in (root, other) if other_has_password else (root,):
            session.get_one(UserRow, each.id).vouched_at = system_clock() - 31 * DAY
    assert sign_in(services, with_role(STEWARD, "root-at-the-provider")).role is ADMINISTRATOR
    because = LAST_ADMINISTRATOR if other_has_password else LAST_WITH_A_PASSWORD
    assert [each["because"] for each in events(services, "user.role_kept")] == [because]


def test_administrators_who_are_demoted_at_once_leave_one(services: Services, database: Database) -> None:
    """◆ Two, without another: one keeps the role."""
    make_user(services, "first", ADMINISTRATOR)
    people = [with_role(ADMINISTRATOR, f"person-{number}") for number in range(4)]
    for each in people:
        sign_in(services, each)
    set_role(services, "first", STEWARD)
    demote = [partial(sign_in, services, with_role(STEWARD, each.subject)) for each in people]
    roles = [user.role for user in all_at_once(demote)]
    assert sorted(roles) == sorted([ADMINISTRATOR, STEWARD, STEWARD, STEWARD])


def test_who_is_disabled_is_refused_and_who_is_deleted_is_nobody_any_more(services: Services) -> None:
    anna = sign_in(services, person())
    disable(services, "anna")
    assert why_refused(lambda: sign_in(services, person())) == "disabled"
    enable(services, "anna")
    sign_in(services, person())
    services.deleting_users.delete("anna", OPERATOR)
    assert services.linking.of(anna.id).identities == []
    again = sign_in(services, person())
    assert (again.id != anna.id, again.username) == (True, "anna-2")


def test_an_account_that_is_disabled_while_its_person_signs_in_has_no_session_afterwards(
    services: Services, database: Database
) -> None:
    """◆ Whichever comes first."""
    sign_in(services, person())
    for _ in range(5):
        enable(services, "anna")
        arrive = partial(why_refused, partial(services.joining.sign_in, person(), VISITOR, None))
        all_at_once([partial(disable, services, "anna"), arrive, arrive, arrive])
        assert rows.count(database, SessionRow) == 0


def test_a_person_named_by_e_mail_is_joined_once_by_that_issuer_where_it_is_verified(services: Services) -> None:
    """Fails when an e-mail joins that nobody named, of another issuer, or a second time."""
    configure(services, oidc_create_users="off")
    berta = make_user(services, "berta", password=PASSWORD)
    services.linking.link(berta.id, named_person(ISSUER, email="Berta@example.com"), OPERATOR)
    for stranger in (person(), person(email="berta@example.com", issuer=OTHER_ISSUER)):
        assert why_refused(partial(sign_in, services, stranger)) == "no_account"
    disable(services, "berta")
    named = person("berta-at-the-provider", email="berta@example.com")
    assert why_refused(partial(sign_in, services, named)) == "disabled"
    enable(services, "berta")
    assert sign_in(services, named).id == berta.id
    thief = person("somebody-else", email="berta@example.com")
    assert why_refused(partial(sign_in, services, thief)) == "no_account"
    assert sign_in(services, person("berta-at-the-provider")).id == berta.id


def test_only_one_of_those_who_come_at_once_with_the_named_e_mail_is_joined(services: Services) -> None:
    """◆ Fails when the name is used twice."""
    configure(services, oidc_create_users="off")
    berta = make_user(services, "berta")
    services.linking.link(berta.id, named_person(ISSUER, email="berta@example.com"), OPERATOR)
    people = [person(f"person-{number}", email="berta@example.com") for number in range(6)]
    refusals = all_at_once([partial(why_refused, partial(sign_in, services, each)) for each in people])
    assert sorted(refusals, key=str) == sorted([None, *["no_account"] * 5], key=str)
    assert len(services.linking.of(berta.id).identities) == 1


def test_an_e_mail_opens_no_administrators_account_unless_it_was_named_for_one(services: Services, root: User) -> None:
    configure(services, oidc_create_users="off")
    berta = make_user(services, "berta")
    named, her = named_person(ISSUER, email="berta@example.com"), person("berta", email="berta@example.com")
    services.linking.link(berta.id, named, OPERATOR)
    set_role(services, "berta", ADMINISTRATOR)
    assert why_refused(partial(sign_in, services, her)) == "not_named_for_administrator"
    services.linking.link(berta.id, named, OPERATOR)
    assert sign_in(services, her).id == berta.id


def test_who_signed_in_at_the_provider_long_ago_is_not_fresh_here(services: Services) -> None:
    """Fails when a sign-in without `auth_time`, or with one in the future, counts as fresh."""
    now = system_clock()
    for said in (now - FRESH, now + DAY, None):
        session = sign_in_by_provider(services, person(signed_in_at=said))
        assert services.sessions.is_fresh(session) is False, said


def test_a_fresh_proof_is_the_same_persons_new_sign_in(services: Services) -> None:
    session = sign_in_by_provider(services, person(signed_in_at=None))
    prove = partial(services.joining.prove, session, caller=VISITOR)
    sign_in(services, person("carl"))
    assert why_refused(lambda: prove(person("carl"))) == "another_person"
    assert why_refused(lambda: prove(person("nobody"))) == "another_person"
    for said in (system_clock() - FRESH, system_clock() + DAY, None):
        assert why_refused(lambda at=said: prove(person(signed_in_at=at))) == "not_fresh"  # type: ignore[misc]
    renewed = services.sessions.find(prove(person()))
    assert renewed is not None
    assert (renewed.id, services.sessions.is_fresh(renewed)) == (session.id, True)
    with pytest.raises(SessionEnded):
        prove(person())  # the cookie of before is worth nothing


def test_a_proof_writes_what_the_provider_says_and_ends_with_the_account(services: Services, root: User) -> None:
    session = sign_in_by_provider(services, with_role(ADMINISTRATOR))
    proved = services.sessions.find(services.joining.prove(session, with_role(STEWARD), VISITOR))
    assert proved is not None
    assert proved.user.role is STEWARD
    disable(services, "anna")
    with pytest.raises(SessionEnded):
        services.joining.prove(proved, with_role(STEWARD), VISITOR)


def test_a_session_keeps_the_id_token_encrypted_for_the_logout(services: Services, database: Database) -> None:
    session = sign_in_by_provider(services, person(id_token="header.claims.signature", session="sid-1"))
    hint = services.joining.logout_hint(session)
    assert hint is not None
    assert (hint.provider, hint.issuer, hint.id_token) == ("corporate", ISSUER, "header.claims.signature")
    assert "header.claims.signature" not in str(rows.everything(database))
    renewed = services.sessions.find(services.joining.prove(session, person(id_token="second"), VISITOR))
    assert renewed is not None
    hint = services.joining.logout_hint(renewed)
    assert hint is not None
    assert hint.id_token == "second"
    services.linking.unlink("anna", named_person(ISSUER, "anna-at-the-provider"), OPERATOR)
    assert services.joining.logout_hint(renewed) is None


def test_names_that_are_not_accepted_leave_those_of_the_account(services: Services) -> None:
    sign_in(services, person(first_name="Anna", last_name="Smith"))
    again = sign_in(services, person(first_name="An\u202ena", last_name="x" * 200, email="no address"))
    assert (again.first_name, again.last_name, again.email) == ("Anna", "Smith", "")


def test_each_sign_in_vouches_for_the_account(services: Services, database: Database, moved_clock: MovedClock) -> None:
    def vouched_at() -> object:
        with database.reading() as session:
            row = session.get_one(UserRow, anna.id)
            return row.vouched_at

    anna = sign_in(services, person(signed_in_at=None))
    first = moved_clock.now
    assert vouched_at() == first
    moved_clock.advance(MINUTE)
    sign_in(services, person(signed_in_at=None))
    assert vouched_at() == first + MINUTE
    assert services.linking.of(anna.id).identities[0].last_sign_in_at == first + MINUTE


def managed_by_scim(services: Services, name: str, **about: object) -> User:
    """A user whom a directory created."""
    token, _ = services.scim.tokens.create("directory", None, OPERATOR)
    directory = Caller("scim:directory", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id))
    made = services.scim.users.add(Person(name, **about), directory)  # type: ignore[arg-type]
    services.scim.tokens.revoke(token.public_id, OPERATOR)
    return services.accounts.by_id(made.id)


def test_a_person_gets_the_user_whom_the_directory_created_by_the_configured_attribute_once(services: Services) -> None:
    """Fails when ``of_provisioned`` looks at others than those whom SCIM manages, or does not count them."""
    configure(services, oidc_create_users="off")
    berta = managed_by_scim(services, "berta", external_id="e-1", email="Berta@Example.com")
    make_user(services, "anna", email="anna@example.com")

    for pair in (("userName", "anna"), ("emails", "anna@example.com"), ("externalId", "e-2"), None):
        stranger = person("stranger", provisioned=pair)
        assert why_refused(partial(sign_in, services, stranger)) == "no_account", pair
    assert sign_in(services, person("berta-there", provisioned=("externalId", "e-1"))).id == berta.id
    assert sign_in(services, person("berta-there")).id == berta.id
    for pair in (("userName", "BERTA"), ("emails", "berta@example.com"), ("externalId", "e-1")):
        assert why_refused(partial(sign_in, services, person("other", provisioned=pair))) == "no_account", pair

    managed_by_scim(services, "carl", external_id="e-3")
    managed_by_scim(services, "clara", external_id="e-3")
    assert why_refused(partial(sign_in, services, person("both", provisioned=("externalId", "e-3")))) == "no_account"


def test_whom_the_directory_disabled_or_deleted_nobody_gets(services: Services) -> None:
    managed_by_scim(services, "berta", external_id="e-1", is_active=False)
    assert why_refused(partial(sign_in, services, person("berta", provisioned=("externalId", "e-1")))) == "disabled"


def test_a_local_administrator_who_was_handed_to_scim_is_linked_by_hand(services: Services, root: User) -> None:
    services.scim.adoption.adopt(root.id, OPERATOR)
    claimed = person("root", provisioned=("userName", root.username))
    assert why_refused(partial(sign_in, services, claimed)) == "no_account"
