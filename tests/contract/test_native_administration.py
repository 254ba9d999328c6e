"""Users and the instance in the native API: found, created, changed; settings, the audit log, the jobs.

Not here: rules about accounts and effects (``tests/unit/services``).
"""

from collections.abc import Iterator

import pytest

from app.domain.identity import Role
from app.domain.policy import INSTANCE_SETTINGS, Policy
from app.jobs import JOBS
from app.jobs.scheduler import run_once
from app.services import Services
from app.storage.database import Database
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.rows import audit_events


@pytest.fixture(autouse=True)
def managed(setting: Setting) -> Iterator[None]:
    """Administrators' tokens may grant rights; whether they may is for ``test_ladder``."""
    with setting(api_can_manage_users="on"):
        yield


def test_users_are_listed_newest_first_and_found_by_part_of_the_name_role_and_state(
    services: Services, admin: Person
) -> None:
    for name in ("under_score", "under-score"):
        make_user(services, name, Role.STEWARD)
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


def test_a_user_is_made_with_or_without_a_password(services: Services, admin: Person) -> None:
    made = admin.native.post("users", {"username": "Nora", "email": "nora@example.com", "password": PASSWORD})
    assert made.status_code == 201
    assert (made.get_json()["username"], made.get_json()["role"]) == ("nora", "VIEWER")
    assert services.accounts.authenticate("nora", PASSWORD, OPERATOR).user.id == made.get_json()["id"]
    members = {"username": "carl", "password": PASSWORD, "has_temporary_password": True}
    carl = admin.native.post("users", members).get_json()
    assert (made.get_json()["password_expires_at"], carl["password_expires_at"] is None) == (None, False)
    plain = admin.native.post("users", {"username": "reports", "role": "INTROSPECTOR"}).get_json()
    assert admin.native.get(f"users/{plain['id']}").get_json() == plain
    assert PASSWORD not in made.text


def test_what_cannot_be_a_user_a_change_or_a_filter_is_refused_by_field(admin: Person) -> None:
    for members, field in (
        ({}, "username"), ({"username": "no spaces"}, "username"), ({"username": "x", "role": "KING"}, "role"),
        ({"username": "x", "password": "short"}, "password"), ({"username": "x", "email": "a" * 255}, "email"),
        ({"username": "x", "has_temporary_password": 0}, "has_temporary_password"),
        ({"username": "x", "title": "a\nb"}, "title"), ({"username": "x", "is_admin": True}, "is_admin"),
        ({"username": None}, "username"), ({"username": 5}, "username"),
    ):  # fmt: skip
        assert fields_of(admin.native.post("users", members)) == [field], members
    assert problem(admin.native.post("users", {"username": admin.user.username.upper()})) == (409, "conflict")
    for members in (
        {},
        {"username": "x y"},
        {"role": "KING"},
        {"is_active": "yes"},
        {"is_active": 0.5},
        {"role": None},
    ):
        assert problem(admin.native.send("PATCH", f"users/{admin.user.id}", json=members)) == (400, "bad_request"), (
            members
        )
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
    for other in services.user_list.users(role=Role.SERVER_ADMIN).items:
        if other.id != last.user.id:
            services.accounts.change(other.username, {"role": Role.VIEWER}, OPERATOR)
    answer = last.native.send("PATCH", f"users/{last.user.id}", json={"api_tokens": "allow", "role": "VIEWER"})
    assert problem(answer) == (409, "conflict")
    assert services.accounts.by_id(last.user.id).api_tokens == "inherit"


def test_all_tokens_of_a_user_are_ended_with_a_reason(services: Services, admin: Person, anna: Person) -> None:
    found = admin.native.post(f"users/{anna.user.id}/revoke-tokens", {"reason": "left the team"})
    assert found.get_json() == {"refresh_tokens": 1, "access_tokens": 1}
    assert problem(anna.native.get("me")) == (401, "token_revoked")
    assert services.listing.find(anna.access.token.public_id).token.revoke_reason == "left the team"
    assert fields_of(admin.native.post(f"users/{anna.user.id}/revoke-tokens", {})) == ["reason"]


def test_an_id_that_is_nobodys_is_a_404_whatever_it_looks_like(admin: Person) -> None:
    """Each id has one spelling. Fails when leading zeros are taken (tried)."""
    for user_id in (f"00{admin.user.id}", "0", "999999999", "9" * 18, "9" * 5000, "-1", "x", "%00", "%ff", "1.0", "٣"):
        assert problem(admin.native.get(f"users/{user_id}")) == (404, "not_found"), user_id
        assert problem(admin.native.post(f"users/{user_id}/revoke-tokens", {"reason": "x"})) == (404, "not_found")


def test_all_settings_are_shown_with_what_they_may_be(admin: Person) -> None:
    found = admin.native.get("settings").get_json()["items"]
    assert [each["key"] for each in found] == [setting.key for setting in INSTANCE_SETTINGS]
    assert found[0] == {
        "key": "refresh_token_lifespan", "value": "60", "default": "60", "unit": "days", "low": 1, "high": 3650,
        "choices": [], "may_be_unlimited": False, "alias": "alation.authentication.token.refresh_token_lifespan",
        "label": "Refresh token lifetime", "takes_effect": "for new tokens",
        "help": Policy.refresh_token_lifespan.help, "group": "Lifetimes", "changed_at": None, "changed_by": None,
    }  # fmt: skip
    assert [each["takes_effect"] for each in found] == [setting.effective for setting in INSTANCE_SETTINGS]


def test_a_setting_is_changed_with_text_or_a_number_and_the_change_is_recorded(admin: Person, setting: Setting) -> None:
    with setting(access_token_lifespan="24"):
        shown = admin.native.get("settings/access_token_lifespan").get_json()
        assert admin.native.get(f"settings/{shown['alias']}").get_json() == shown
        for value in ("5", 6):
            changed = admin.native.send("PUT", "settings/access_token_lifespan", json={"value": value})
            assert (changed.get_json()["value"], changed.get_json()["changed_by"]) == (str(value), admin.user.username)
        event = admin.native.get("audit-events?action=instance_setting.changed").get_json()["items"][0]
        assert (event["actor"], event["object_id"]) == (admin.user.username, "access_token_lifespan")
        assert event["detail"] == {"before": "5", "after": "6"}


def test_a_value_that_is_none_is_refused_and_changes_nothing(admin: Person) -> None:
    path = "settings/access_token_lifespan"
    for value in ("721", "", " 5", "५", -1, True, 1.5, None, [], 10**30):
        for answer in (
            admin.native.send("PUT", path, json={"value": value}),
            admin.native.post(f"{path}/preview", {"value": value}),
        ):
            assert problem(answer) == (400, "bad_request"), value
    for key in ("nothing", "%00", "x" * 3000):
        assert problem(admin.native.get(f"settings/{key}")) == (404, "not_found")
        assert problem(admin.native.send("PUT", f"settings/{key}", json={"value": "5"})) == (404, "not_found")
    assert fields_of(admin.native.send("PUT", path, json={})) == ["value"]
    assert admin.native.get("settings/access_token_lifespan").get_json()["value"] == "24"


def test_a_preview_states_what_a_change_would_affect_and_changes_nothing(admin: Person) -> None:
    preview = admin.native.post("settings/api_tokens_enabled/preview", {"value": "off"}).get_json()
    (effect,) = preview.pop("effects")
    assert preview == {"key": "api_tokens_enabled", "before": "on", "after": "off"}
    statement = "They stop working until this is on again."
    assert effect == {"what": "api tokens", "count": effect["count"], "said": statement}
    assert admin.native.get("settings/api_tokens_enabled").get_json()["value"] == "on"
    uncounted = admin.native.post("settings/openapi_enabled/preview", {"value": "off"}).get_json()["effects"]
    assert [(each["what"], each["count"]) for each in uncounted] == [("nothing", None)]
    unchanged = admin.native.post("settings/retention_days/preview", {"value": 90}).get_json()
    assert unchanged == {"key": "retention_days", "before": "90", "after": "90", "effects": []}


def test_audit_events_are_narrowed_and_paged(admin: Person, services: Services, clock: MovableClock) -> None:
    with clock.later(days=400) as now:
        for name in ("event-one", "event-two"):
            make_user(services, name)
    with clock.later(days=401):
        make_user(services, "event-three")
    instant = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, handles in (
        ("object_id=event-one", ["event-one"]),
        (f"action=user.created&after={instant}&limit=3", ["event-three", "event-two", "event-one"]),
        (f"object_id=event-one&before={instant}", []),
        ("actor=nobody", []),
        ("object_id=event-one&result=done", ["event-one"]),
        ("object_id=event-one&result=refused", []),
    ):  # fmt: skip
        found = admin.native.get(f"audit-events?{query}").get_json()["items"]
        assert [each["object_id"] for each in found] == handles, query
    for query in ("actor=", "after=yesterday", "cursor=x", "actor=%00", "result=perhaps"):
        assert fields_of(admin.native.get(f"audit-events?{query}")) == [query.partition("=")[0]]


def test_what_administrators_alone_may_do_is_recorded_when_others_try(
    services: Services, native: Native, admin: Person
) -> None:
    """Who, which act, and with which credential. A refused act that is not an administrator's is not one."""
    user = person(services, native)
    assert user.native.post("users", {"username": "mallory"}).status_code == 403
    assert user.native.post("users", {"username": "mallory"}).status_code == 403
    assert user.native.get(f"users/{user.user.id}").status_code == 403
    assert user.native.get("me").status_code == 200
    services.sightings.flush()
    events = admin.native.get(f"audit-events?result=refused&actor={user.user.username}").get_json()["items"]
    assert [(each["action"], each["object_kind"], each["object_id"]) for each in events] == [
        ("administration.refused", "act", "GET /api/v1/users/<user_id>"),
        ("administration.refused", "act", "POST /api/v1/users"),
    ]
    assert {each["credential"] for each in events} == {f"access token {user.access.token.public_id}"}
    assert events[1]["detail"] == {"reason": "not_permitted"} and events[1]["actor_id"] == user.user.id


def test_jobs_are_shown_whether_or_not_they_ran_and_how_overdue_they_are(
    services: Services, native: Native, clock: MovableClock
) -> None:
    with clock.later(days=500) as now:
        admin = person(services, native, Role.SERVER_ADMIN)
        before = admin.native.get("jobs").get_json()["items"]
        declared = [(job.name, job.every.total_seconds()) for job in JOBS]
        assert [(each["job"], each["every_seconds"]) for each in before] == declared
        never = {"lag_seconds": None, "last_run_at": None, "is_running": False}
        assert all(each | never == each for each in before)
        for job in JOBS:
            run_once(services, job)
        with clock.stopped_at(now + JOBS[0].every * 3):
            after = {each["job"]: each for each in admin.native.get("jobs").get_json()["items"]}
    first, hourly = after[JOBS[0].name], after["purge_tokens"]
    assert (first["lag_seconds"], first["last_error"]) == (JOBS[0].every.total_seconds() * 2, None)
    assert (hourly["lag_seconds"], isinstance(hourly["last_rows"], int), ":" in first["holder"]) == (0, True, True)
