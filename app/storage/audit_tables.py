"""The table of audit events. Not here: their seals (``operating_tables``)."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.partial_index import PartialIndex
from app.storage.tables import BigId

NOT_MINTED = "action <> 'access_token.minted'"
"""The condition of the index of audit events that are not of mints, which are by far the most."""

OF_NO_USER = "actor_id IS NULL"
"""The condition of the index of the actors that are no users: commands and jobs."""

NOT_DONE = "result != 'done'"
"""The condition of the index of audit events that are not of changes."""


class AuditEventRow(Base):
    """Append-only: the migrations' triggers refuse changes, and deletions but of ranges that are marked as removed."""

    __tablename__ = "audit_events"
    __table_args__ = (
        PartialIndex("ix_audit_events_not_minted", "id", "action", where=NOT_MINTED),
        PartialIndex("ix_audit_events_of_no_user", "actor", where=OF_NO_USER),
        PartialIndex("ix_audit_events_not_done", "id", where=NOT_DONE),
        Index("ix_audit_events_object", "object_id", "id"),
        Index("ix_audit_events_actor", "actor", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(150))
    actor_id: Mapped[int | None] = mapped_column(BigId)
    action: Mapped[str] = mapped_column(String(64))
    object_kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(150))
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(36))
    result: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text)
    credential: Mapped[str | None] = mapped_column(String(180))
