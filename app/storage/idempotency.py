"""Queries on the creating calls that were done under an Idempotency-Key.

Not here: what a repeat is answered (``app.services.idempotency``).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.tables import IdempotencyKeyRow


def find(session: Session, user_id: int, key_digest: str) -> IdempotencyKeyRow | None:
    return session.scalars(select(IdempotencyKeyRow).where(*_of(user_id, key_digest))).one_or_none()


def insert(session: Session, user_id: int, key_digest: str, request_digest: str, created: str, now: datetime) -> bool:
    """Keep the call under this key, unless there is one: False.

    Where another transaction is about to keep one under the same key, this waits for its end.
    """
    values = {"request_digest": request_digest, "created": created, "created_at": now}
    return insert_unless_present(session, IdempotencyKeyRow, user_id=user_id, key_digest=key_digest, **values)


def forget(session: Session, user_id: int, key_digest: str, cutoff: datetime) -> None:
    """Delete the call under this key if it was made by `cutoff`."""
    statement = delete(IdempotencyKeyRow).where(*_of(user_id, key_digest), IdempotencyKeyRow.created_at <= cutoff)
    session.execute(statement)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that were made by `cutoff`; how many."""
    row = IdempotencyKeyRow
    old = select(row).where(row.created_at <= cutoff).limit(most).with_for_update(skip_locked=True)
    rows = list(session.scalars(old))
    for each in rows:
        session.delete(each)
    session.flush()
    return len(rows)


def _of(user_id: int, key_digest: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return IdempotencyKeyRow.user_id == user_id, IdempotencyKeyRow.key_digest == key_digest
