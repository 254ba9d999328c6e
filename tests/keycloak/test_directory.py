"""People of an LDAP directory, who sign in through Keycloak as ``docs/ldap.md`` says."""

from playwright.sync_api import expect

from app.domain.identity import Role
from tests.keycloak.conftest import Instance, Visit
from tests.keycloak.people import Visitor
from tests.keycloak.slapd import Slapd

LABEL = "Directory"

REFUSED = "Invalid username or password."


def _is_refused(person: Visitor) -> None:
    assert not person.is_here
    expect(person.page.get_by_text(REFUSED)).to_be_visible()


def test_a_person_of_the_directory_signs_in_with_its_password_and_has_the_role_of_their_group(
    directory: Slapd, instance: Instance, visit: Visit
) -> None:
    anna = visit(LABEL)
    anna.arrive("ldap-anna")
    created = instance.user("ldap-anna")
    assert (created.email, created.last_name, created.role) == ("ldap-anna@example.com", "Example", Role.STEWARD)
    directory.move("ldap-anna", "stewards", "viewers")
    directory.set("ldap-anna", "sn", "Sample")
    anna.sign_out()
    anna.arrive("ldap-anna")
    found = instance.user("ldap-anna")
    assert (found.id, found.last_name, found.role) == (created.id, "Sample", Role.VIEWER)


def test_who_leaves_can_sign_in_no_more_and_who_comes_back_has_the_same_account(
    directory: Slapd, instance: Instance, visit: Visit
) -> None:
    berta = visit(LABEL)
    berta.arrive("ldap-berta")
    account = instance.user("ldap-berta").id
    directory.set("ldap-berta", "employeeType", "left")
    again = visit(LABEL)
    again.arrive("ldap-berta")
    _is_refused(again)
    berta.context.clear_cookies(name="daypass")
    berta.page.goto("/login")
    berta.continue_()
    assert not berta.is_here, "nor within the session that Keycloak has of them"
    directory.set("ldap-berta", "employeeType", "staff")
    again.arrive("ldap-berta")
    assert again.is_here and instance.user("ldap-berta").id == account


def test_a_locked_password_is_refused_but_keycloaks_own_session_goes_on(
    directory: Slapd, instance: Instance, visit: Visit
) -> None:
    """As `docs/ldap.md` warns."""
    carl = visit(LABEL)
    carl.arrive("ldap-carl")
    directory.lock("ldap-carl")
    elsewhere = visit(LABEL)
    elsewhere.arrive("ldap-carl")
    _is_refused(elsewhere)
    carl.context.clear_cookies(name="daypass")
    carl.page.goto("/login")
    carl.continue_()
    assert carl.is_here, "Keycloak did not ask the directory"
    instance.past.forget_passwords("ldap-carl")
    carl.page.goto("/account/auth")
    carl.page.get_by_role("link", name="Create Refresh Token").first.click()
    carl.page.get_by_label("Name", exact=True).fill("nightly-etl")
    carl.click("Create Refresh Token")
    carl.continue_()
    carl.enter_password()
    _is_refused(carl)
    assert not instance.has_token("ldap-carl", "nightly-etl")
