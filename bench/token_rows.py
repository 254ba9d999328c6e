"""Rows of tokens in bulk: made by the database itself, millions a minute.

Their digests are random, so that nobody has their secrets; of a sample, which the load presents, they are real.
"""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    String,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    text,
    update,
)  # fmt: skip
from sqlalchemy import table as named_table

from app.domain.secrets import KeyRing, TokenFormat, TokenText, encode_secret
from app.domain.tokens import TokenKind, TokenStatus
from app.storage.database import Base
from app.storage.tables import AccessTokenRow, RefreshTokenRow

KEYS = {"k1": b"b" * 32}
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
AT_ONCE = 1_000_000
"""Rows of one transaction, so that the log of SQLite does not grow as large as the database."""

FORMAT = TokenFormat(("dp",))
RING = KeyRing(KEYS)

Tables = tuple[type[Base], ...]


@dataclass(frozen=True)
class Amount:
    """`live` active access tokens and `due` ones that have expired, each under a refresh token of its own.

    They belong to `users` users from the id `first` on. The ids of both tiers begin at 1 and are the same.
    """

    live: int
    due: int
    users: int
    first: int

    def owner(self, number: int) -> int:
        """The user id of the token of that number, from 0 on."""
        return self.first + number % self.users


@dataclass(frozen=True)
class Known:
    """A token whose secret is known, with its refresh token."""

    access: TokenText
    refresh: TokenText
    user: int


def fill(engine: Engine, amount: Amount, sample: int, now: datetime) -> list[Known]:
    """Insert them, and return a `sample` of the live ones, in random order."""
    with _without_indexes(engine, (RefreshTokenRow, AccessTokenRow)):
        for start in range(0, amount.live + amount.due, AT_ONCE):
            numbers = (start, min(start + AT_ONCE, amount.live + amount.due))
            with engine.begin() as connection:
                relax(connection)
                _insert(connection, RefreshTokenRow, _refresh_tokens(connection, numbers, amount, now))
                _insert(connection, AccessTokenRow, _access_tokens(connection, numbers, amount, now))
    chosen = random.sample(range(amount.live), min(sample, amount.live))
    known = {
        number: Known(_token(TokenKind.ACCESS), _token(TokenKind.REFRESH), amount.owner(number)) for number in chosen
    }
    with engine.begin() as connection:
        _reveal(connection, AccessTokenRow, {number: each.access for number, each in known.items()})
        _reveal(connection, RefreshTokenRow, {number: each.refresh for number, each in known.items()})
    return list(known.values())


def relax(connection: Connection) -> None:
    """In this transaction, let PostgreSQL not check references: the rows are consistent, and checking takes minutes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))


def common(token: TokenText, user: int, now: datetime) -> dict[str, Any]:
    """The columns that both tiers have, of a token whose secret is known."""
    mac = RING.sign(token)
    return {
        "public_id": token.public_id,
        "user_id": user,
        "key_id": mac.key_id,
        "mac": mac.digest,
        "status": str(TokenStatus.ACTIVE),
        "generation": 0,
        "created_at": now - timedelta(days=2),
    }


def _token(kind: TokenKind) -> TokenText:
    """As ``new_token_text`` makes them, with a public id, which is no secret, from a faster generator."""
    return TokenText(kind, "".join(random.choices(ALPHABET, k=12)), encode_secret(secrets.token_bytes(32)))


def _reveal(connection: Connection, table: type[Base], known: dict[int, TokenText]) -> None:
    """Give these rows public ids and digests of secrets that are known."""
    row: Any = table
    change = (
        update(row.__table__)
        .where(row.id == bindparam("row"))
        .values(public_id=bindparam("public"), mac=bindparam("digest"))
    )
    values = [
        {"row": number + 1, "public": token.public_id, "digest": RING.sign(token).digest}
        for number, token in known.items()
    ]
    connection.execute(change, values)


def _insert(connection: Connection, table: type[Base], rows: "Select[Any]") -> None:
    """No other column is named: another checkout's database may not have it."""
    columns = table.__table__.c
    names = [each.name for each in rows.selected_columns]
    into = named_table(table.__tablename__, *(column(name, columns[name].type) for name in names))
    connection.execute(insert(into).from_select(names, rows, include_defaults=False))


def _refresh_tokens(connection: Connection, numbers: tuple[int, int], amount: Amount, now: datetime) -> "Select[Any]":
    number, made = _numbers(connection, numbers), RefreshTokenRow.__table__.c
    expires = literal(now + timedelta(days=60), made.expires_at.type)
    return select(
        *_columns(connection, number, amount, now), literal("nightly-etl").label("name"), expires.label("expires_at")
    )


def _access_tokens(connection: Connection, numbers: tuple[int, int], amount: Amount, now: datetime) -> "Select[Any]":
    number, made = _numbers(connection, numbers), AccessTokenRow.__table__.c
    live, due = (literal(now + timedelta(days=days), made.expires_at.type) for days in (1, -1))
    return select(
        *_columns(connection, number, amount, now),
        _uuid(connection).label("uuid"),
        (number + 1).label("refresh_token_id"),
        case((number < amount.live, live), else_=due).label("expires_at"),
    )


def _columns(connection: Connection, number: Any, amount: Amount, now: datetime) -> Iterator[Any]:
    random_part, digest = _random(connection, number)
    hexadecimal = (
        func.lpad(func.to_hex(number), 8, "0")
        if connection.dialect.name == "postgresql"
        else func.printf("%08x", number)
    )
    made = AccessTokenRow.__table__.c
    yield random_part.op("||", return_type=String())(hexadecimal).label("public_id")
    yield (number % amount.users + amount.first).label("user_id")
    yield literal(RING.current).label("key_id")
    yield digest.label("mac")
    yield literal(str(TokenStatus.ACTIVE)).label("status")
    yield literal(0).label("generation")
    yield literal(now - timedelta(days=2), made.created_at.type).label("created_at")


def _numbers(connection: Connection, numbers: tuple[int, int]) -> Any:
    """A column with the numbers from the first up to, and without, the second."""
    first, end = numbers
    if connection.dialect.name == "postgresql":
        return func.generate_series(first, end - 1).table_valued("n").render_derived().c.n
    counted = select(literal(first).label("n")).cte(recursive=True)
    counted = counted.union_all(select(counted.c.n + 1).where(counted.c.n < end - 1))
    return counted.c.n


def _random(connection: Connection, number: Any) -> tuple[Any, Any]:
    """Four hexadecimal digits, which spread the rows over the index; and a digest."""
    if connection.dialect.name == "postgresql":
        word = cast(number, Text)
        return func.substr(func.md5(word), 1, 4), func.sha256(func.convert_to(word, "UTF8"))
    return func.lower(func.hex(func.randomblob(2))), func.randomblob(32)


def _uuid(connection: Connection) -> Any:
    if connection.dialect.name == "postgresql":
        return cast(func.gen_random_uuid(), Text)
    parts = [func.lower(func.hex(func.randomblob(size))) for size in (4, 2, 2, 2, 6)]
    return func.printf("%s-%s-%s-%s-%s", *parts)


@contextmanager
def _without_indexes(engine: Engine, tables: Tables) -> Iterator[None]:
    """Let the indexes be, where that is possible, and make them afterwards: sorted, which is many times as fast."""
    postgresql = engine.dialect.name == "postgresql"
    names = [each.__tablename__ for each in tables]
    afterwards = [f"REINDEX TABLE {name}" for name in names] if postgresql else []
    with engine.begin() as connection:
        for name in names:
            if postgresql:
                connection.execute(_POSTGRESQL_AWAY, {"table": name})
                continue
            for index, sql in connection.execute(_SQLITE_INDEXES, {"table": name}).all():
                connection.execute(text(f"DROP INDEX {index}"))
                afterwards.append(sql.replace(":", r"\:"))
    yield
    for statement in afterwards:
        with engine.begin() as connection:
            if postgresql:
                connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
            connection.execute(text(statement))


_SQLITE_INDEXES = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table"
)
"""Without those of unique columns, which can't be dropped."""

_POSTGRESQL_INDEXES = text(
    "SELECT cast(cast(indexrelid AS regclass) AS text), pg_get_indexdef(indexrelid) FROM pg_index"
    " WHERE indrelid = cast(:table AS regclass) AND NOT indisprimary AND indisvalid AND indisready"
)
_POSTGRESQL_AWAY = text(
    "UPDATE pg_index SET indisready = false, indisvalid = false"
    " WHERE indrelid = cast(:table AS regclass) AND NOT indisprimary"
)
"""Not maintained until REINDEX, which sets both again. The definition stays the same to the letter."""


def indexes(connection: Connection, table: type[Base]) -> dict[str, str]:
    """Those that are maintained: name and definition."""
    statement = _POSTGRESQL_INDEXES if connection.dialect.name == "postgresql" else _SQLITE_INDEXES
    return {name: sql for name, sql in connection.execute(statement, {"table": table.__tablename__})}
