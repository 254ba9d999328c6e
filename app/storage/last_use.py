"""Queries on the last use of access tokens. Not here: collecting uses (``app.services.last_use``)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import String, and_, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from app.domain.clock_mark import LONGEST_STEP
from app.storage.tables import AccessTokenRow


class Use(NamedTuple):
    """The time, client address and user agent of a use."""

    at: datetime
    address: str | None
    agent: str | None


def record_uses(session: Session, uses: Mapping[int, Use], spacing: timedelta, *, is_certain: bool = False) -> None:
    """Store the last uses by token id, except those less than `spacing` after the stored one.

    `is_certain`: the clock agrees with the database, so that a stored use in the future is a mistake and goes as well.
    A use without address and agent (an introspection) stores the time only. Locked rows are skipped: waiting for them
    while holding others could deadlock with a revocation.
    """
    row = AccessTokenRow
    address, agent = (bindparam(name, type_=String) for name in ("address", "agent"))
    is_time_only = and_(address.is_(None), agent.is_(None))
    free = select(row.id).where(row.id.in_(uses)).with_for_update(skip_locked=True, key_share=True)
    due = or_(row.last_used_at.is_(None), row.last_used_at <= bindparam("before"))
    if is_certain:
        due = or_(due, row.last_used_at > bindparam("future"))
    statement = update(row).where(row.id == bindparam("token"), due)
    statement = statement.values(
        last_used_at=bindparam("at"),
        last_used_ip=case((is_time_only, row.last_used_ip), else_=address),
        last_used_agent=case((is_time_only, row.last_used_agent), else_=agent),
    )
    values = [
        {"token": id, "before": uses[id].at - spacing, **uses[id]._asdict()}
        | ({"future": uses[id].at + LONGEST_STEP} if is_certain else {})
        for id in session.scalars(free)
    ]
    if values:
        session.connection().execute(statement, values)
