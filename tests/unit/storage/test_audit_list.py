"""Lists of audit events: what narrows them, and pages that neither repeat nor lose one while others are written."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.storage import audit_list
from app.storage.audit_tables import AuditEventRow
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW

pytestmark = pytest.mark.both_databases


def plant_event(session: Session, **values: Any) -> int:
    usual = {"actor": "anna", "action": "user.created", "object_kind": "user", "object_id": "bert", "at": NOW}
    row = AuditEventRow(result="done", detail="{}", **usual | values)
    session.add(row)
    session.flush()
    return row.id


def found_events(session: Session, after: int | None = None, limit: int = 30, **narrowing: Any) -> list[int]:
    named = dict.fromkeys(("actor", "action", "object_id")) | narrowing
    return [row.id for row in audit_list.events(session, after=after, limit=limit, **named)]


@pytest.mark.parametrize("size", [1, 4])
def test_pages_of_audit_events_are_complete_while_more_are_written(session: Session, size: int) -> None:
    there = [plant_event(session) for _ in range(11)]
    seen: list[int] = []
    while page := found_events(session, seen[-1] if seen else None, size):
        seen += page
        plant_event(session)
    assert seen == there[::-1]


def test_audit_events_are_found_by_actor_action_object_and_time(session: Session) -> None:
    before, at = (plant_event(session, at=NOW + each * MICROSECOND) for each in (-1, 0))
    for column, value in (("actor", "cli:root"), ("action", "user.disabled"), ("object_id", "c")):
        one = plant_event(session, **{column: value}, at=NOW + HOUR)
        assert found_events(session, **{column: value}) == [one]
        assert found_events(session, **{column: "nobody"}) == []
    assert found_events(session, until=NOW) == [before]
    assert found_events(session, since=NOW, until=NOW + MICROSECOND) == [at]
    assert len(found_events(session)) == 5
