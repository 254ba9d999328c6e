"""INSERT with what happens where the row exists: each database's own, which alone is imported."""

from typing import Any


def upsert(table: Any, on_sqlite: bool) -> Any:
    """An INSERT with ``on_conflict_do_…``, of SQLite or PostgreSQL, into a table or mapped class."""
    if on_sqlite:
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # 2 MB that a worker on SQLite does not need

    return postgresql.insert(table)
