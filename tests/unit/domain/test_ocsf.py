"""Every event has the attributes that its OCSF class requires, as https://github.com/ocsf/ocsf-schema has them.

The tables below are from the tag 1.8.0 (commit 6fa6499a), ``events/base_event.json``, ``events/iam``,
``events/application`` and ``objects``.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.audit import AuditEvent
from app.domain.ocsf import CLASSES, VERSION, as_ocsf

BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}

REQUIRED = {
    3001: {"user"},
    3002: {"user"},
    3003: {"user"},
    3004: {"entity"},
    3005: {"user", "privileges"},
    6003: {"actor", "api", "src_endpoint"},
}
ONE_OF = {3002: {"service", "dst_endpoint"}, 3003: {"privileges", "group"}}
ACTIVITIES = {
    3001: range(1, 13), 3002: range(1, 8), 3003: range(1, 3), 3004: range(1, 14), 3005: range(1, 3), 6003: range(1, 5),
}  # fmt: skip
OTHER = 99

REQUIRED_IN = {"metadata": {"product", "version"}, "api": {"operation"}}
ONE_OF_IN = {
    "user": {"account", "name", "uid"},
    "entity": {"name", "uid", "device", "group", "org", "policy", "user"},
    "actor": {"process", "user", "invoked_by", "session", "app_name", "app_uid"},
    "src_endpoint": {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "domain"},
    "product": {"name", "uid"},
    "service": {"name", "uid"},
}

EVENT = AuditEvent(
    7, datetime(2026, 3, 1, 12, 0, 0, 123456, UTC), "clara", 3, "user.created", "user", "anna", "192.0.2.1", "r1",
    "done", {"role": "VIEWER", "reason": "left"}, "session 12",
)  # fmt: skip
BY_COMMAND = replace(EVENT, actor="cli:root", actor_id=None, address=None, request_id=None, credential=None, detail={})
NOBODY = replace(EVENT, actor="", actor_id=None, result="refused", credential=None)


@pytest.mark.parametrize("event", [EVENT, BY_COMMAND, NOBODY], ids=["user", "command", "nobody"])
@pytest.mark.parametrize("action", [*CLASSES, "thing.of_a_later_release"])
def test_an_event_has_all_that_its_class_requires(event: AuditEvent, action: str) -> None:
    kind = action.partition(".")[0]
    found = as_ocsf(replace(event, action=action, object_kind="act" if kind == "administration" else kind), "1.0")
    uid, activity = found["class_uid"], found["activity_id"]
    assert (BASE | REQUIRED[uid]) <= set(found)
    assert len(ONE_OF.get(uid, set()) & set(found)) == (1 if uid in ONE_OF else 0)
    assert activity in ACTIVITIES[uid] or activity == OTHER
    assert (found["category_uid"], found["type_uid"]) == (uid // 1000, uid * 100 + activity)
    assert found["time"] == 1772366400123 and found["status_id"] == (2 if event.result == "refused" else 1)
    assert found["metadata"]["version"] == VERSION == "1.8.0"
    for name, members in _objects(found):
        assert REQUIRED_IN.get(name, set()) <= set(members), name
        assert name not in ONE_OF_IN or ONE_OF_IN[name] & set(members), name
        assert None not in members.values() and "" not in members.values(), name


def _objects(members: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(name, value) for name, value in members.items() if isinstance(value, dict) and name != "unmapped"]
    return found + [each for _, value in found for each in _objects(value)]


def test_all_actions_of_this_release_have_a_class() -> None:
    sources = "".join(
        path.read_text() for folder in ("services", "domain") for path in Path("app", folder).glob("*.py")
    )
    things = "access_token|administration|audit|clock|database|instance_setting|keys|refresh_token|session|sign_in"
    assert set(re.findall(rf'"((?:{things}|tokens|user)\.[a-z_]+)"', sources)) - set(CLASSES) == {
        "refresh_token.found_shared"
    }
