"""Queries on the requests done under an ``Idempotency-Key``."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.operating_tables import IdempotencyKeyRow


def find(session: Session, user_id: int, key_digest: str) -> IdempotencyKeyRow | None:
    return session.scalars(select(IdempotencyKeyRow).where(*_of(user_id, key_digest))).one_or_none()


def insert(session: Session, user_id: int, key_digest: str, request_digest: str, created: str, now: datetime) -> bool:
    """Insert the request; False where the key exists. Waits for a transaction that inserts the same key."""
    values = {"request_digest": request_digest, "created": created, "created_at": now}
    return insert_unless_present(session, IdempotencyKeyRow, user_id=user_id, key_digest=key_digest, **values)


def delete_old(session: Session, user_id: int, key_digest: str, cutoff: datetime) -> None:
    """Delete the request under this key if created at or before `cutoff`."""
    statement = delete(IdempotencyKeyRow).where(*_of(user_id, key_digest), IdempotencyKeyRow.created_at <= cutoff)
    session.execute(statement)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` created at or before `cutoff`; how many."""
    row = IdempotencyKeyRow
    old = select(row).where(row.created_at <= cutoff).limit(most).with_for_update(skip_locked=True)
    rows = list(session.scalars(old))
    for each in rows:
        session.delete(each)
    session.flush()
    return len(rows)


def _of(user_id: int, key_digest: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return IdempotencyKeyRow.user_id == user_id, IdempotencyKeyRow.key_digest == key_digest
