"""The instance in the native dialect: settings, what a change would affect, the audit log, the jobs.

Not here: the counts themselves (``tests/unit/services/test_setting_effects``).
"""

from app.domain.identity import Role
from app.domain.policy import INSTANCE_SETTINGS
from app.jobs import JOBS
from app.jobs.scheduler import run_once
from app.services import Services
from tests.contract.asking_native import Native, Person, fields_of, person, said
from tests.contract.conftest import MovableClock, Setting
from tests.factories import make_user


def test_all_settings_are_shown_with_what_they_may_be(admin: Person) -> None:
    told = admin.native.get("settings").get_json()["items"]
    assert [each["key"] for each in told] == [setting.key for setting in INSTANCE_SETTINGS]
    assert told[0] == {
        "key": "refresh_token_lifespan", "value": "60", "default": "60", "unit": "days", "low": 1, "high": 3650,
        "choices": [], "may_be_unlimited": False, "alias": "alation.authentication.token.refresh_token_lifespan",
        "label": "Refresh token lifetime", "takes_effect": "for new tokens",
        "help": "How long a new or regenerated refresh token works.",
    }  # fmt: skip
    assert [each["takes_effect"] for each in told] == [setting.effective for setting in INSTANCE_SETTINGS]


def test_a_setting_is_changed_with_text_or_a_number_and_the_change_is_recorded(admin: Person, setting: Setting) -> None:
    with setting(access_token_lifespan="24"):
        shown = admin.native.get("settings/access_token_lifespan").get_json()
        assert admin.native.get(f"settings/{shown['alias']}").get_json() == shown
        for value in ("5", 6):
            changed = admin.native.send("PUT", "settings/access_token_lifespan", json={"value": value})
            assert changed.get_json()["value"] == str(value)
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
            assert said(answer) == (400, "bad_request"), value
    for key in ("nothing", "%00", "x" * 3000):
        assert said(admin.native.get(f"settings/{key}")) == (404, "not_found")
        assert said(admin.native.send("PUT", f"settings/{key}", json={"value": "5"})) == (404, "not_found")
    assert fields_of(admin.native.send("PUT", path, json={})) == ["value"]
    assert admin.native.get("settings/access_token_lifespan").get_json()["value"] == "24"


def test_a_preview_states_what_a_change_would_affect_and_changes_nothing(admin: Person) -> None:
    preview = admin.native.post("settings/api_tokens_enabled/preview", {"value": "off"}).get_json()
    (effect,) = preview.pop("effects")
    assert preview == {"key": "api_tokens_enabled", "before": "on", "after": "off"}
    said = "API tokens without a refresh token stop working until this is on again."
    assert effect == {"what": "api tokens", "count": effect["count"], "said": said}
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
    ):  # fmt: skip
        told = admin.native.get(f"audit-events?{query}").get_json()["items"]
        assert [each["object_id"] for each in told] == handles, query
    page = admin.native.get(f"audit-events?action=user.created&after={instant}&limit=2")
    following = admin.native.get(page.headers["Link"].partition(">")[0].removeprefix("<")).get_json()
    assert [each["object_id"] for each in following["items"]] == ["event-one"]
    for query in ("actor=", "after=yesterday", "cursor=x", "actor=%00"):
        assert fields_of(admin.native.get(f"audit-events?{query}")) == [query.partition("=")[0]]


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
            first, second, *_ = admin.native.get("jobs").get_json()["items"]
    assert (first["lag_seconds"], first["last_error"]) == (JOBS[0].every.total_seconds() * 2, None)
    assert (second["lag_seconds"], isinstance(second["last_rows"], int), ":" in first["holder"]) == (0, True, True)
