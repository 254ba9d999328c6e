"""Reading the events of an exported audit log, which people edit. What they do: ``services/test_restoring``."""

import json
from typing import Any

import pytest

from app.domain.withdrawals import parse_event

EVENT: dict[str, Any] = {
    "id": 7, "at": "2026-03-01T12:00:00Z", "actor": "cli:root", "actor_id": None, "action": "user.api_tokens_changed",
    "object_kind": "user", "object_id": "anna", "address": None, "request_id": None, "result": "done",
    "detail": {"api_tokens": "deny"},
}  # fmt: skip


def test_an_exported_event_is_read_and_unknown_members_are_left_alone() -> None:
    event = parse_event(json.dumps(EVENT | {"later": 1}))
    assert (event.id, event.object_id, event.detail) == (7, "anna", {"api_tokens": "deny"})


@pytest.mark.parametrize(
    "change",
    [
        {"id": "7"}, {"id": True}, {"at": None}, {"at": "2026-03-01"}, {"actor": None}, {"action": ["x"]},
        {"object_kind": 1}, {"object_id": {}}, {"detail": []}, {"detail": {"api_tokens": ["deny"]}},
    ],
)  # fmt: skip
def test_an_edited_event_is_a_value_error_and_nothing_else(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"event of the audit log|instant"):
        parse_event(json.dumps(EVENT | change))
