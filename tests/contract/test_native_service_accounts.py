"""Service accounts in the native API: made, changed, found; their tokens by those who answer for them."""

from collections.abc import Iterator

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.contract.conftest import Setting
from tests.factories import OPERATOR, PASSWORD, disable, make_service_account, make_user, set_role


@pytest.fixture(autouse=True)
def by_tokens(setting: Setting) -> Iterator[None]:
    """Access tokens are enough; whether they are is for ``test_ladder``."""
    with setting(api_can_manage_users="on", api_can_create_refresh_tokens="on"):
        yield


def test_an_account_is_made_with_its_people_found_by_kind_and_changed(services: Services, admin: Person) -> None:
    anna, berta = (make_user(services).username for _ in range(2))
    members = {"username": "svc-orders", "kind": "service", "responsible": anna, "deputy": berta}
    answer = admin.native.post("users", members)
    made = answer.get_json()
    assert (answer.status_code, made["kind"], made["responsible"], made["deputy"]) == (201, "service", anna, berta)
    assert admin.native.get(f"users/{made['id']}").get_json() == made
    found = admin.native.get("users?username=svc-ord&kind=service").get_json()["items"]
    assert [each["username"] for each in found] == ["svc-orders"]
    assert admin.native.get("users?username=svc-ord&kind=person").get_json()["items"] == []
    changed = admin.native.send("PATCH", f"users/{made['id']}", json={"responsible": berta, "deputy": None}).get_json()
    assert (changed["responsible"], changed["deputy"]) == (berta, None)
    person_members = admin.native.get(f"users/{admin.user.id}").get_json()
    assert [person_members[name] for name in ("kind", "responsible", "deputy")] == ["person", None, None]


def test_what_does_not_fit_the_kind_is_refused_by_field(services: Services, admin: Person) -> None:
    anna = make_user(services).username
    service = {"username": "svc-x", "kind": "service"}
    for members, field in (
        (service, "responsible"),
        (service | {"responsible": "nobody-there"}, "responsible"),
        (service | {"responsible": anna, "deputy": anna}, "deputy"),
        (service | {"responsible": anna, "password": PASSWORD}, "password"),
        (service | {"responsible": anna, "has_temporary_password": True}, "has_temporary_password"),
        ({"username": "x", "responsible": anna}, "responsible"),
        ({"username": "x", "kind": "robot"}, "kind"),
    ):
        answer = admin.native.post("users", members)
        assert answer.status_code == 400
        assert fields_of(answer) == [field]
    for path, change in ((admin.user.id, {"responsible": anna}), (admin.user.id, {"deputy": None})):
        assert admin.native.send("PATCH", f"users/{path}", json=change).status_code == 400


def test_the_responsible_person_and_the_deputy_manage_the_tokens(services: Services, native: Native) -> None:
    anna, berta = person(services, native), person(services, native)
    account = make_service_account(services, anna.user, berta.user)
    for who in (anna, berta):
        listed = who.native.get("me/service-accounts").get_json()["items"]
        assert [each["username"] for each in listed] == [account.username]
        tokens = f"users/{account.id}/refresh-tokens"
        made = who.native.post(tokens, {"name": "nightly", "description": "Ask the data team."}).get_json()
        under = f"{tokens}/{made['public_id']}"
        minted = who.native.post(f"{under}/access-token").get_json()
        me = native.holding(minted["secret"]).get("me").get_json()
        assert (me["username"], me["kind"]) == (account.username, "service")
        again = who.native.post(f"{under}/regenerate").get_json()
        assert (again["public_id"], again["secret"] == made["secret"]) == (made["public_id"], False)
        mine = who.native.get(f"users/{account.id}/tokens").get_json()["items"]
        assert {each["owner"] for each in mine} == {account.username}
        assert mine[0]["description"] == "Ask the data team."
        assert who.native.delete(f"users/{account.id}/tokens/{made['public_id']}").status_code == 204
        assert native.holding(minted["secret"]).get("me").status_code == 401


def test_a_former_one_a_disabled_one_and_an_account_with_a_stronger_role(services: Services, native: Native) -> None:
    """◆ At the very next request."""
    anna, berta, carl = (person(services, native) for _ in range(3))
    account = make_service_account(services, anna.user, berta.user)
    tokens = f"users/{account.id}/refresh-tokens"
    set_role(services, account.username, Role.STEWARD)
    refused = anna.native.post(tokens, {"name": "x"})
    assert problem(refused) == (403, "not_permitted")
    assert "STEWARD" in refused.get_json()["detail"]
    set_role(services, account.username, Role.VIEWER)
    services.accounts.change(account.username, {"responsible": carl.user.username}, OPERATOR)
    assert problem(anna.native.post(tokens, {"name": "x"})) == (404, "not_found")
    assert carl.native.post(tokens, {"name": "x"}).status_code == 201
    disable(services, berta.user.username)
    assert berta.native.post(tokens, {"name": "x"}).status_code == 401
