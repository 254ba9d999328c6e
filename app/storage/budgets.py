"""Counters of the current hour, on refresh tokens and accounts: raised in the transaction of what they count.

Not here: the limits, and the refusals beyond them (``app.services.budgets``).
"""

from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, bindparam, case, or_, select
from sqlalchemy.orm import Session

from app.domain.budgets import HOUR
from app.domain.clock import CLOCK_TOLERANCE
from app.storage.operating_tables import AccountBudgetRow
from app.storage.upserts import upsert

ACCOUNTS = cast(Table, AccountBudgetRow.__table__)
MINTS, REGENERATIONS, CREATIONS = "mints_in_hour", "regenerations_in_hour", "creations_in_hour"


def raised(table: Table, *counters: str) -> dict[str, ColumnElement[Any]]:
    """The values of an UPDATE that counts one more in each of `counters`; see :func:`instants`."""
    ends_at, is_over = table.c.hour_ends_at, _is_over(table)
    next_end = bindparam("hour_ends_at", type_=ends_at.type)
    values: dict[str, ColumnElement[Any]] = {"hour_ends_at": case((is_over, next_end), else_=ends_at)}
    for column in (each for each in table.c if each.name in (MINTS, REGENERATIONS, CREATIONS)):
        more = 1 if column.name in counters else 0
        values[column.name] = case((is_over, more), else_=column + more)
    return values


def instants(now: datetime) -> dict[str, datetime]:
    """The parameters of the statements that count: an hour begins with what is counted first."""
    return {"now": now, "hour_ends_at": now + HOUR, "latest": now + HOUR + CLOCK_TOLERANCE}


def _is_over(table: Table) -> ColumnElement[bool]:
    """Over, or begun by a clock that was wrong: it would refuse until that time. See ``app.domain.budgets``."""
    ends_at = table.c.hour_ends_at
    now, latest = (bindparam(name, type_=ends_at.type) for name in ("now", "latest"))
    return or_(ends_at.is_(None), ends_at <= now, ends_at > latest)


def spend(session: Session, user_id: int, counter: str, limit: int, now: datetime) -> datetime | None:
    """Count one of an account in one statement; None, or the end of the hour where it has reached the limit.

    Lock the token's or user's row before: this row is locked last, to the end of the transaction.
    """
    values = instants(now) | {"user_id": user_id, "limit": limit}
    if session.scalar(_spend(session.get_bind().dialect.name == "sqlite", counter), values) is not None:
        return None
    return session.scalar(select(ACCOUNTS.c.hour_ends_at).where(ACCOUNTS.c.user_id == user_id)) or now


@cache
def _spend(on_sqlite: bool, counter: str) -> Any:
    first = {"user_id": bindparam("user_id"), "hour_ends_at": bindparam("hour_ends_at"), MINTS: 0, CREATIONS: 0}
    statement = upsert(ACCOUNTS, on_sqlite).values(first | {counter: 1})
    fits = or_(_is_over(ACCOUNTS), ACCOUNTS.c[counter] < bindparam("limit"))
    statement = statement.on_conflict_do_update(
        index_elements=[ACCOUNTS.c.user_id], set_=raised(ACCOUNTS, counter), where=fits
    )
    return statement.returning(ACCOUNTS.c.user_id)
