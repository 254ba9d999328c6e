"""Queries for taking away again what a restored state gave back: tokens by public id, whatever their state."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy import and_, case, delete, func, select
from sqlalchemy.orm import Session

from app.domain.audit_seals import AuditSeal
from app.storage import audit_seals
from app.storage.audit_tables import AuditEventRow
from app.storage.liveness import MAYBE_ACTIVE, TokenTable
from app.storage.many_rows import rows_of
from app.storage.tables import AccessTokenRow, RefreshTokenRow, SessionRow

T = TypeVar("T")

CHUNK = 500
"""Parameters of one statement."""


class Found(NamedTuple):
    """A token's row. `changed_at`: when it was created, or last regenerated or rotated."""

    id: int
    public_id: str
    changed_at: datetime


def refresh_tokens(session: Session, public_ids: Iterable[str]) -> Iterator[Found]:
    """Those that exist."""
    regenerated, rotated = RefreshTokenRow.regenerated_at, RefreshTokenRow.rotated_at
    latest = case((rotated > func.coalesce(regenerated, RefreshTokenRow.created_at), rotated), else_=regenerated)
    changed_at = func.coalesce(latest, RefreshTokenRow.created_at, type_=_INSTANT)
    query = select(RefreshTokenRow.id, RefreshTokenRow.public_id, changed_at)
    for some in _chunks(public_ids):
        for row in session.execute(query.where(RefreshTokenRow.public_id.in_(some))):
            yield Found(*row)


def access_tokens(session: Session, public_ids: Iterable[str]) -> Iterator[Found]:
    """Those that exist."""
    query = select(AccessTokenRow.id, AccessTokenRow.public_id, AccessTokenRow.created_at)
    for some in _chunks(public_ids):
        for row in session.execute(query.where(AccessTokenRow.public_id.in_(some))):
            yield Found(*row)


def unended_under(session: Session, parents: Iterable[str]) -> Iterator[tuple[str, Found]]:
    """Access tokens of these refresh tokens that are active or were by some clock, each with its parent's public id."""
    query = (
        select(RefreshTokenRow.public_id, AccessTokenRow.id, AccessTokenRow.public_id, AccessTokenRow.created_at)
        .join(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
        .where(AccessTokenRow.status.in_(MAYBE_ACTIVE))
    )
    for some in _chunks(parents):
        for parent, row_id, public_id, created_at in session.execute(query.where(RefreshTokenRow.public_id.in_(some))):
            yield parent, Found(row_id, public_id, created_at)


def tokens_of_user(session: Session, user_id: int) -> tuple[list[Found], list[Found]]:
    """A user's refresh tokens and access tokens. `changed_at`: when they were created."""

    def of(table: TokenTable) -> list[Found]:
        query = select(table.id, table.public_id, table.created_at)
        return [Found(*row) for row in session.execute(query.where(table.user_id == user_id))]

    return of(RefreshTokenRow), of(AccessTokenRow)


def by_ids(session: Session, table: TokenTable, ids: Sequence[int]) -> list[Found]:
    """The rows with these ids."""
    rows: list[Found] = []
    for some in _chunks(ids):
        query = select(table.id, table.public_id, table.created_at).where(table.id.in_(some))
        rows += [Found(*row) for row in session.execute(query)]
    return rows


def latest_event(session: Session) -> AuditEventRow | None:
    return session.scalars(select(AuditEventRow).order_by(AuditEventRow.id.desc()).limit(1)).one_or_none()


def has_event(session: Session, event_id: int, at: datetime, action: str, object_id: str) -> bool:
    """Whether the audit log has this event under this id."""
    row = session.get(AuditEventRow, event_id)
    return row is not None and (row.at, row.action, row.object_id) == (at, action, object_id)


def has_later_event(session: Session, event_id: int, removed: Iterable[AuditSeal]) -> bool:
    """Whether the audit log has events after this id, other than those that were removed from another state of it."""
    later = AuditEventRow.id > event_id
    for seal in removed:
        later = and_(later, ~and_(AuditEventRow.id <= seal.last_id, audit_seals.is_in(seal.stream)))
    return session.scalar(select(AuditEventRow.id).where(later).limit(1)) is not None


def end_sessions(session: Session) -> int:
    """Delete all web sessions; how many."""
    return rows_of(session, delete(SessionRow))


_INSTANT = AccessTokenRow.__table__.c.created_at.type


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, CHUNK)):
        yield some


def every(read: Callable[[int, int], list[int]]) -> list[int]:
    """All ids, read in batches. `read`: of an id and a number, those after it."""
    ids: list[int] = []
    while some := read(ids[-1] if ids else 0, CHUNK):
        ids += some
    return ids
