"""Queries on instance settings. Not here: which settings exist and what they mean (``app.domain.policy``)."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.tables import InstanceSettingRow


def stored(session: Session) -> dict[str, str]:
    """The stored values by key, defaults not included."""
    query = select(InstanceSettingRow.key, InstanceSettingRow.value)
    return {key: value for key, value in session.execute(query)}


def put(session: Session, key: str, value: str, now: datetime, by: str) -> None:
    values = {"value": value, "changed_at": now, "changed_by": by}
    insert_unless_present(session, InstanceSettingRow, key=key, **values)
    session.execute(update(InstanceSettingRow).where(InstanceSettingRow.key == key).values(**values))
