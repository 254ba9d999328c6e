"""Statements about any number of rows, of which none is read: a single user can grow what they are about."""

from sqlalchemy import ColumnElement, CursorResult, func, select
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
