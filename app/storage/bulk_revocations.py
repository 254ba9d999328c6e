"""Queries on revocations of many tokens, and on their parts: what of each is still to be marked as revoked.

Not here: which tokens (``matching``), and marking them (``access_tokens``).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.storage.operating_tables import BulkRevocationPartRow, BulkRevocationRow
from app.storage.refresh_tokens import Revocation

_PART = BulkRevocationPartRow


def add(
    session: Session,
    revocation: Revocation,
    refresh_tokens: int,
    access_tokens: int,
    *,
    unmarked: int = 0,
    parts: Sequence[Sequence[int]] = (),
) -> BulkRevocationRow:
    """Add a revocation with its totals. `parts`: ids of refresh tokens whose access tokens are still to be marked."""
    row = BulkRevocationRow(
        revoked_at=revocation.at,
        revoked_by=revocation.by,
        revoke_reason=revocation.reason,
        refresh_tokens=refresh_tokens,
        access_tokens=access_tokens,
        unmarked=unmarked,
        finished_at=None if parts else revocation.at,
    )
    session.add(row)
    session.flush()
    session.add_all(
        _PART(bulk_revocation_id=row.id, number=number, refresh_token_ids=",".join(map(str, ids)))
        for number, ids in enumerate(parts)
    )
    return row


def find(session: Session, row_id: int) -> BulkRevocationRow | None:
    return session.get(BulkRevocationRow, row_id)


def unfinished(session: Session) -> list[int]:
    """The ids of those that have parts left, oldest first."""
    query = select(BulkRevocationRow.id).where(BulkRevocationRow.finished_at.is_(None))
    return list(session.scalars(query.order_by(BulkRevocationRow.id)))


def hold_unfinished(session: Session, row_id: int) -> BulkRevocationRow | None:
    """The row, locked to the end of the transaction; None where it is finished. Others who mark wait here."""
    query = select(BulkRevocationRow).where(BulkRevocationRow.id == row_id, BulkRevocationRow.finished_at.is_(None))
    return session.scalars(query.with_for_update()).one_or_none()


def take_part(session: Session, row_id: int) -> list[int]:
    """Delete the first part of a held revocation; its refresh tokens, none where no part is left."""
    first = select(_PART.number).where(_PART.bulk_revocation_id == row_id).order_by(_PART.number).limit(1)
    which = (_PART.bulk_revocation_id == row_id, _PART.number == first.scalar_subquery())
    ids = session.scalar(delete(_PART).where(*which).returning(_PART.refresh_token_ids))
    return [int(each) for each in ids.split(",")] if ids else []


def note_marked(session: Session, row: BulkRevocationRow, marked: int, now: datetime) -> None:
    """Count access tokens of a held revocation as marked; finished where no part is left."""
    is_left = session.scalar(select(_PART.number).where(_PART.bulk_revocation_id == row.id).limit(1)) is not None
    # One that ended by itself meanwhile is marked by nobody.
    unmarked = max(row.unmarked - marked, 0) if is_left else 0
    values = {"unmarked": unmarked, "finished_at": None if is_left else now}
    session.execute(update(BulkRevocationRow).where(BulkRevocationRow.id == row.id).values(values))


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that were finished at or before `cutoff`; how many."""
    old = select(BulkRevocationRow.id).where(
        BulkRevocationRow.revoked_at <= cutoff, BulkRevocationRow.finished_at <= cutoff
    )
    old = old.order_by(BulkRevocationRow.revoked_at).limit(most)
    statement = delete(BulkRevocationRow).where(BulkRevocationRow.id.in_(old)).returning(BulkRevocationRow.id)
    return len(session.scalars(statement).all())
