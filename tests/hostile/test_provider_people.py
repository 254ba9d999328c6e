"""A provider that says strange things of a person: nobody gets another's account or more rights."""

from typing import Any

import pytest
from sqlalchemy import update

from app.domain.identity import Role
from app.domain.sessions import WebSession
from app.services.linking import named_person
from app.storage.tables import UserRow
from tests.contract.asking_scim import Directory, body, new_token, user
from tests.drivers.pages import words
from tests.factories import OPERATOR, PASSWORD, configure, disable, make_user, set_role
from tests.hostile.provided import MARK, SCRIPT, Provided, Visitor, assert_refused

DEEP: Any = MARK
for _ in range(200):
    DEEP = {"groups": [DEEP]}

CLAIMS: dict[str, dict[str, Any]] = {
    "roles within roles": {"groups": ["admins", {"groups": ["admins"]}]},
    "roles of an object": {"groups": {"admins": True}},
    "roles without end": {"groups": DEEP},
    "a role that is a number": {"groups": 7},
    "a list of roles of 1 MB": {"groups": ["admins", *[MARK * 25] * 10_000]},
    "a list of 5,000 roles": {"groups": ["admins", *[MARK] * 5_000]},
    "a user name with a line end": {"preferred_username": f"{MARK}\r\nadmin"},
    "a user name that runs backwards": {"preferred_username": f"{MARK}\u202enimda"},
    "a user name that is a list": {"preferred_username": [MARK]},
    "a first name that runs backwards": {"given_name": f"{MARK}\u202e"},
    "a last name that is an object": {"family_name": {MARK: 1}},
    "an e-mail that is a list": {"email": [f"{MARK}@example.com"]},
    "an e-mail that is none": {"email": f"{MARK}@", "email_verified": True},
    "two e-mails in one": {"email": f"a@example.com,{MARK}@example.com", "email_verified": True},
    "a session with half a character": {"sid": f"{MARK}\ud800"},
    "a session with a zero byte": {"sid": f"{MARK}\0"},
    "a session of 10 KB": {"sid": MARK * 2560},
    "a subject with a space at its end": {"sub": f"{MARK} "},
    "a subject with a space at its beginning": {"sub": f" {MARK}"},
    "a sign-in at no time": {"auth_time": MARK},
    "a sign-in before all time": {"auth_time": -1},
}
"""Claims in a form that they may not have."""

NOT_ACTIVE = {"active": False}


@pytest.mark.parametrize("strange", CLAIMS)
def test_claims_of_a_strange_form_sign_nobody_in(provided: Provided, strange: str) -> None:
    person = {"sub": "strange", "preferred_username": "strange", "given_name": "A", "family_name": "B"}
    visitor = provided.visitor(person=person | {"email_verified": True, "email": ""} | CLAIMS[strange])
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)


def person(name: str, **claims: Any) -> dict[str, Any]:
    """Claims about somebody, whose `sub` is their name. With all that an ID token can have: no user info is asked."""
    complete = {"given_name": "A", "family_name": "B", "email": "", "email_verified": False, "groups": []}
    return {"sub": f"sub-of-{name}", "preferred_username": name} | complete | claims


def session_of(provided: Provided, visitor: Visitor) -> WebSession:
    found = provided.services.sessions.find(visitor.cookie)
    assert found is not None
    return found


def name_of(provided: Provided, visitor: Visitor) -> str:
    """Of the user who is signed in there."""
    return session_of(provided, visitor).user.username


def is_fresh(provided: Provided, visitor: Visitor) -> bool:
    return provided.services.sessions.is_fresh(session_of(provided, visitor))


# Whose account it is


@pytest.mark.parametrize("is_verified", [True, False])
def test_the_e_mail_of_another_opens_nothing_of_theirs(provided: Provided, is_verified: bool) -> None:
    """◆ Nor does it take their e-mail from them. Fails when an account is found by e-mail."""
    owner = make_user(provided.services, password=PASSWORD, email=f"owner.{is_verified}@example.com")
    claims = {"email": owner.email.upper(), "email_verified": is_verified}
    thief = provided.visitor(person=person(f"thief-{is_verified}", **claims))
    assert thief.sign_in_there().status_code == 303
    assert name_of(provided, thief) == f"thief-{is_verified}".lower()
    mine = Visitor(provided.app, thief.issuer)
    assert mine.sign_in(owner.email).status_code == 303 and name_of(provided, mine) == owner.username


CLAIMED = ["name", "NAME", "email", "former", "admin"]


@pytest.mark.parametrize("claimed", CLAIMED)
def test_the_name_or_e_mail_of_another_as_a_user_name_opens_nothing_of_theirs(provided: Provided, claimed: str) -> None:
    """◆ An e-mail that became a user name would no longer sign its owner in; a former name may stand in scripts."""
    before = make_user(provided.services, f"former-{CLAIMED.index(claimed)}")
    owner = make_user(provided.services, password=PASSWORD, email=f"{before.username}@example.com")
    provided.services.accounts.change(before.id, {"username": f"{before.username}-now"}, OPERATOR)
    names = {"name": owner.username, "NAME": owner.username.upper(), "email": owner.email, "former": before.username}
    text = names.get(claimed, claimed)
    thief = provided.visitor(person=person(f"namesake-{claimed}", preferred_username=text))
    assert thief.sign_in_there().status_code == 303
    assert name_of(provided, thief) == f"{text.lower()}-2"
    mine = Visitor(provided.app, thief.issuer)
    assert mine.sign_in(owner.email).status_code == 303 and name_of(provided, mine) == owner.username


CATCHES = ["another issuer", "not verified", "a second person", "an administrator since"]


@pytest.mark.parametrize("catch", CATCHES)
def test_an_account_named_by_e_mail_waits_for_that_person_alone(provided: Provided, catch: str) -> None:
    """◆ Fails, case by case, when that is not looked at."""
    name, email = catch.replace(" ", "-"), f"{catch.replace(' ', '.')}@example.com"
    owner = make_user(provided.services, f"named-{name}")
    issuer = provided.provider.issuer("other" if catch == "another issuer" else "honest")
    provided.services.linking.link(owner.username, named_person(issuer.url, email=email), OPERATOR)
    if catch == "a second person":
        first = provided.visitor(person=person(f"first-{name}", email=email, email_verified=True))
        assert first.sign_in_there().status_code == 303 and name_of(provided, first) == owner.username
    if catch == "an administrator since":
        set_role(provided.services, owner.username, Role.SERVER_ADMIN)
    thief = provided.visitor(person=person(f"thief-{name}", email=email, email_verified=catch != "not verified"))
    answer = thief.sign_in_there()
    assert answer.status_code == 403 or name_of(provided, thief) != owner.username


def test_a_disabled_person_is_told_so_and_not_signed_in(provided: Provided) -> None:
    visitor = provided.visitor(person=person("leaver"))
    visitor.sign_in_there()
    disable(provided.services, "leaver")
    again = Visitor(provided.app, visitor.issuer)
    with provided.refusing() as reasons:
        assert_refused(again.sign_in_there(), again)
    assert reasons == ["disabled"] and not visitor.is_signed_in()


def test_a_page_repeats_nothing_that_a_browser_would_run(provided: Provided) -> None:
    """Who has no account reads how the provider calls them, for the administrator whom they ask."""
    visitor = provided.visitor(person=person("nobody") | {"sub": SCRIPT})
    configure(provided.services, oidc_create_users="off")
    try:
        answer = visitor.sign_in_there()
    finally:
        configure(provided.services, oidc_create_users="on")
    assert answer.status_code == 403
    shown = answer.get_data(as_text=True)
    assert SCRIPT not in shown and "&lt;script&gt;" in shown


WAYS = [
    "//example.com",
    "/\\example.com",
    "https://example.com/",
    "javascript:alert(1)",
    "/logout",
    "/account/\r\nX: y",
]


@pytest.mark.parametrize("way", WAYS)
def test_the_way_on_leads_to_no_other_host(provided: Provided, way: str) -> None:
    visitor = provided.visitor(person=person("wanderer"))
    assert visitor.sign_in_there(next=way).headers["Location"] == "/account/auth"


@pytest.mark.parametrize("by", ["PATCH", "DELETE"])
def test_whom_their_directory_took_away_before_the_first_sign_in_gets_no_account(provided: Provided, by: str) -> None:
    """◆ Nor a second one beside. Fails when those who are disabled are not looked for."""
    directory, name = Directory(provided.app.test_client(), new_token(provided.services)), f"early-{by.lower()}"
    path = f"/Users/{body(directory.post('/Users', user(name, externalId=f'sub-of-{name}')))['id']}"
    left = directory.delete(path) if by == "DELETE" else directory.patch(path, {"op": "replace", "value": NOT_ACTIVE})
    assert left.status_code in (200, 204)
    visitor = provided.visitor(person=person(name))
    with provided.refusing() as reasons:
        assert_refused(visitor.sign_in_there(), visitor)
    assert reasons == ["disabled"]


# Roles


def role_of(provided: Provided, groups: list[str]) -> Role:
    """Of the boss, after a sign-in at the provider, which says that they are in these groups."""
    visitor = provided.visitor(person=person("boss", groups=groups))
    assert visitor.sign_in_there().status_code == 303
    return session_of(provided, visitor).user.role


def test_no_provider_makes_the_first_administrator_or_unmakes_the_last(provided: Provided) -> None:
    """◆ Fails when the claim alone decides."""
    with provided.database.transaction() as session:
        session.execute(update(UserRow).values(role=Role.VIEWER))
    assert role_of(provided, ["admins"]) is Role.VIEWER
    local = make_user(provided.services, role=Role.SERVER_ADMIN, password=PASSWORD)
    assert role_of(provided, ["admins"]) is Role.SERVER_ADMIN
    set_role(provided.services, local.username, Role.VIEWER)
    assert role_of(provided, []) is Role.SERVER_ADMIN
    assert role_of(provided, ["stewards"]) is Role.SERVER_ADMIN
    set_role(provided.services, local.username, Role.SERVER_ADMIN)
    assert role_of(provided, ["stewards"]) is Role.STEWARD
    assert role_of(provided, ["Admins", "ADMINS", "admins ", MARK]) is Role.VIEWER


# Fresh proof


STALE: dict[str, dict[str, Any]] = {
    "long ago": {"signed_in": 3600, "ignores_fresh": True},
    "at no time": {"claims": {"auth_time": None}},
    "next year": {"claims": {"auth_time": {"in": 365 * 24 * 3600}}},
    "in an hour": {"claims": {"auth_time": {"in": 3600}}},
}
"""When the person signed in at the provider, as it says."""


@pytest.mark.parametrize("stale", STALE)
def test_a_proof_that_is_not_fresh_confirms_nothing(provided: Provided, stale: str) -> None:
    """◆ At a sign-in and at a new one for a form, a time that is still to come included."""
    visitor = provided.visitor(person=person("slow"), **STALE[stale])
    assert visitor.sign_in_there().status_code == 303
    assert not is_fresh(provided, visitor)
    with provided.refusing() as reasons:
        answer = visitor.sign_in_there(proof="1")
    assert answer.status_code == 403 and reasons == ["not_fresh"]
    assert visitor.is_signed_in() and not is_fresh(provided, visitor)
    visitor.get("/account/auth/refresh-tokens")
    assert "Confirm that it is you" in words(visitor.post("/account/auth/refresh-tokens", {"name": "nightly-etl"}))
    visitor.issuer.reset().behave(person=person("slow"))
    assert visitor.sign_in_there(proof="1").status_code == 303 and is_fresh(provided, visitor)


def test_a_proof_of_another_person_confirms_nothing(provided: Provided) -> None:
    """◆ Known here or not: no session, no account. Fails when any answer to a new sign-in counts."""
    colleague = provided.visitor(person=person("colleague"))
    colleague.sign_in_there()
    visitor = provided.visitor(person=person("holder"), signed_in=3600)
    visitor.sign_in_there()
    for name in ("colleague", "stranger"):
        visitor.issuer.behave(person=person(name), signed_in=0)
        with provided.refusing() as reasons:
            assert visitor.sign_in_there(proof="1").status_code == 403
        assert reasons == ["another_person"]
        assert name_of(provided, visitor) == "holder" and not is_fresh(provided, visitor)


def test_a_proof_counts_for_the_session_that_asked(provided: Provided) -> None:
    """Its return opened in another session of the same person proves nothing there."""
    asking = provided.visitor(person=person("twice"), signed_in=3600)
    asking.sign_in_there()
    returned = asking.issuer.come_back(asking.leave(proof="1"))
    assert asking.is_signed_in()  # and gives the form token
    asking.post("/logout")
    asking.sign_in_there()
    with provided.refusing():
        assert asking.follow(returned).status_code == 403
    assert not is_fresh(provided, asking)
