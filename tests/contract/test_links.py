"""Who at which provider signs in as a user, as the API and the pages link and show it; and what sessions say of it.

Not here: rules about links (``tests/unit/services``), and the way to a provider (``test_single_sign_on``).
"""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.domain.identity import Caller, Role
from app.services import Services
from app.web.cookies import SESSION
from tests.contract.asking_native import Person, problem
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import Setting
from tests.contract.test_people import followed
from tests.drivers.pages import Pages, words
from tests.factories import ISSUER, PASSWORD, make_service_account, make_user, person, sign_in_by_provider

VISITOR = Caller("", address="192.0.2.10")


@pytest.fixture(autouse=True)
def managed(setting: Setting) -> Iterator[None]:
    with setting(api_can_manage_users="on", oidc_create_users="on"):
        yield


@pytest.fixture
def clara(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def test_the_api_links_by_subject_or_e_mail_and_unlinks(admin: Person, services: Services) -> None:
    user = make_user(services)
    path, subject = f"users/{user.id}/identities", f"I0aUlJ9k2GjE7pVcQ3nWtXyZbR5sH8dFmK1oLu-T4vA{user.id}"
    by_email = {"issuer": ISSUER, "email": f"{user.username}@Example.com"}
    assert admin.native.get(path).get_json() == {"identities": [], "expected": []}
    admin.native.post(path, {"issuer": ISSUER, "subject": subject})
    links = admin.native.post(path, by_email).get_json()
    (identity,), (expected,) = links["identities"], links["expected"]
    assert identity | {"created_at": ""} == {
        "provider": "", "issuer": ISSUER, "subject": subject, "created_at": "", "linked_by": admin.user.username,
        "last_sign_in_at": None,
    }  # fmt: skip
    assert expected["email"] == f"{user.username}@example.com"
    for wrong in ({"issuer": ISSUER}, by_email | {"subject": "x"}, {"issuer": "login", "subject": "x"}):
        assert problem(admin.native.post(path, wrong)) == (400, "bad_request")
    assert problem(admin.native.post(f"users/{admin.user.id}/identities", by_email)) == (409, "conflict")
    account = make_service_account(services, user)
    assert problem(admin.native.post(f"users/{account.id}/identities", by_email)) == (409, "conflict")
    for named in ({"issuer": ISSUER, "subject": subject}, by_email):
        assert admin.native.delete(path, query_string=named).status_code == 200
        assert problem(admin.native.delete(path, query_string=named)) == (404, "not_found")
    assert admin.native.get(path).get_json() == {"identities": [], "expected": []}


def test_administrators_link_and_unlink_on_the_page_of_a_user(clara: Somebody, services: Services) -> None:
    user = make_user(services)
    at, form = f"/admin/users/{user.id}", {"issuer": ISSUER, "subject": f"subject-{user.id}", "email": ""}
    assert f"Nobody at a provider signs in as {user.username}." in words(clara.pages.get(at))
    wrong = clara.pages.post(f"{at}/link", form | {"issuer": "login.example.com"})
    assert wrong.status_code == 400 and "The issuer is the provider's address" in words(wrong)
    answer = followed(clara.pages, clara.pages.post(f"{at}/link", form))
    assert f"Linked {user.username}: the person can sign in." in words(answer)
    assert f"subject-{user.id}" in words(answer) and "not signed in yet" in words(answer)
    other = clara.pages.post(f"/admin/users/{make_user(services).id}/link", form)
    assert other.status_code == 409 and f"This person signs in as {user.username}" in words(other)
    sign_in_by_provider(services, person(f"subject-{user.id}"))
    assert "Last signed in" in words(clara.pages.get(at))
    assert "corporate" in words(clara.pages.get(f"/admin/users?q={user.username}"))
    asked = clara.pages.get(f"{at}/unlink?issuer={ISSUER}&subject=subject-{user.id}")
    assert "and is signed out. Tokens keep working." in words(asked)
    answer = followed(clara.pages, clara.pages.post(f"{at}/unlink", form))
    assert f"Unlinked {user.username}" in words(answer)
    assert clara.pages.post(f"{at}/unlink", form).status_code == 404
    clara.pages.post(f"{at}/link", form | {"subject": "", "email": f"{user.username}@example.com"})
    assert f"{user.username}@example.com" in words(clara.pages.get(at))


def test_a_session_says_what_it_began_with(app: Flask, clara: Somebody, services: Services) -> None:
    assert "signed in with password" in words(clara.pages.get("/account/auth"))
    says = person(f"of-{clara.user.id}", username=f"of-{clara.user.id}", first_name="Ada")
    pages = Pages(app)
    pages.client.set_cookie(SESSION, services.joining.sign_in(says, VISITOR, None))
    assert "signed in with corporate" in words(pages.get("/account/auth"))
    assert "corporate" in words(pages.get("/account/security"))
    profile = words(pages.get("/account/profile"))
    assert "Single sign-on corporate last signed in" in profile and "each time you sign in with it" in profile
    assert "You have no password: you sign in with corporate" in words(pages.get("/account/password"))
    assert "Change password" not in words(pages.get("/account/security"))
    assert "Change password" in words(clara.pages.get("/account/security"))
    assert "Signed in with" in words(clara.pages.get("/account/security"))


def test_the_sign_in_page_says_for_whom_a_password_is(app: Flask, services: Services, setting: Setting) -> None:
    make_user(services, "break-glass", Role.SERVER_ADMIN, PASSWORD)
    user, pages = somebody(app).user, Pages(app)
    said = "Only administrators sign in with a password."
    assert said not in words(pages.get("/login"))
    with setting(password_sign_in="administrators"):
        assert said in words(pages.get("/login"))
        refused = pages.sign_in(user.username)
        assert refused.status_code == 403
        assert "Only administrators sign in with a password here. Use single sign-on." in words(refused)
        wrong = pages.sign_in(user.username, "not the password at all")
        assert wrong.status_code == 401 and "Use single sign-on" not in words(wrong)
    with setting(password_sign_in="off"):
        assert "Only administrators sign in with a password, in an emergency." in words(pages.get("/login"))
        assert pages.sign_in("break-glass").status_code == 303
