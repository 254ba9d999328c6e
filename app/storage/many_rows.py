"""Statements about any number of rows, of which none is read: a single user can grow what they are about."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, CursorResult, any_, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.dml import UpdateBase


def lock_in_order(session: Session, row_id: InstrumentedAttribute[int], which: ColumnElement[bool]) -> None:
    """Lock these rows to the end of the transaction, in order of id against deadlocks.

    FOR NO KEY UPDATE: who inserts a row that refers to one of them need not wait.
    """
    if session.get_bind().dialect.name == "sqlite":  # the whole database is locked
        return
    locked = select(row_id).where(which).order_by(row_id).with_for_update(key_share=True)
    session.execute(select(func.count()).select_from(locked.subquery()))


def rows_of(session: Session, statement: UpdateBase) -> int:
    """Execute an UPDATE or DELETE; how many rows it changed."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount


def change_some(
    session: Session,
    row_id: InstrumentedAttribute[int],
    which: ColumnElement[bool],
    first: InstrumentedAttribute[Any],
    values: dict[str, Any],
    most: int,
) -> int:
    """Give at most `most` of these rows these values, but for those that others hold; how many.

    `first`: the column of an index that finds them in its order. Without an order, PostgreSQL takes a batch of many for
    one that it comes by anywhere in the table, and reads all that earlier batches have left behind.
    """
    # A common table expression is evaluated once; a subquery with a limit may be again for each row.
    some = select(row_id).where(which).order_by(first).limit(most).with_for_update(skip_locked=True).cte("some")
    return rows_of(session, update(row_id.class_).where(row_id.in_(select(some.c.id))).values(**values))


def is_one_of(session: Session, column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether the column has one of these. One parameter on PostgreSQL, where thousands take most of the time."""
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(values)
    return column == any_(literal(list(values), ARRAY(column.type)))
