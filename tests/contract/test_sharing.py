"""How the APIs, the pages and the audit log show that two programs share a refresh token.

Not here: when that is so (``tests/unit/services/test_sharing``).
"""

import pytest
from flask import Flask

from app.domain.identity import Role
from app.domain.tokens import SEEMS_SHARED, Issued, RefreshToken
from app.services import Services
from tests.contract.asking import Alation
from tests.contract.asking_native import Native, Person
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


def test_mints_lists_and_events_of_the_apis_show_it(
    services: Services, alation: Alation, native: Native, admin: Person, refresh: Issued[RefreshToken]
) -> None:
    public_id, proof = refresh.token.public_id, {"refresh_token": refresh.secret}

    def flags() -> list[bool]:
        minted = alation.post("createAPIAccessToken", **proof, user_id=refresh.token.user_id)
        answers = (minted, native.post("access-tokens", proof), admin.native.get(f"tokens/{public_id}"))
        return [answer.get_json()["seems_shared"] for answer in answers]

    assert flags() == [False] * 3
    fight_over(services, refresh)
    listed = admin.native.get("tokens?name=fought-over").get_json()["items"]
    assert {each["minted_from"] for each in listed if each["kind"] == "access"} >= {"192.0.2.1", "192.0.2.2"}
    assert [each["public_id"] for each in listed if each["seems_shared"]] == [public_id]
    query = f"audit-events?action=refresh_token.found_shared&object_id={public_id}"
    (event,) = admin.native.get(query).get_json()["items"]
    assert event["detail"]["note"] == SEEMS_SHARED and event["detail"]["mints"] >= 6
    assert flags() == [True] * 3


def test_its_owner_and_an_administrator_see_which_one_it_is_and_what_to_do(
    app: Flask, services: Services, refresh: Issued[RefreshToken], owner: Somebody
) -> None:
    mint(services, issue(services, owner.user, "peaceful"))
    admin = somebody(app, Role.SERVER_ADMIN).pages
    lists = ((owner.pages, "/account/auth"), (admin, f"/admin/tokens?owner={owner.user.username}"),
             (admin, f"/admin/users/{owner.user.id}"))  # fmt: skip
    assert not any(MARK in words(pages.get(path)) for pages, path in lists)
    fight_over(services, refresh)
    assert [words(pages.get(path)).count(MARK) for pages, path in lists] == [1, 1, 1]
    shown = words(owner.pages.get(f"/account/auth/refresh-tokens/{refresh.token.public_id}"))
    assert f"T{WARNING}" in shown and "Create a refresh token for each" in shown
    assert "a refresh token for each" in words(admin.get(f"/admin/tokens/{refresh.token.public_id}"))
    assert "which seems shared" in words(admin.get(f"/admin/audit?object={refresh.token.public_id}"))
