"""What somebody with access to the database, but not to the keys, can do to the audit log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import text

from app.storage.database import Database

COLUMNS = (
    "at, actor, actor_id, action, object_kind, object_id, address, request_id, result, detail, credential"
)  # fmt: skip


def tamper(database: Database, *statements: str) -> None:
    """Take away the triggers, and run these."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
            drops = [f"DROP TRIGGER {name}" for name in connection.scalars(text(query))]
        else:
            tables = ("audit_events", "audit_seals")
            drops = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables]
        for statement in (*drops, *statements):
            connection.execute(text(statement))
        connection.commit()


@contextmanager
def undoing(database: Database) -> Iterator[Callable[[], None]]:
    """Keeps copies of events and seals, and puts them back when called."""
    tables = ("audit_events", "audit_seals")
    tamper(database, *(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}" for table in tables))
    back = [f"INSERT INTO {table} SELECT * FROM kept_{table}" for table in tables]
    yield lambda: tamper(database, *(f"DELETE FROM {table}" for table in tables), *back)


def copied(source: int, target: int, **changes: str) -> str:
    """The statement that inserts a copy of an event under another id."""
    values = [changes.get(column, column) for column in COLUMNS.split(", ")]
    selected = f"SELECT {target}, {', '.join(values)} FROM audit_events WHERE id = {source}"
    return f"INSERT INTO audit_events (id, {COLUMNS}) {selected}"


ATTACKS: dict[str, tuple[str, ...]] = {
    **{
        f"{column} changed": (f"UPDATE audit_events SET {column} = {value} WHERE id = 5",)
        for column, value in {
            "at": "'2020-01-01 00:00:00.000001'", "actor": "'mallory'", "actor_id": "coalesce(actor_id, 0) + 1",
            "action": "'refresh_token.created'", "object_kind": "'thing'", "object_id": "'somebody'",
            "address": "'203.0.113.9'", "request_id": "'other'", "result": "'refused'",
            "detail": "'{\"reason\": \"innocent\"}'", "credential": "'session 1'",
        }.items()
    },
    "deleted": ("DELETE FROM audit_events WHERE id = 5",),
    "the first deleted": ("DELETE FROM audit_events WHERE id = 1",),
    "all of a range deleted": ("DELETE FROM audit_events WHERE id BETWEEN 4 AND 6",),
    "moved to the other stream": ("UPDATE audit_events SET action = 'access_token.minted' WHERE id = 5",),
    "added": (copied(4, 0),),
    "reordered": (
        "UPDATE audit_events SET id = -1 WHERE id = 5", "UPDATE audit_events SET id = 5 WHERE id = 6",
        "UPDATE audit_events SET id = 6 WHERE id = -1",
    ),
    "a seal deleted": ("DELETE FROM audit_seals WHERE position = 2",),
    "a range deleted with its seal": (
        "DELETE FROM audit_events WHERE id BETWEEN 4 AND 6", "DELETE FROM audit_seals WHERE position = 2",
    ),
    "a range deleted and renumbered": (
        "DELETE FROM audit_events WHERE id BETWEEN 4 AND 6", "DELETE FROM audit_seals WHERE position = 2",
        "UPDATE audit_seals SET position = position - 1 WHERE position > 2",
    ),
    "a seal changed": ("UPDATE audit_seals SET sealed_at = '2020-01-01 00:00:00.000000' WHERE position = 2",),
    "a seal's number changed": (
        "DELETE FROM audit_events WHERE id = 5", "UPDATE audit_seals SET number = number - 1 WHERE position = 2",
    ),
    "the oldest deleted as retention does": (
        "DELETE FROM audit_events WHERE id <= 6", "DELETE FROM audit_seals WHERE position < 2",
        "UPDATE audit_seals SET removed_at = sealed_at, removal_mac = mac WHERE position = 2",
    ),
    "all seals deleted": ("DELETE FROM audit_seals",),
}  # fmt: skip
"""Of a log of ordinary events 1 to 10, in sealed ranges of three."""
