"""Lists of audit events, page by page. Not here: the whole log in order, with its seals (``audit_trail``)."""

import json
from dataclasses import fields
from datetime import datetime

from app.domain.audit import AuditEvent, Result
from app.services.cursors import Cursors
from app.services.keyset import Page, page_of, row_of
from app.storage import audit_list
from app.storage.database import Database
from app.storage.tables import AuditEventRow

AUDIT_EVENTS = "audit events"


class AuditList:
    """Reads lists of events. `limit`: 1 to 500. `cursor`: of the previous page; refuses others with BadRequest."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._cursors = Cursors(key)

    def events(
        self,
        actor: str | None = None,
        action: str | None = None,
        object_id: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        since: datetime | None = None,
        until: datetime | None = None,
        result: Result | None = None,
    ) -> Page[AuditEvent]:
        """Audit events that match, newest first, from `since` (inclusive) to `until` (exclusive)."""
        after = row_of(self._cursors.read(AUDIT_EVENTS, cursor))
        with self._database.reading() as session:
            rows = audit_list.events(session, actor, action, object_id, after, limit + 1, since, until, result)
        page = page_of([_as_event(row) for row in rows], limit, lambda event: event.id)
        return Page(page.items, self._cursors.write(AUDIT_EVENTS, page.cursor))


def _as_event(row: AuditEventRow) -> AuditEvent:
    values = {each.name: getattr(row, each.name) for each in fields(AuditEvent)}
    return AuditEvent(**values | {"detail": json.loads(row.detail)})
