"""Indexes of some rows of a table. SQLAlchemy's own take the condition once for each database, and import both."""

from typing import Any

from sqlalchemy import Connection, Index, Table, event, text


class PartialIndex(Index):
    """An index of the rows for which `where`, a condition in SQL, is true."""

    def __init__(self, name: str, *columns: str, where: str, **options: Any) -> None:
        super().__init__(name, *columns, **options)
        self._where = where

    def apply_to(self, database: str) -> None:
        """Have the condition in the statement that creates it, on the database of this name."""
        self.dialect_options[database]["where"] = text(self._where)


@event.listens_for(Table, "before_create")
def _complete(table: Table, connection: Connection, **_options: object) -> None:
    for index in table.indexes:
        if isinstance(index, PartialIndex):
            index.apply_to(connection.dialect.name)
