"""Queries on the counts of accepted and refused access tokens by hour."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.operating_tables import CheckCountRow


def add(session: Session, hour: datetime, accepted: int, refused: int) -> None:
    """Add to the hour that begins at `hour`; safe against others doing the same."""
    insert_unless_present(session, CheckCountRow, hour=hour, accepted=0, refused=0)
    row = CheckCountRow
    values = {"accepted": row.accepted + accepted, "refused": row.refused + refused}
    session.execute(update(row).where(row.hour == hour).values(values))


def since(session: Session, hour: datetime) -> list[CheckCountRow]:
    """From that hour on, in order, without the hours that have no checks."""
    query = select(CheckCountRow).where(CheckCountRow.hour >= hour)
    return list(session.scalars(query.order_by(CheckCountRow.hour)))


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` hours that began at or before `cutoff`; how many."""
    old = select(CheckCountRow.hour).where(CheckCountRow.hour <= cutoff).limit(most)
    statement = delete(CheckCountRow).where(CheckCountRow.hour.in_(old)).returning(CheckCountRow.hour)
    return len(session.scalars(statement).all())
