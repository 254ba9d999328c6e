"""Installations of Daypass with many rows, written in bulk as the services would have written them."""

import random
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, column, create_engine, event, func, insert, select, text
from sqlalchemy import table as named_table

from app.domain.clock import system_clock
from app.domain.identity import ApiTokens, Role
from app.domain.secrets import KeyRing, TokenFormat, TokenText, encode_secret
from app.domain.tokens import TokenKind, TokenStatus
from app.storage.database import Base, engine_options
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from bench.environment import Checkout

KEYS = {"k1": b"b" * 32}
PEPPER = b"p" * 32
PASSWORD = "chosen for measuring only"
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
BATCH = 20_000

_FORMAT = TokenFormat(("dp",))
_RING = KeyRing(KEYS)

Rows = Iterable[dict[str, Any]]


@dataclass(frozen=True)
class Installation:
    """A folder and a database with users and tokens, for the programs of a checkout."""

    checkout: Checkout
    folder: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DAYPASS_INSTANCE": str(self.folder),
            "DAYPASS_DATABASE_URL": self.url,
            "DAYPASS_TOKEN_KEYS": ",".join(f"{key}:{value.hex()}" for key, value in KEYS.items()),
            "DAYPASS_PASSWORD_PEPPER": PEPPER.hex(),
            "DAYPASS_ADMIN_PASSWORD": PASSWORD,
        }

    @property
    def tokens(self) -> Path:
        """Active access tokens, one a line, in random order."""
        return self.folder / "access.txt"

    @property
    def mints(self) -> Path:
        """Forms to mint with, one a line."""
        return self.folder / "mints.txt"

    def bad_token(self) -> str:
        """The public id of an active token with another secret and a correct checksum: only the digest refuses it."""
        good = _FORMAT.parse(self.tokens.read_text().split("\n", 1)[0])
        assert good is not None
        return _FORMAT.compose(TokenText(good.kind, good.public_id, encode_secret(secrets.token_bytes(32))))

    def command(self, *words: str) -> "subprocess.Popen[bytes]":
        """Begin a ``daypass`` command."""
        return self.checkout.start(["app", *words], self.environment, stderr=subprocess.PIPE)

    def engine(self) -> Engine:
        """For reading or changing the database directly."""
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        return create_engine(url, **engine_options(url, 1))


def install(checkout: Checkout, folder: Path, url: str, users: int, live: int, due: int, sample: int) -> Installation:
    """An installation with `users` users, `live` active access tokens and `due` that have expired but are not yet
    marked so, each under a refresh token of its own; a `sample` of the live ones is written to its files."""
    installation = Installation(checkout, folder, url)
    init = installation.command("init")
    _, errors = init.communicate()
    if init.returncode:
        raise RuntimeError(errors.decode())
    engine = installation.engine()
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _write_fast)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # the rows are consistent by construction; checking them takes minutes
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        now = system_clock()
        first = 1 + (connection.scalar(select(func.max(UserRow.id))) or 0)
        write_rows(connection, UserRow, _users(users, now))
        chosen = set(random.sample(range(live), min(sample, live)))
        access, mints = _Chosen(chosen), _Chosen(chosen)
        write_rows(connection, RefreshTokenRow, _refresh_tokens(live + due, first, users, now, mints))
        write_rows(connection, AccessTokenRow, _access_tokens(live, due, first, users, now, access))
    access.write(installation.tokens)
    mints.write(installation.mints)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return installation


def _write_fast(connection: Any, _record: object) -> None:
    """Without this, rows in random order make SQLite write each page many times."""
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1000000")


class _Chosen:
    """The tokens of the rows whose numbers were chosen."""

    def __init__(self, numbers: set[int]) -> None:
        self._numbers = numbers
        self._lines: list[str] = []

    def offer(self, number: int, token: TokenText, pattern: str = "{}") -> None:
        if number in self._numbers:
            self._lines.append(pattern.format(_FORMAT.compose(token)))

    def write(self, path: Path) -> None:
        random.shuffle(self._lines)
        path.write_text("".join(f"{line}\n" for line in self._lines))


def _users(count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "username": f"user-{number}",
            "email": f"user-{number}@example.com",
            "first_name": "Ada",
            "last_name": f"Number {number}",
            "title": "Analyst",
            "role": str(Role.VIEWER),
            "is_active": True,
            "api_tokens": str(ApiTokens.INHERIT),
            "created_at": now,
        }


def _refresh_tokens(count: int, first: int, users: int, now: datetime, mints: _Chosen) -> Iterator[dict[str, Any]]:
    for number in range(count):
        token = _token(TokenKind.REFRESH)
        user = first + number % users
        mints.offer(number, token, f"refresh_token={{}}&user_id={user}")
        yield _common(token, user, now) | {"name": "nightly-etl", "expires_at": now + timedelta(days=60)}


def _access_tokens(
    live: int, due: int, first: int, users: int, now: datetime, access: _Chosen
) -> Iterator[dict[str, Any]]:
    for number in range(live + due):
        token = _token(TokenKind.ACCESS)
        access.offer(number, token)
        yield _common(token, first + number % users, now) | {
            "uuid": str(uuid4()),
            "refresh_token_id": number + 1,
            "expires_at": now + timedelta(days=1 if number < live else -1),
        }


def _common(token: TokenText, user: int, now: datetime) -> dict[str, Any]:
    mac = _RING.sign(token)
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


def write_rows(connection: Connection, table: type[Base], rows: Rows) -> None:
    """Insert them, in batches, by the fastest way of the database; every row has the same columns.

    No other column is named: another checkout's database may not have it.
    """
    rows, columns = iter(rows), table.__table__.c
    while batch := list(islice(rows, BATCH)):
        if connection.dialect.name == "sqlite":
            named = (column(name, columns[name].type) for name in batch[0])
            connection.execute(insert(named_table(table.__tablename__, *named)), batch)
            continue
        driver: Any = connection.connection.dbapi_connection
        into = f"COPY {table.__tablename__} ({', '.join(batch[0])}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            for row in batch:
                copy.write_row(tuple(row.values()))
