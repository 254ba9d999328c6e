"""Administrators link accounts to persons at providers, and unlink them."""

from functools import partial

import pytest

from app.domain.errors import BadRequest, Conflict, NotFound, NotPermitted, SignInRefused
from app.domain.identity import Role
from app.services import Services
from app.services.linking import NamedPerson, named_person
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    ISSUER,
    OPERATOR,
    issue,
    make_service_account,
    make_user,
    person,
    sign_in_by_provider,
    signed_in,
)
from tests.unit.services.verdicts import refusal_of

pytestmark = pytest.mark.both_databases

ANNA, BY_EMAIL = named_person(ISSUER, "anna-at-the-provider"), named_person(ISSUER, email="Anna@Example.com")


def test_a_linked_person_signs_in_as_the_user_and_an_unlinked_one_no_longer(
    services: Services, database: Database
) -> None:
    """Fails when the sessions that the person began stay."""
    anna = make_user(services, "anna")
    links = services.linking.link("anna", ANNA, OPERATOR)
    assert [(each.subject, each.linked_by, each.provider) for each in links.identities] == [
        ("anna-at-the-provider", OPERATOR.name, "")
    ]
    assert sign_in_by_provider(services, person()).user.id == anna.id
    assert services.linking.of(anna.id).identities[0].provider == "corporate"
    assert services.linking.unlink(anna.id, ANNA, OPERATOR).identities == []
    event = services.audit_list.events(limit=1).items[0]
    assert (event.action, event.object_id, event.detail) == ("user.unlinked", "anna", ANNA.detail)
    assert rows.count(database, SessionRow) == 0
    with pytest.raises(SignInRefused):
        sign_in_by_provider(services, person())


def test_the_audit_log_knows_an_e_mail_again_and_does_not_hold_it(services: Services, database: Database) -> None:
    make_user(services, "anna")
    services.linking.link("anna", BY_EMAIL, OPERATOR)
    services.linking.unlink("anna", BY_EMAIL, OPERATOR)
    unlinked, linked = services.audit_list.events(limit=2).items
    assert (linked.action, unlinked.action) == ("user.linked", "user.unlinked")
    assert linked.detail == unlinked.detail and linked.detail["by"] == "e-mail"
    assert "example.com" not in str(linked.detail["person"])


def test_a_subject_that_looks_random_is_linked_unlinked_and_in_the_audit_log_as_it_is(services: Services) -> None:
    """As many of Entra ID's do. Fails when it is taken for a secret: nobody could unlink the person, nor a restore."""
    subject, anna = "I0aUlJ9k2GjE7pVcQ3nWtXyZbR5sH8dFmK1oLu-T4vAe", make_user(services, "anna")
    services.linking.link("anna", named_person(ISSUER, subject), OPERATOR)
    assert sign_in_by_provider(services, person(subject)).user.id == anna.id
    services.linking.unlink("anna", named_person(ISSUER, subject), OPERATOR)
    events = services.audit_list.events().items
    assert [each.detail["person"] for each in events if each.action in ("user.linked", "user.unlinked")] == [
        subject
    ] * 2


def test_a_token_is_no_subject(services: Services) -> None:
    """It would be stored, and shown to others."""
    secret = issue(services, make_user(services, "anna")).secret
    with pytest.raises(BadRequest):
        named_person(ISSUER, secret)


def test_what_is_so_already_changes_nothing(services: Services, database: Database) -> None:
    make_user(services, "anna")
    for named in (ANNA, BY_EMAIL):
        services.linking.link("anna", named, OPERATOR)
        before = rows.count(database, AuditEventRow)
        services.linking.link("anna", named, OPERATOR)
        assert rows.count(database, AuditEventRow) == before
    with pytest.raises(NotFound):
        services.linking.unlink("anna", named_person(ISSUER, "another"), OPERATOR)


def test_a_person_is_one_users_and_no_service_accounts(services: Services) -> None:
    berta = make_user(services, "berta")
    for named in (ANNA, BY_EMAIL):
        services.linking.link(make_user(services).id, named, OPERATOR)
        assert refusal_of(partial(services.linking.link, "berta", named, OPERATOR)) is Conflict
        assert refusal_of(partial(services.linking.unlink, "berta", named, OPERATOR)) is NotFound
    account = make_service_account(services, berta)
    other = named_person(ISSUER, "other")
    assert refusal_of(partial(services.linking.link, account.id, other, OPERATOR)) is Conflict
    services.deleting_users.delete(account.id, OPERATOR)
    assert refusal_of(partial(services.linking.link, account.id, other, OPERATOR)) is Conflict
    assert refusal_of(partial(services.linking.link, "nobody", other, OPERATOR)) is NotFound


@pytest.mark.parametrize("named", [ANNA, BY_EMAIL], ids=["subject", "email"])
def test_of_users_who_are_linked_to_one_person_at_once_one_is(services: Services, named: NamedPerson) -> None:
    """◆ Fails when the refusal is an error of the database."""
    users = [make_user(services) for _ in range(6)]
    link = [partial(services.linking.link, each.id, named, OPERATOR) for each in users]
    refusals = all_at_once([partial(refusal_of, each) for each in link])
    assert sorted(map(str, refusals)) == sorted(map(str, [None, *[Conflict] * 5]))


def test_only_administrators_with_a_fresh_proof_link_and_any_session_of_one_unlinks(services: Services) -> None:
    anna, root = make_user(services, "anna"), make_user(services, "root-1", Role.SERVER_ADMIN)
    for caller in (signed_in(anna), signed_in(root, is_fresh=False)):
        assert refusal_of(partial(services.linking.link, "anna", ANNA, caller)) is NotPermitted
    services.linking.link("anna", ANNA, signed_in(root))
    assert refusal_of(partial(services.linking.unlink, "anna", ANNA, signed_in(anna))) is NotPermitted
    services.linking.unlink("anna", ANNA, signed_in(root))


@pytest.mark.parametrize(
    "named",
    [
        ("login.example.com", "anna", ""),
        ("https://login.example.com/ x", "anna", ""),
        (ISSUER, "", ""),
        (ISSUER, "anna", "anna@example.com"),
        (ISSUER, "a" * 256, ""),
        (ISSUER, "änna", ""),
        (ISSUER, "", "no address"),
    ],
)
def test_what_no_provider_says_can_not_be_named(named: tuple[str, str, str]) -> None:
    with pytest.raises(BadRequest):
        named_person(*named)
