"""Lists of audit events, newest first, in keyset pages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import literal_column, select
from sqlalchemy.orm import Session

from app.domain.audit import Result
from app.storage.audit_tables import NOT_DONE, AuditEventRow


def events(
    session: Session,
    actor: str | None,
    action: str | None,
    object_id: str | None,
    after: int | None,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
    result: Result | None = None,
) -> list[AuditEventRow]:
    """At most `limit` events, newest first, after the one with the id `after`, from `since` to before `until`.

    None does not narrow.
    """
    named = ((AuditEventRow.actor, actor), (AuditEventRow.action, action), (AuditEventRow.object_id, object_id))
    query = select(AuditEventRow).where(*(column == value for column, value in named if value is not None))
    if since is not None:
        query = query.where(AuditEventRow.at >= since)
    if until is not None:
        query = query.where(AuditEventRow.at < until)
    if result is not None:
        query = query.where(AuditEventRow.result == result)
        if result is not Result.DONE:
            query = query.where(literal_column(NOT_DONE))  # as text: else SQLite does not see that its index has all
    if after is not None:
        query = query.where(AuditEventRow.id < after)
    return list(session.scalars(query.order_by(AuditEventRow.id.desc()).limit(limit)))


def events_about(session: Session, object_ids: Sequence[str], limit: int) -> list[AuditEventRow]:
    """The newest `limit` about any of these objects: at most so many of each are read."""
    found = [row for each in object_ids for row in events(session, None, None, each, None, limit)]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]
