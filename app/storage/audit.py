"""Appending to the audit log. Reading it is in ``listing``; changing it is refused by the database."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.storage.tables import AuditEventRow


def append(session: Session, at: datetime, **columns: str | int | None) -> None:
    session.add(AuditEventRow(at=at, **columns))
