"""Queries on the seals of the audit log, on events as they are stored, and on which of these are settled."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.orm import Session

from app.domain.audit import HIGH_VOLUME, AuditEvent, Stream
from app.domain.audit_seals import AuditSeal, StoredEvent
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database, insert_unless_present
from app.storage.operating_tables import AuditSealRow

PAGE = 1000

BEFORE_ALL = -(2**63)
"""An id before all that a database can hold, also before those that Daypass gives."""

SETTLED_WITHIN_SECONDS = 5
LOOK_SECONDS = 0.02

_EVENT = tuple(getattr(AuditEventRow, each.name) for each in fields(AuditEvent))
_SEAL = tuple(getattr(AuditSealRow, each.name) for each in fields(AuditSeal))

_WRITERS = text(
    "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted "
    "AND mode = 'RowExclusiveLock' AND relation = 'audit_events'::regclass "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The open transactions that have inserted into audit_events, or are about to."""


def settled_id(database: Database) -> int | None:
    """An id up to which no event will appear any more; None where that can't be said in time.

    SQLite has one writer at a time. On PostgreSQL, events get their ids in order and become visible when their
    transactions commit, in any order. An INSERT locks the table in ROW EXCLUSIVE mode before it takes an id, and its
    transaction holds the lock until it is visible or rolled back
    (https://www.postgresql.org/docs/current/explicit-locking.html). So every id up to one that is visible belongs to a
    transaction that is over, or holds this lock now; when those have ended, all is settled. Nobody waits for this.
    """
    with database.reading() as session:
        latest = latest_id(session)
    if database.is_sqlite:
        return latest
    with database.reading() as session:
        open_then = set(session.scalars(_WRITERS))
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while open_then:
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_SECONDS)
        with database.reading() as session:
            open_then &= set(session.scalars(_WRITERS))
    return latest


def latest_id(session: Session) -> int:
    """The id of the latest event that is visible; 0 without any."""
    return session.scalar(select(func.coalesce(func.max(AuditEventRow.id), 0))) or 0


def events(
    session: Session, beyond: int, limit: int, until: int | None = None, stream: Stream | None = None
) -> list[StoredEvent]:
    """At most `limit` events after the id `beyond`, up to the id `until`, oldest first."""
    query = select(*_EVENT).where(AuditEventRow.id > beyond)
    if until is not None:
        query = query.where(AuditEventRow.id <= until)
    if stream is not None:
        query = query.where(is_in(stream))
    return [_stored_event(row) for row in session.execute(query.order_by(AuditEventRow.id).limit(limit))]


def first_since(session: Session, since: datetime) -> int | None:
    """The least id of the events from this time on."""
    return session.scalar(select(func.min(AuditEventRow.id)).where(AuditEventRow.at >= since))


def latest(session: Session, stream: Stream) -> AuditSeal | None:
    """The newest seal of a stream."""
    return _one(session, AuditSealRow.stream == stream, order=AuditSealRow.position.desc())


def oldest(session: Session, stream: Stream) -> AuditSeal | None:
    """The oldest seal of a stream that is kept; its range may be marked as removed."""
    return _one(session, AuditSealRow.stream == stream, order=AuditSealRow.position)


def at_position(session: Session, stream: Stream, position: int) -> AuditSeal | None:
    return _one(session, AuditSealRow.stream == stream, AuditSealRow.position == position)


def covering(session: Session, stream: Stream, event_id: int) -> AuditSeal | None:
    """The oldest seal of a stream that reaches this id."""
    return _one(session, AuditSealRow.stream == stream, AuditSealRow.last_id >= event_id, order=AuditSealRow.last_id)


def after(
    session: Session, stream: Stream, position: int, limit: int = PAGE, until: int | None = None
) -> list[AuditSeal]:
    """At most `limit` seals of a stream after this position, up to the position `until`, in order."""
    query = select(*_SEAL).where(AuditSealRow.stream == stream, AuditSealRow.position > position)
    if until is not None:
        query = query.where(AuditSealRow.position <= until)
    return [_seal(row) for row in session.execute(query.order_by(AuditSealRow.position).limit(limit))]


def add(session: Session, seals: Iterable[AuditSeal]) -> bool:
    """Insert all; False where another process has sealed one of the ranges, and the caller rolls back."""
    return all(
        at_position(session, seal.stream, seal.position) is None  # else a trigger of SQLite's refuses
        and insert_unless_present(session, AuditSealRow, **asdict(seal))
        for seal in seals
    )


def remove(session: Session, ranges: list[AuditSeal]) -> int:
    """Delete the events of these ranges of a stream, in order and the oldest first; how many.

    The last seal, which has the proof, stays: the next one continues from it.
    """
    last, stream = ranges[-1], ranges[-1].stream
    of_stream = AuditSealRow.stream == stream
    marks = {"removed_at": last.removed_at, "removal_mac": last.removal_mac}
    reached = (AuditSealRow.position >= ranges[0].position, AuditSealRow.position <= last.position)
    session.execute(update(AuditSealRow).where(of_stream, *reached).values(marks))
    first_id = min(each.first_id for each in ranges)
    which = (AuditEventRow.id >= first_id, AuditEventRow.id <= last.last_id, is_in(stream))
    deleted = session.connection().execute(delete(AuditEventRow).where(*which)).rowcount
    session.execute(delete(AuditSealRow).where(of_stream, AuditSealRow.position < last.position))
    return deleted


def forget_others(session: Session, key_id: str, now: datetime) -> int:
    """Delete the seals from the first one of another key on, of both streams; how many. All after are sealed again."""
    first = session.scalar(select(func.min(AuditSealRow.first_id)).where(AuditSealRow.key_id != key_id))
    if first is None:
        return 0
    from_then_on = AuditSealRow.last_id >= first  # the streams are sealed together, up to the same id
    session.execute(update(AuditSealRow).where(from_then_on, AuditSealRow.removed_at.is_(None)).values(removed_at=now))
    return session.connection().execute(delete(AuditSealRow).where(from_then_on)).rowcount


def is_in(stream: Stream) -> ColumnElement[bool]:
    """Whether an event belongs to that stream."""
    is_high_volume = AuditEventRow.action.in_(sorted(HIGH_VOLUME))
    return is_high_volume if stream is Stream.HIGH_VOLUME else ~is_high_volume


def _one(session: Session, *conditions: ColumnElement[bool], order: Any = None) -> AuditSeal | None:
    row = session.execute(select(*_SEAL).where(*conditions).order_by(order).limit(1)).one_or_none()
    return None if row is None else _seal(row)


def _seal(row: Any) -> AuditSeal:
    return AuditSeal(**dict(row._mapping) | {"stream": Stream(row.stream)})


def _stored_event(row: Any) -> StoredEvent:
    return StoredEvent(AuditEvent(**dict(row._mapping) | {"detail": _parsed(row.detail)}), row.detail)


def _parsed(detail: str) -> dict[str, Any]:
    """Daypass writes objects only; somebody else may have written anything."""
    try:
        found = json.loads(detail)
    except (TypeError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"unreadable": str(detail)}
