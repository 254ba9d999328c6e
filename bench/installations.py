"""Installations of Daypass with many rows, written in bulk as the services would have written them."""

import secrets
import subprocess
from base64 import b64encode
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
from app.domain.secrets import TokenText, encode_secret, new_token_text
from app.domain.tokens import TokenKind
from app.storage.database import Base, engine_options
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from bench.environment import Checkout
from bench.token_rows import FORMAT, KEYS, Amount, common, fill, relax

PEPPER = b"p" * 32
PASSWORD = "chosen for measuring only"
BATCH = 20_000

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

    @property
    def introspectors(self) -> dict[str, str]:
        """Values of the Authorization header with which the account that introspects authenticates, by their scheme."""
        return dict(line.split(" ", 1) for line in self._introspectors.read_text().splitlines())

    @property
    def _introspectors(self) -> Path:
        return self.folder / "introspectors.txt"

    def bad_token(self) -> str:
        """The public id of an active token with another secret and a correct checksum: only the digest refuses it."""
        good = FORMAT.parse(self.tokens.read_text().split("\n", 1)[0])
        assert good is not None
        return FORMAT.compose(TokenText(good.kind, good.public_id, encode_secret(secrets.token_bytes(32))))

    def write_introspectors(self, credentials: tuple[TokenText, TokenText]) -> None:
        """A refresh token as OAuth client, and an access token."""
        refresh, access = credentials
        client = f"{refresh.public_id}:{FORMAT.compose(refresh)}"
        self._introspectors.write_text(
            f"Basic {b64encode(client.encode()).decode()}\nBearer {FORMAT.compose(access)}\n"
        )

    def command(self, *words: str) -> "subprocess.Popen[bytes]":
        """Begin a ``daypass`` command."""
        return self.checkout.start(["app", *words], self.environment, stderr=subprocess.PIPE)

    def size(self) -> int:
        """Bytes of the database, indexes included."""
        engine = self.engine()
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
                return (self.folder / "data.db").stat().st_size
            size: int = connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one()
        engine.dispose()
        return size

    def initialize(self) -> None:
        """Make what is missing: keys, administrator, and the tables of the checkout's newest migration."""
        init = self.command("init")
        _, errors = init.communicate()
        if init.returncode:
            raise RuntimeError(errors.decode())

    def engine(self) -> Engine:
        """For reading or changing the database directly."""
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        return create_engine(url, **engine_options(url, 1))


def install(checkout: Checkout, folder: Path, url: str, users: int, live: int, due: int, sample: int) -> Installation:
    """An installation with `users` users, `live` active access tokens and `due` that have expired but are not yet
    marked so, each under a refresh token of its own; a `sample` of the live ones is written to its files."""
    installation = Installation(checkout, folder, url)
    installation.initialize()
    engine, now = installation.engine(), system_clock()
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _write_fast)
    with engine.begin() as connection:
        relax(connection)
        first = 1 + (connection.scalar(select(func.max(UserRow.id))) or 0)
        write_rows(connection, UserRow, _users(users, now))
    known = fill(engine, Amount(live, due, users, first), sample, now)
    installation.tokens.write_text("".join(f"{FORMAT.compose(each.access)}\n" for each in known))
    forms = (f"refresh_token={FORMAT.compose(each.refresh)}&user_id={each.user}\n" for each in known)
    installation.mints.write_text("".join(forms))
    with engine.begin() as connection:
        relax(connection)
        credentials = _add_introspector(connection, first + users, live + due + 1, now)
    installation.write_introspectors(credentials)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return installation


def _write_fast(connection: Any, _record: object) -> None:
    """Without this, rows in random order make SQLite write each page many times."""
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-2000000")


def _users(count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield _user(f"user-{number}", Role.VIEWER, now)


def _user(name: str, role: Role, now: datetime) -> dict[str, Any]:
    return {
        "username": name,
        "email": f"{name}@example.com",
        "first_name": "Ada",
        "last_name": f"Number {name}",
        "title": "Analyst",
        "role": str(role),
        "is_active": True,
        "api_tokens": str(ApiTokens.INHERIT),
        "created_at": now,
    }


def _add_introspector(connection: Connection, user: int, refresh_id: int, now: datetime) -> tuple[TokenText, TokenText]:
    """An account that may introspect all tokens, with a refresh token (the first) and an access token.

    `user`, `refresh_id`: the next ids of the tables, which the database gives.
    """
    refresh, access = new_token_text(TokenKind.REFRESH), new_token_text(TokenKind.ACCESS)
    write_rows(connection, UserRow, [_user("introspector", Role.INTROSPECTOR, now)])
    row = common(refresh, user, now) | {"name": "gateway", "expires_at": now + timedelta(days=60)}
    write_rows(connection, RefreshTokenRow, [row])
    row = common(access, user, now) | {"uuid": str(uuid4()), "refresh_token_id": refresh_id}
    write_rows(connection, AccessTokenRow, [row | {"expires_at": now + timedelta(days=1)}])
    return refresh, access


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
