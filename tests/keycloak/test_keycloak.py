"""People who sign in with a real Keycloak, set up as ``docs/keycloak.md`` says, through Chromium."""

import re

import requests
from playwright.sync_api import expect

from app.domain.identity import Role
from tests.drivers.alation import Alation
from tests.factories import PASSWORD
from tests.keycloak.conftest import Instance, Visit
from tests.keycloak.people import Visitor
from tests.keycloak.server import Keycloak

REALM = "staff"


def test_the_first_sign_in_creates_an_account_and_the_second_finds_it_and_follows(
    staff: Keycloak, instance: Instance, visit: Visit
) -> None:
    anna = visit()
    anna.arrive("anna", at="/login?next=/account/profile")
    assert anna.page.url == f"{instance.server.url}/account/profile", "where the person wanted to go"
    created = instance.user("anna")
    assert (created.email, created.last_name, created.role) == ("anna@example.com", "Example", Role.VIEWER)
    anna.sign_out()

    staff.update_user(REALM, "anna", lastName="Sample", email="sample@example.com")
    anna.arrive("anna")
    found = instance.user("anna")
    assert (found.id, found.email, found.last_name) == (created.id, "sample@example.com", "Sample")


def test_whoever_is_signed_in_to_keycloak_is_not_asked_again_until_they_sign_out_there_too(
    staff: Keycloak, visit: Visit
) -> None:
    anna = visit()
    anna.arrive("anna")
    anna.context.clear_cookies(name=re.compile("daypass"))
    anna.page.goto("/login")
    anna.continue_()
    assert anna.is_here, "Keycloak knew the browser"
    anna.sign_out()
    anna.continue_()
    expect(anna.asks_for_password).to_be_visible()


def test_a_role_follows_the_claim_up_and_down(staff: Keycloak, instance: Instance, visit: Visit) -> None:
    berta = visit()
    for role, is_administrator in (("viewer", False), ("administrator", True), ("viewer", False)):
        staff.set_role(REALM, "berta", role)
        berta.arrive("berta")
        answer = berta.page.goto("/admin")
        assert answer is not None and (answer.status == 200) == is_administrator, role
        assert (instance.user("berta").role is Role.SERVER_ADMIN) == is_administrator
        berta.sign_out()


def _creates_a_token_after_a_new_sign_in(person: Visitor, username: str, instance: Instance) -> str:
    """Its secret."""
    person.arrive(username, at="/login?next=/account/auth")
    instance.past.forget_passwords(username)
    person.page.get_by_role("link", name="Create Refresh Token").first.click()
    person.page.get_by_label("Name", exact=True).fill("nightly-etl")
    person.click("Create Refresh Token")
    expect(person.page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    assert not instance.has_token(username, "nightly-etl")
    person.continue_()
    expect(person.asks_for_password).to_be_visible()  # though Keycloak knows the browser
    person.enter_password()
    expect(person.page.get_by_label("Name", exact=True)).to_have_value("nightly-etl")
    person.click("Create Refresh Token")
    return person.shown_secret()


def test_creating_a_token_asks_for_a_new_sign_in_at_keycloak(staff: Keycloak, instance: Instance, visit: Visit) -> None:
    script = Alation(instance.server.url, requests.Session())
    secret = _creates_a_token_after_a_new_sign_in(visit(), "clara", instance)
    assert script.mint(secret, instance.user("clara").id).status_code == 201


def test_without_javascript_people_sign_in_prove_it_anew_and_sign_out(
    staff: Keycloak, instance: Instance, visit: Visit
) -> None:
    carl = visit(java_script_enabled=False)
    _creates_a_token_after_a_new_sign_in(carl, "carl", instance)
    carl.sign_out()
    carl.continue_()
    expect(carl.asks_for_password).to_be_visible()


def test_a_logout_at_keycloak_ends_the_sessions_at_once(staff: Keycloak, instance: Instance, visit: Visit) -> None:
    anna, elsewhere, berta = visit(), visit(), visit()
    anna.arrive("anna")
    elsewhere.arrive("anna")
    berta.arrive("berta")
    staff.end_sessions(REALM, "anna")
    for person, is_signed_in in ((anna, False), (elsewhere, False), (berta, True)):
        person.page.goto("/account/auth")
        assert ("/login" in person.page.url) != is_signed_in
    events = instance.server.json("audit", "list", "--action", "sessions.ended_by_provider")
    assert {event["object_id"] for event in events} == {"anna"}


def test_who_is_disabled_in_keycloak_cannot_sign_in_but_their_session_goes_on(staff: Keycloak, visit: Visit) -> None:
    """As the page says: Keycloak tells nobody."""
    before, after = visit(), visit()
    before.arrive("clara")
    staff.update_user(REALM, "clara", enabled=False)
    after.arrive("clara")
    assert not after.is_here
    expect(after.page.get_by_text("Account is disabled")).to_be_visible()
    before.page.goto("/account/profile")
    assert before.page.url.endswith("/account/profile")
    staff.update_user(REALM, "clara", enabled=True)


def test_the_administrator_of_daypass_itself_signs_in_by_password(staff: Keycloak, visit: Visit) -> None:
    admin = visit()
    admin.sign_in("admin", PASSWORD)
    answer = admin.page.goto("/admin")
    assert answer is not None and answer.status == 200
