"""Queries on what counts once. Not here: what that is (``app.services.single_sign_on``)."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.operating_tables import SingleUseRow


def use(session: Session, digest: str, now: datetime) -> bool:
    """Note a use; False where it was used before. Waits for a transaction that uses the same."""
    return insert_unless_present(session, SingleUseRow, digest=digest, used_at=now)


def was_used(session: Session, digest: str) -> bool:
    """Whether a use is noted."""
    return session.scalar(select(SingleUseRow.digest).where(SingleUseRow.digest == digest)) is not None


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` used at or before `cutoff`; how many."""
    old = select(SingleUseRow.digest).where(SingleUseRow.used_at <= cutoff).order_by(SingleUseRow.used_at).limit(most)
    statement = delete(SingleUseRow).where(SingleUseRow.digest.in_(old)).returning(SingleUseRow.digest)
    return len(session.scalars(statement).all())
