"""People as APIs and pages edit, rename and delete them, and how they sign in by e-mail in every dialect.

Not here: rules about accounts (``tests/unit/services``).
"""

import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role, User
from app.services import Services
from tests.contract.asking import AskedGate, basic
from tests.contract.asking_native import Person, problem
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import Setting
from tests.drivers.pages import Pages, words
from tests.factories import OPERATOR, PASSWORD, allowed_user, configure, generate, issue, lock_sign_in, make_user, mint

NAMES = (
    "آوین می\u200cخواهد", "क्\u200dष", "👩\u200d💻 Ada", "❤\ufe0f", "葛\U000e0100城", "נועה", "ผู้ดูแล",  # noqa: RUF001
    "𠮷野", "e\u0323\u0302", "𝔄𝔟𝔢𝔩", "Zoë “Z” O’Neil—Ω №1 €", "மணி", "ᠮᠣᠩᠭᠣᠯ",  # noqa: RUF001
)  # fmt: skip
"""Joiners, variation selectors, marks, letters beyond the first plane, punctuation and symbols."""


@pytest.fixture(autouse=True)
def managed(setting: Setting) -> Iterator[None]:
    with setting(api_can_manage_users="on"):
        yield


@pytest.fixture
def clara(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def with_email(services: Services) -> User:
    user = allowed_user(services, password=PASSWORD)
    return services.accounts.change(user.id, {"email": f"{user.username}@Example.org"}, OPERATOR)


def followed(pages: Pages, answer: TestResponse) -> TestResponse:
    """The page that an act leads to."""
    return pages.get(answer.headers["Location"])


def test_a_password_goes_with_an_e_mail_wherever_it_is_taken(app: Flask, services: Services) -> None:
    """◆ The page, Alation's createRefreshToken, and Basic at introspection and at Trifacta's endpoints."""
    configure(services, password_api_enabled="on")
    user, client = with_email(services), app.test_client(use_cookies=False)
    asker = allowed_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    asker = services.accounts.change(asker.id, {"email": "asker@example.org"}, OPERATOR)
    typed = user.email.upper()
    body = {"username": typed, "password": PASSWORD, "name": "nightly-etl"}
    made = client.post("/integration/v1/createRefreshToken/", json=body)
    assert (made.status_code, made.get_json()["user_id"]) == (201, user.id)
    created = client.post("/v4/apiAccessTokens", json={"lifetimeSeconds": 60}, headers=basic(typed, PASSWORD))
    assert created.status_code == 201
    asked = {"token": mint(services, issue(services, user)).secret}
    answer = client.post("/oauth/introspect", data=asked, headers=basic(asker.email, PASSWORD))
    assert (answer.status_code, answer.get_json()["username"]) == (200, user.username)
    assert Pages(app).sign_in(typed).status_code == 303


def test_a_browser_is_known_for_the_account_whichever_was_typed(app: Flask, services: Services) -> None:
    """◆ Fails when the cookie is for what was typed: who locks the account out would keep its owner out there."""
    user, browser = with_email(services), Pages(app)
    assert browser.sign_in(user.email).status_code == 303
    lock_sign_in(services, user.username)
    for typed in (user.username, user.email):
        browser.post("/logout", {})
        assert browser.sign_in(typed).status_code == 303, typed
    renamed = services.accounts.change(user.id, {"username": f"{user.username}-2"}, OPERATOR)
    browser.post("/logout", {})
    assert browser.sign_in(renamed.username).status_code == 303


def test_a_user_is_changed_in_part_and_deleted_in_the_native_api(services: Services, admin: Person) -> None:
    user = make_user(services, title="Analyst")
    refresh = issue(services, user)
    path = f"users/{user.id}"
    changed = admin.native.send("PATCH", path, json={"email": "x@example.org", "username": f"{user.username}-2"})
    found = changed.get_json()
    assert (changed.status_code, found["email"], found["title"], found["deleted_at"]) == (
        200, "x@example.org", "Analyst", None
    )  # fmt: skip
    assert problem(admin.native.post("users", {"username": user.username})) == (409, "conflict")
    assert problem(admin.native.send("PATCH", path, json={"username": admin.user.username})) == (409, "conflict")
    gone = admin.native.send("DELETE", path)
    name = f"Deleted user {user.id}"
    about = {"id": user.id, "username": name, "refresh_tokens": 1, "access_tokens": 0, "sessions": 0}
    assert (gone.status_code, {key: gone.get_json()[key] for key in about}) == (200, about)
    shown = admin.native.get(path).get_json()
    assert (shown["username"], shown["email"], shown["is_active"]) == (name, "", False) and shown["deleted_at"]
    for method, body in (("PATCH", {"is_active": True}), ("DELETE", None)):
        assert problem(admin.native.send(method, path, json=body)) == (409, "conflict")
    listed = [each["id"] for each in admin.native.get("users?is_deleted=true").get_json()["items"]]
    assert user.id in listed and user.id not in [each["id"] for each in admin.native.get("users").get_json()["items"]]
    token = admin.native.get(f"tokens/{refresh.token.public_id}").get_json()
    assert (token["owner"], token["status"]) == (name, "revoked")
    assert len(admin.native.get(f"tokens?owner=Deleted%20user%20{user.id}").get_json()["items"]) == 1
    assert problem(admin.native.send("DELETE", f"users/{admin.user.id}"))[0] == 409
    assert problem(admin.native.send("DELETE", "users/4711")) == (404, "not_found")


def test_what_a_deleted_user_held_is_refused_as_revoked_in_every_dialect(
    client: FlaskClient, gate: AskedGate, services: Services
) -> None:
    user = allowed_user(services)
    refresh, single = issue(services, user), generate(services, user)
    access = mint(services, refresh)
    services.deleting_users.delete(user.id, OPERATOR)
    alation = {"refresh_token": refresh.secret, "user_id": user.id}
    for path in ("createAPIAccessToken", "validateRefreshToken", "regenRefreshToken"):
        answer = client.post(f"/integration/v1/{path}/", json=alation)
        assert (answer.status_code, answer.get_json()["reason"]) == (401, "token_revoked"), path
        assert "expired or revoked" in answer.text
    for secret in (access.secret, single.secret):
        assert gate.verify_bearer(secret).headers["X-Auth-Reason"] == "token_revoked"
        assert client.get("/v4/people/current", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_administrators_edit_rename_and_delete_on_pages(clara: Somebody, services: Services) -> None:
    user = make_user(services, email="old@example.org")
    issue(services, user)
    at = f"/admin/users/{user.id}"
    form = {"email": "new@example.org", "first_name": " Noor ", "last_name": "", "title": ""}
    assert clara.pages.post(f"{at}/edit", form | {"email": "Noor <new@example.org>"}).status_code == 400
    answer = followed(clara.pages, clara.pages.post(f"{at}/edit", form))
    assert f"Changed the details of {user.username}." in words(answer) and "new@example.org" in words(answer)
    assert services.accounts.by_id(user.id).first_name == "Noor"
    taken = clara.pages.post(f"{at}/rename", {"username": clara.user.username})
    assert taken.status_code == 409 and "already a user" in words(taken)
    answer = followed(clara.pages, clara.pages.post(f"{at}/rename", {"username": f"{user.username}-2"}))
    assert f"The user name is {user.username}-2 now" in words(answer)
    assert "Former user names" in words(answer)
    assert "1 refresh token" in words(clara.pages.get(f"{at}/delete"))
    answer = followed(clara.pages, clara.pages.post(f"{at}/delete", {}))
    assert f"now called Deleted user {user.id}: revoked 1 refresh token" in words(answer)
    assert user.username not in answer.text and "Change user name" not in words(answer)
    for act in ("edit", "rename", "delete", "role", "password", "enable"):
        assert clara.pages.get(f"{at}/{act}").status_code == 409, act
    assert clara.pages.post(f"{at}/delete", {}).status_code == 409
    listed = clara.pages.get("/admin/users?state=deleted")
    assert f"Deleted user {user.id}" in words(listed)
    assert f"Deleted user {user.id}" not in words(clara.pages.get("/admin/users"))
    assert clara.pages.post(f"/admin/users/{clara.user.id}/delete", {}).status_code == 409


def test_users_change_their_own_names_and_no_more(app: Flask, services: Services) -> None:
    anna = somebody(app)
    sent = {"first_name": "Ännchen", "last_name": "Ω", "email": "x@example.org", "title": "Chief", "username": "root"}
    answer = followed(anna.pages, anna.pages.post("/account/profile", sent))
    assert "Your name was saved." in words(answer)
    user = services.accounts.by_id(anna.user.id)
    assert (user.first_name, user.last_name, user.email, user.title, user.username) == (
        "Ännchen", "Ω", "", "", anna.user.username
    )  # fmt: skip
    refused = anna.pages.post("/account/profile", {"first_name": "\u202egnp", "last_name": "Ω"})
    assert refused.status_code == 400 and "direction of writing" in words(refused)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_people_are_of_any_script_wherever_they_are_shown(
    clara: Somebody, gate: AskedGate, services: Services, admin: Person, name: str
) -> None:
    """In NFC; percent-encoded in headers, as they are in JSON, on pages and in CSV."""
    kept = unicodedata.normalize("NFC", name)
    user = allowed_user(services)
    changed = admin.native.send("PATCH", f"users/{user.id}", json={"first_name": name, "title": name}).get_json()
    assert (changed["first_name"], changed["title"]) == (kept, kept)
    access = mint(services, issue(services, user, name))
    headers = gate.verify(access.secret).headers
    assert headers["X-Auth-Token-Name"].isascii() and unquote(headers["X-Auth-Token-Name"]) == kept
    assert kept in words(clara.pages.get(f"/admin/users/{user.id}"))
    assert kept in clara.pages.get(f"/admin/users/export?q={user.username}").text
    assert user.username in words(clara.pages.get(f"/admin/users?q={quote(kept)}"))
