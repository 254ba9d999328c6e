"""Long lists are sent as they are read, to clients that may take nothing of them, or leave."""

import csv
import io
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.domain.identity import User
from app.services import Services
from app.storage.database import Database
from app.web.exporting import PIECE
from tests.drivers.hostile import slow_connection
from tests.drivers.pages import Pages
from tests.drivers.raw import Answer, RawHttp
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, mint
from tests.patience import PATIENCE_SECONDS
from tests.rows import copy_token
from tests.secrecy import secrets_in

pytestmark = pytest.mark.both_databases

THREADS = 4
READERS = 2 * THREADS
"""More than there are connections to the database."""

ALL_IS_WELL = b"HTTP/1.1 200"

TOKENS = 5 * PIECE
LONG_NAME = "🔑" * 200
"""800 bytes: no buffer of a kernel takes the list."""


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """It has one worker, so that it is the very process that sends the lists that is asked."""
    with LiveServer(database_url, tmp_path, workers=1, DAYPASS_THREADS=str(THREADS)) as server:
        yield server
    assert "Traceback" not in server.log() and "database_unavailable" not in server.log()
    assert not secrets_in(server.log())


def test_clients_that_take_nothing_of_an_export_hold_neither_the_database_nor_anybody_up(
    server: LiveServer, app: Flask, services: Services, database: Database
) -> None:
    """◆ Fails when a list is read in one transaction, and when those that are sent keep their turns."""
    user = make_user(services, password=PASSWORD)
    refresh = issue(services, user)
    token = mint(services, refresh).secret.encode()
    copy_token(database, refresh.token.id, TOKENS, LONG_NAME)
    export = request_of_export(app, user)
    check = (
        b"GET /integration/v1/userinfo/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTOKEN: "
        + token
        + b"\r\n\r\n"
    )
    raw = RawHttp(server.port)
    with closing_all([slow_connection(server.port, export) for _ in range(READERS)]) as readers:
        for reader in readers:
            reader.settimeout(PATIENCE_SECONDS)
            assert reader.recv(len(ALL_IS_WELL)) == ALL_IS_WELL
        assert [raw.send(check).status for _ in range(3 * THREADS)] == [200] * 3 * THREADS
        assert not open_transactions(database)
        mint(services, refresh)
        leaves, stays, *_ = readers
        leaves.close()
        answer = Answer.of(ALL_IS_WELL + rest_of(stays))
    rows = list(csv.reader(io.StringIO(without_chunks(answer.body).decode())))
    assert len(rows) == 1 + 1 + TOKENS and {len(row) for row in rows} == {len(rows[0])}


def request_of_export(app: Flask, user: User) -> bytes:
    pages = Pages(app)
    pages.sign_in(user.username)
    about = f"Host: localhost\r\nConnection: close\r\nCookie: daypass={pages.cookie}\r\n"
    return f"GET /account/auth/export HTTP/1.1\r\n{about}\r\n".encode()


@contextmanager
def closing_all(connections: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def open_transactions(database: Database) -> bool:
    """Whether another process reads; on SQLite a checkpoint of the whole log would have to wait for it."""
    if database.is_sqlite:
        with closing(database.engine.raw_connection()) as connection:
            return bool(connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
    with database.engine.connect() as connection:
        return bool(connection.scalar(text(idle)))


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def without_chunks(body: bytes) -> bytes:
    """The content of a body in chunks (RFC 9112, section 7.1), which must have its end."""
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return content
        content, body = content + body[: int(size, 16)], body[int(size, 16) + 2 :]
