"""Statements that find one row by its public id. Not here: how they are run (``plain_lookup``)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ClauseElement

from app.storage.database import Database
from app.storage.plain_lookup import PlainLookup

Row = TypeVar("Row")


class ByPublicId(PlainLookup[str, Row]):
    """`make`: of a named tuple with the statement's columns in order. `of_several`: the statement by the array
    ``public_ids``, with the public id as its last column."""

    def __init__(
        self,
        database: Database,
        statement: ClauseElement,
        make: Callable[[Iterable[Any]], Row],
        names: Sequence[str],
        of_several: ClauseElement,
        beside: PlainLookup[Any, Any] | None = None,
    ) -> None:
        super().__init__(database, statement, names, of_several, beside)
        self._make = make

    def _read_sqlite(self, cursor: Any, asked: str) -> Row | None:
        rows = cursor.execute(self._sql, (asked,)).fetchall()
        return self._make(self._with_instants(rows[0])) if rows else None

    def _read_postgresql(self, cursor: Any, asked: str) -> Row | None:
        row = cursor.execute(self._sql, {"public_id": asked}, prepare=True).fetchone()
        return None if row is None else self._make(row)

    def _read_several(self, cursor: Any, asked: Sequence[str]) -> dict[str, Row]:
        rows = cursor.execute(self._sql_of_several, {"public_ids": asked}, prepare=True).fetchall()
        return {row[-1]: self._make(row[:-1]) for row in rows}
