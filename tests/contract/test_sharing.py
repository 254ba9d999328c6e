"""How every API, page and the audit log tell that two programs share a refresh token."""

import pytest
from flask import Flask

from app.domain.identity import Role
from app.domain.tokens import SEEMS_SHARED, Issued, RefreshToken
from app.services import Services
from tests.contract.asking import Alation
from tests.contract.asking_native import Native, person
from tests.contract.asking_pages import Somebody, somebody
from tests.drivers.pages import words
from tests.factories import fight_over, issue, mint

MARK = "Seems shared"
WARNING = "wo programs seem to share this token"


@pytest.fixture
def owner(app: Flask) -> Somebody:
    return somebody(app)


@pytest.fixture
def refresh(services: Services, owner: Somebody) -> Issued[RefreshToken]:
    return issue(services, owner.user, "fought-over")


def test_a_mint_of_the_alation_api_tells_it(alation: Alation, refresh: Issued[RefreshToken], owner: Somebody) -> None:
    answers = []
    for number in range(7):
        somewhere = {"REMOTE_ADDR": f"192.0.2.{number % 2}"}
        sent = {"refresh_token": refresh.secret, "user_id": owner.user.id}
        answers.append(alation.send("POST", "createAPIAccessToken/", json=sent, environ_base=somewhere))
    assert [answer.get_json()["seems_shared"] for answer in answers] == [False] * 5 + [True] * 2


def test_mints_lists_and_events_of_the_native_api_tell_it(
    services: Services, native: Native, refresh: Issued[RefreshToken], owner: Somebody
) -> None:
    admin = person(services, native, Role.SERVER_ADMIN).native
    handle = refresh.token.public_id
    assert admin.get(f"tokens/{handle}").get_json()["seems_shared"] is False
    fight_over(services, refresh)
    assert admin.get(f"tokens/{handle}").get_json()["seems_shared"] is True
    listed = admin.get(f"tokens?owner={owner.user.username}").get_json()["items"]
    assert {each["minted_from"] for each in listed if each["kind"] == "access"} == {"192.0.2.1", "192.0.2.2"}
    assert [each["public_id"] for each in listed if each["seems_shared"]] == [handle]
    (event,) = admin.get(f"audit-events?action=refresh_token.found_shared&object_id={handle}").get_json()["items"]
    assert (event["detail"]["mints"], event["detail"]["note"]) == (6, SEEMS_SHARED)
    assert native.post("access-tokens", {"refresh_token": refresh.secret}).get_json()["seems_shared"] is True


def test_its_owner_sees_which_one_it_is_and_what_to_do(
    services: Services, refresh: Issued[RefreshToken], owner: Somebody
) -> None:
    mint(services, issue(services, owner.user, "peaceful"))
    assert MARK not in words(owner.pages.get("/account/auth"))
    fight_over(services, refresh)
    shown = words(owner.pages.get("/account/auth"))
    assert shown.count(MARK) == 1
    assert f"fought-over : t{WARNING}" in shown and "Create a refresh token for each" in shown


def test_an_administrator_sees_it_in_lists_and_in_the_audit_log(
    app: Flask, services: Services, refresh: Issued[RefreshToken], owner: Somebody
) -> None:
    pages = somebody(app, Role.SERVER_ADMIN).pages
    lists = (f"/admin/tokens?owner={owner.user.username}", f"/admin/users/{owner.user.id}")
    assert not any(MARK in words(pages.get(path)) for path in lists)
    fight_over(services, refresh)
    assert all(words(pages.get(path)).count(MARK) == 1 for path in lists)
    assert "a refresh token for each" in words(pages.get(f"/admin/tokens/{refresh.token.public_id}"))
    assert f"T{WARNING}" in words(pages.get(f"/admin/audit?object={refresh.token.public_id}"))
