"""Reading the events of an exported audit log, which people edit. What they do: ``services/test_restoring``."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.domain.audit import AuditEvent
from app.domain.audit_export import parse_line
from app.domain.audit_seals import StoredEvent
from app.domain.withdrawals import withdrawals

EVENT: dict[str, Any] = {
    "id": 7, "at": "2026-03-01T12:00:00Z", "actor": "cli:root", "actor_id": None, "action": "user.api_tokens_changed",
    "object_kind": "user", "object_id": "anna", "address": None, "request_id": None, "result": "done",
    "detail": {"api_tokens": "deny"},
}  # fmt: skip


def parse_event(line: str) -> AuditEvent:
    parsed = parse_line(line)
    assert isinstance(parsed, StoredEvent)
    return parsed.event


def test_an_exported_event_is_read_and_unknown_members_are_left_alone() -> None:
    event = parse_event(json.dumps(EVENT | {"later": 1}))
    assert (event.id, event.object_id, event.detail) == (7, "anna", {"api_tokens": "deny"})


def test_a_password_that_an_earlier_restore_removed_is_not_given_back() -> None:
    event = parse_event(json.dumps(EVENT | {"action": "user.password_removed"}))
    assert withdrawals([event]).passwords == {"anna": event}


def test_all_actions_that_daypass_records_are_known() -> None:
    """Else each restore would say of a new one that it is not applied."""
    sources = "".join(path.read_text() for path in Path("app").rglob("*.py"))
    things = "access_token|administration|audit|clock|database|instance_setting|keys|refresh_token|session|sign_in"
    things += "|tokens|user"
    actions = set(re.findall(rf'"((?:{things})\.[a-z_]+)"', sources))
    assert len(actions) > 20
    events = [parse_event(json.dumps(EVENT | {"action": each, "detail": {"filter": "{}"}})) for each in actions]
    assert not withdrawals(events).unknown


@pytest.mark.parametrize(
    "change",
    [
        {"id": "7"}, {"id": True}, {"at": None}, {"at": "2026-03-01"}, {"actor": None}, {"action": ["x"]},
        {"object_kind": 1}, {"object_id": {}}, {"detail": []}, {"detail": {"api_tokens": ["deny"]}},
    ],
)  # fmt: skip
def test_an_edited_event_is_a_value_error_and_nothing_else(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"line of an exported|instant"):
        parse_event(json.dumps(EVENT | change))
