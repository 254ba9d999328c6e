"""Users in the native dialect: found, made, changed and cut off by administrators.

Not here: rules about accounts (``tests/unit/services/test_accounts``).
"""

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from tests.contract.asking_native import Native, Person, fields_of, person, said
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.rows import audit_events


def test_users_are_listed_newest_first_and_found_by_part_of_the_name_role_and_state(
    services: Services, admin: Person
) -> None:
    first, second = make_user(services, "under_score", Role.STEWARD), make_user(services, "under-score", Role.STEWARD)
    services.accounts.change("under_score", {"is_active": False}, OPERATOR)
    for query, names in (
        ("username=UNDER", ["under-score", "under_score"]),
        ("username=under_", ["under_score"]),
        ("username=under&is_active=true", ["under-score"]),
        ("username=under&is_active=false", ["under_score"]),
        ("username=under&role=VIEWER", []),
        ("username=%25", []),
    ):
        assert [each["username"] for each in admin.native.get(f"users?{query}").get_json()["items"]] == names, query
    page = admin.native.get("users?username=under&limit=1")
    assert page.get_json()["items"][0]["id"] == second.id
    following = admin.native.get(page.headers["Link"].partition(">")[0].removeprefix("<")).get_json()
    assert ([each["id"] for each in following["items"]], following["next_cursor"]) == ([first.id], None)


def test_a_user_is_made_with_or_without_a_password(services: Services, admin: Person) -> None:
    made = admin.native.post("users", {"username": "Nora", "email": "nora@example.com", "password": PASSWORD})
    assert made.status_code == 201
    assert (made.get_json()["username"], made.get_json()["role"]) == ("nora", "VIEWER")
    assert services.accounts.authenticate("nora", PASSWORD, OPERATOR).user.id == made.get_json()["id"]
    plain = admin.native.post("users", {"username": "reports", "role": "INTROSPECTOR"}).get_json()
    assert admin.native.get(f"users/{plain['id']}").get_json() == plain
    assert "password" not in made.text


def test_what_cannot_be_a_user_a_change_or_a_filter_is_refused_by_field(admin: Person) -> None:
    for members, field in (
        ({}, "username"), ({"username": "no spaces"}, "username"), ({"username": "x", "role": "KING"}, "role"),
        ({"username": "x", "password": "short"}, "password"), ({"username": "x", "email": "a" * 255}, "email"),
        ({"username": "x", "title": "a\nb"}, "title"), ({"username": "x", "is_admin": True}, "is_admin"),
        ({"username": None}, "username"), ({"username": 5}, "username"),
    ):  # fmt: skip
        assert fields_of(admin.native.post("users", members)) == [field], members
    assert said(admin.native.post("users", {"username": admin.user.username.upper()})) == (409, "conflict")
    for members in ({}, {"username": "x"}, {"role": "KING"}, {"is_active": "yes"}, {"is_active": 0.5}, {"role": None}):
        assert said(admin.native.send("PATCH", f"users/{admin.user.id}", json=members)) == (400, "bad_request"), members
    for query in ("is_active=maybe", "role=KING", "username=", "username=%00", "user=anna"):
        assert fields_of(admin.native.get(f"users?{query}")) == [query.partition("=")[0]], query


def test_a_user_is_changed_in_what_is_named_and_each_change_is_recorded(
    services: Services, admin: Person, database: Database
) -> None:
    user = make_user(services)
    path = f"users/{user.id}"
    changes = {"role": "STEWARD", "is_active": False, "api_tokens": "deny"}
    changed = admin.native.send("PATCH", path, json=changes).get_json()
    assert changed | changes == changed
    assert admin.native.send("PATCH", path, json={"role": "STEWARD", "is_active": True}).status_code == 200
    events = [event for event in audit_events(database) if event.object_id == user.username][1:]
    assert {event.actor for event in events} == {admin.user.username}
    actions = ["user.role_changed", "user.disabled", "user.api_tokens_changed", "user.enabled"]
    assert [event.action for event in events] == actions


def test_of_several_changes_all_are_made_or_none(services: Services, native: Native) -> None:
    """Fails when the last administrator is looked after before the other changes are undone."""
    last = person(services, native, Role.SERVER_ADMIN)
    for other in services.listing.users(role=Role.SERVER_ADMIN).items:
        if other.id != last.user.id:
            services.accounts.change(other.username, {"role": Role.VIEWER}, OPERATOR)
    answer = last.native.send("PATCH", f"users/{last.user.id}", json={"api_tokens": "allow", "role": "VIEWER"})
    assert said(answer) == (409, "conflict")
    assert services.accounts.by_id(last.user.id).api_tokens == "inherit"


def test_all_tokens_of_a_user_are_ended_with_a_reason(services: Services, admin: Person, anna: Person) -> None:
    told = admin.native.post(f"users/{anna.user.id}/revoke-tokens", {"reason": "left the team"})
    assert told.get_json() == {"refresh_tokens": 1, "access_tokens": 1}
    assert said(anna.native.get("me")) == (401, "token_revoked")
    assert services.listing.find(anna.access.token.public_id).token.revoke_reason == "left the team"
    assert fields_of(admin.native.post(f"users/{anna.user.id}/revoke-tokens", {})) == ["reason"]


def test_an_id_that_is_nobodys_is_a_404_whatever_it_looks_like(admin: Person) -> None:
    """Each id has one spelling. Fails when leading zeros are taken (tried)."""
    for user_id in (f"00{admin.user.id}", "0", "999999999", "9" * 18, "9" * 5000, "-1", "x", "%00", "%ff", "1.0", "٣"):
        assert said(admin.native.get(f"users/{user_id}")) == (404, "not_found"), user_id
        assert said(admin.native.post(f"users/{user_id}/revoke-tokens", {"reason": "x"})) == (404, "not_found")
