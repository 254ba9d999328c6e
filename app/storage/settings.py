"""Queries on instance settings. Not here: which settings exist and what they mean (``app.domain.policy``)."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.storage.audit_tables import AuditEventRow
from app.storage.database import insert_unless_present
from app.storage.tables import InstanceSettingRow

CHANGED = "instance_setting.changed"
"""The audit action of a change."""


@dataclass(frozen=True)
class StoredValue:
    """A value, and who stored it when."""

    value: str
    changed_at: datetime
    changed_by: str


def stored(session: Session) -> dict[str, str]:
    """The stored values by key, defaults not included."""
    query = select(InstanceSettingRow.key, InstanceSettingRow.value)
    return {key: value for key, value in session.execute(query)}


def listed(session: Session) -> dict[str, StoredValue]:
    """The same with who changed them last, and when."""
    row = InstanceSettingRow
    query = select(row.key, row.value, row.changed_at, row.changed_by)
    return {key: StoredValue(value, at, by) for key, value, at, by in session.execute(query)}


def before_last_change(session: Session, key: str) -> str | None:
    """The value before the last change, as the audit log has it; None where retention removed that event."""
    event = AuditEventRow
    query = select(event.detail).where(event.object_id == key, event.action == CHANGED).order_by(event.id.desc())
    detail = session.scalar(query.limit(1))
    return None if detail is None else json.loads(detail).get("before")


def put(session: Session, key: str, value: str, now: datetime, by: str) -> None:
    values = {"value": value, "changed_at": now, "changed_by": by}
    insert_unless_present(session, InstanceSettingRow, key=key, **values)
    session.execute(update(InstanceSettingRow).where(InstanceSettingRow.key == key).values(**values))
