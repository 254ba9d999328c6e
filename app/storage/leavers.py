"""Who is treated as disabled until they sign in, in SQL; its twin is ``app.domain.leavers``."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from app.domain.leavers import last_too_old
from app.storage.tables import UserRow
from app.storage.user_table import VALID_DAYS

Person = type[UserRow] | Any
"""The table of users, or an alias of it."""


def too_old(session: Session, now: datetime) -> datetime | None:
    """The last ``vouched_at`` that is too old by the present setting; None where none is."""
    days = session.scalar(select(VALID_DAYS))
    return last_too_old(timedelta(days=int(days or 0)), now)


def is_away(person: Person, old: datetime | None) -> ColumnElement[bool]:
    """Whether a person's ``vouched_at`` is `old` or older."""
    return false() if old is None else and_(person.vouched_at.is_not(None), person.vouched_at <= old)


def is_enabled(person: Person, old: datetime | None) -> ColumnElement[bool]:
    """Whether a person is neither disabled nor away."""
    if old is None:
        return person.is_active.is_(True)
    return and_(person.is_active, or_(person.vouched_at.is_(None), person.vouched_at > old))
