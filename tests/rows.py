"""What stands in the tables, read past the services, and ways to make the database refuse."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, func, insert, select, text

from app.domain.clock import system_clock
from app.domain.secrets import new_token_text
from app.domain.tokens import AccessToken, TokenKind, TokenStatus
from app.storage.access_tokens import as_access_token
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Base, Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow

Rows = dict[str, list[tuple[Any, ...]]]


def everything(database: Database) -> Rows:
    """Every row of every table, in order of the primary key."""
    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def count(database: Database, table: type[Base]) -> int:
    with database.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def generation_of(database: Database, refresh_token_id: int) -> int:
    with database.engine.connect() as connection:
        query = select(RefreshTokenRow.generation).where(RefreshTokenRow.id == refresh_token_id)
        return connection.scalars(query).one()


def alive_under(database: Database, refresh_token_id: int) -> list[AccessToken]:
    """The access tokens of a refresh token that are alive by their own row, whatever its own says."""
    with database.reading() as session:
        rows = session.scalars(select(AccessTokenRow).where(AccessTokenRow.refresh_token_id == refresh_token_id))
        tokens = [as_access_token(row, system_clock()) for row in rows]
    return [token for token in tokens if token.status is TokenStatus.ACTIVE]


def audit_events(database: Database) -> list[AuditEventRow]:
    """All of them, oldest first."""
    with database.reading() as session:
        return list(session.scalars(select(AuditEventRow).order_by(AuditEventRow.id)))


def refuse_writes(database: Database, table: str, act: str) -> None:
    """Make the database refuse an `act` (INSERT, UPDATE, DELETE) on a table, as a constraint would."""
    if database.is_sqlite:
        statements = [f"CREATE TRIGGER planted BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'planted fault'); END"]
    else:
        statements = [
            "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'planted fault' USING ERRCODE = 'check_violation'; END $$",
            f"CREATE TRIGGER planted BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION planted()",
        ]
    _execute(database, *statements)


def allow_writes(database: Database, table: str) -> None:
    """Take that back."""
    if database.is_sqlite:
        _execute(database, "DROP TRIGGER planted")
    else:
        _execute(database, f"DROP TRIGGER planted ON {table}", "DROP FUNCTION planted()")


@contextmanager
def locked(database: Database, table: str, statement: str | None = None) -> Iterator[None]:
    """Keep others from writing to a table (on SQLite, to any); or from what that uncommitted statement locks."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif statement is None:
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        if statement is not None:
            connection.exec_driver_sql(statement)
        yield
        connection.rollback()


def _execute(database: Database, *statements: str) -> None:
    with database.transaction() as session:
        for statement in statements:
            session.execute(text(statement))


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What this thread asks of the database within, without the check of a token, which has its own connections."""
    seen: list[str] = []
    mine = threading.get_ident()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.get_ident() == mine and not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def copy_token(database: Database, refresh_token_id: int, number: int, name: str) -> None:
    """So many more of its user like that refresh token, with this name; nobody has their secrets."""
    table = RefreshTokenRow.__table__
    with database.transaction() as session:
        like = dict(session.execute(select(table).where(table.c.id == refresh_token_id)).mappings().one())
        del like["id"]
        ids = (new_token_text(TokenKind.REFRESH).public_id for _ in range(number))
        session.execute(insert(RefreshTokenRow), [like | {"public_id": each, "name": name} for each in ids])
