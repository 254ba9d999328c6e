"""Lists of audit events, page by page. Not here: the whole log in order, with its seals (``audit_trail``)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent, Result
from app.domain.audit_search import AuditSearch
from app.services.cursors import Cursors
from app.services.keyset import LARGEST_PAGE, Page, page_at, page_of, place_of, row_of
from app.storage import audit_list, audit_search
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.named import ids_of_users_ever, names_of_tokens

AUDIT_EVENTS = "audit events"
SEARCHED_EVENTS = "audit events of a search"
TOKENS = ("access_token", "refresh_token")


@dataclass(frozen=True)
class FoundEvents:
    """A page of events, and how many match. `is_counted`: whether `total` are all, or there are more.

    `first`: the number of the first one on the page, from 1; None beyond what is counted. `since`: where a search
    looked at later events only, the time of the first one. `token_names`: by public id. `user_ids`: by user name.
    """

    page: Page[AuditEvent]
    total: int = 0
    is_counted: bool = True
    first: int | None = 1
    since: datetime | None = None
    token_names: dict[str, str] = field(default_factory=dict)
    user_ids: dict[str, int] = field(default_factory=dict)


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
        page = page_of([as_event(row) for row in rows], limit, lambda event: event.id)
        return Page(page.items, self._cursors.write(AUDIT_EVENTS, page.cursor))

    def found(self, search: AuditSearch, cursor: str | None = None, limit: int = 25) -> FoundEvents:
        """Events that a search finds, newest first, and what their objects are called. `cursor`: of the page beside."""
        place = place_of(self._cursors.read(SEARCHED_EVENTS, cursor))
        with self._database.reading() as session:
            reach = audit_search.reach(session, search)
            if reach is None:
                return FoundEvents(Page([], None))
            rows = audit_search.page(session, reach, place.row_id, limit + 1, is_backwards=place.is_backwards)
            page = page_at(place, [as_event(row) for row in rows], limit, lambda event: event.id)
            number = audit_search.count(session, reach)
            before = audit_search.count(session, reach, page.items[0].id) if page.items and page.newer else 0
            token_names, user_ids = _behind(session, page.items)
        sealed = Page(page.items, *(self._cursors.write(SEARCHED_EVENTS, each) for each in (page.cursor, page.newer)))
        most = audit_search.MOST_COUNTED
        first = before + 1 if before <= most else None
        return FoundEvents(sealed, min(number, most), number <= most, first, reach.since, token_names, user_ids)

    def every(self, search: AuditSearch) -> Iterator[AuditEvent]:
        """All that a search finds, newest first, read in pages."""
        with self._database.reading() as session:
            reach = audit_search.reach(session, search)
        after: int | None = None
        while reach is not None:
            with self._database.reading() as session:
                events = [as_event(row) for row in audit_search.page(session, reach, after, LARGEST_PAGE)]
            yield from events
            if len(events) < LARGEST_PAGE:
                return
            after = events[-1].id


def _behind(session: Session, events: list[AuditEvent]) -> tuple[dict[str, str], dict[str, int]]:
    tokens = {event.object_id for event in events if event.object_kind in TOKENS}
    users = {event.object_id for event in events if event.object_kind == "user"} | {event.actor for event in events}
    return names_of_tokens(session, tokens), ids_of_users_ever(session, users)


def as_event(row: AuditEventRow) -> AuditEvent:
    values = {each.name: getattr(row, each.name) for each in fields(AuditEvent)}
    return AuditEvent(**values | {"detail": json.loads(row.detail)})
