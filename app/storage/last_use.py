"""Storing when, from where and by what access tokens were used last. Gathering it is in ``app.services.last_use``."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import String, and_, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from app.storage.tables import AccessTokenRow


class Use(NamedTuple):
    """When, from which address, and by which user agent a token was used."""

    at: datetime
    address: str | None
    agent: str | None


def record_uses(session: Session, uses: Mapping[int, Use], spacing: timedelta) -> None:
    """Write down the last uses by token id, never back in time, and none that follows another by less than `spacing`.

    Of a use without address and agent, which somebody else only told us of, the time alone is written. A token that
    somebody is changing at this moment is left out: this must never wait while it holds other rows, or it could
    deadlock with who revokes them.
    """
    row = AccessTokenRow
    address, agent = (bindparam(name, type_=String) for name in ("address", "agent"))
    is_hearsay = and_(address.is_(None), agent.is_(None))
    free = select(row.id).where(row.id.in_(uses)).with_for_update(skip_locked=True, key_share=True)
    due = or_(row.last_used_at.is_(None), row.last_used_at <= bindparam("before"))
    statement = update(row).where(row.id == bindparam("token"), due)
    statement = statement.values(
        last_used_at=bindparam("at"),
        last_used_ip=case((is_hearsay, row.last_used_ip), else_=address),
        last_used_agent=case((is_hearsay, row.last_used_agent), else_=agent),
    )
    values = [{"token": id, "before": uses[id].at - spacing, **uses[id]._asdict()} for id in session.scalars(free)]
    if values:
        session.connection().execute(statement, values)
