"""5,000 tokens of 500 users: every list costs a small, fixed number of statements, whichever page it is.

Here belongs what each list asks of the database. Not here: what is in it (``test_native_tokens`` and its siblings).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection, insert

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.http.context import parts
from app.services.revoking_by_filter import CHUNK
from app.storage.database import Base, Database
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow, UserRow
from tests.contract.asking_native import Native, Person, person
from tests.rows import statements

USERS, EACH = 500, 5
"""And as many access tokens as refresh tokens."""

MOST_STATEMENTS = 4

LISTS = [
    "tokens?limit=500", "tokens?kind=access&limit=500", "tokens?status=active&limit=500",
    "tokens?unused_for_days=1&limit=500", "tokens?name=planted&kind=refresh&limit=500", "tokens?owner=user-00060",
    "tokens?created_before=2100-01-01T00:00:00Z&kind=access&limit=500", "users?limit=500",
    "users?role=VIEWER&limit=500", "audit-events?limit=500", "audit-events?action=planted.done&limit=500",
    "me/tokens", "me/tokens?kind=refresh",
]  # fmt: skip


@pytest.fixture(scope="module")
def crowded(app: Flask) -> Person:
    """An administrator among all these; planted once for a module and database."""
    database: Database = app.extensions["daypass_database"]
    with database.engine.execution_options(daypass_writes=lambda: 0).begin() as connection:
        _plant(connection)
    admin = person(parts(app).services, Native(app.test_client(use_cookies=False)), Role.SERVER_ADMIN)
    return admin


def _plant(connection: Connection) -> None:
    now = system_clock()
    made, ends = now - timedelta(days=2), now + timedelta(days=2)
    numbers = range(1, USERS + 1)
    usual = {"role": "VIEWER", "is_active": True, "api_tokens": "inherit", "created_at": made}
    users = [usual | {"username": f"user-{number:05d}"} for number in numbers]
    _insert(connection, UserRow, users)
    ids = dict(connection.execute(UserRow.__table__.select().with_only_columns(UserRow.username, UserRow.id)).all())
    usual = {"key_id": "k1", "mac": b"m" * 32, "created_at": made, "expires_at": ends, "generation": 1}
    parents = [
        usual | {"public_id": f"r{number:05d}{each:06d}", "user_id": ids[f"user-{number:05d}"], "name": "planted"}
        for number in numbers for each in range(EACH)
    ]  # fmt: skip
    _insert(connection, RefreshTokenRow, parents)
    known = connection.execute(
        RefreshTokenRow.__table__.select().with_only_columns(RefreshTokenRow.id, RefreshTokenRow.user_id)
    )
    children = [
        usual | {"public_id": f"a{row_id:011d}", "user_id": user_id, "refresh_token_id": row_id, "uuid": str(uuid4())}
        for row_id, user_id in known
    ]  # fmt: skip
    _insert(connection, AccessTokenRow, children)
    usual = {
        "actor": "planter",
        "action": "planted.done",
        "object_kind": "x",
        "result": "done",
        "detail": "{}",
        "at": made,
    }
    _insert(connection, AuditEventRow, [usual | {"object_id": f"{number}"} for number in numbers])


def _insert(connection: Connection, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """A thousand at a time: the database gives no statement of a request's connection for ever."""
    for start in range(0, len(rows), 1000):
        connection.execute(insert(table), rows[start : start + 1000])


@pytest.mark.parametrize("path", LISTS)
def test_the_first_page_and_the_last_cost_the_same_few_statements(
    crowded: Person, database: Database, path: str
) -> None:
    """Fails when names or owners are fetched row by row."""
    pages = list(_first_middle_and_last(crowded, database, path))
    assert max(pages) <= MOST_STATEMENTS
    assert max(pages) - min(pages) <= 1, pages


def _first_middle_and_last(crowded: Person, database: Database, path: str) -> Iterator[int]:
    """The number of statements of the first page, one in the middle, and the last."""
    cursors = [None, *_later_cursors(path, crowded)]
    for cursor in cursors:
        with statements(database) as seen:
            answer = crowded.native.get(path + ("" if cursor is None else f"&cursor={cursor}"))
        assert answer.status_code == 200
        assert answer.get_json()["items"]
        if cursor is cursors[-1] and cursor is not None:
            assert answer.get_json()["next_cursor"] is None
        yield len(seen)


def _later_cursors(path: str, crowded: Person) -> list[str]:
    """Into the middle and near the end of a list, as its own pages would give them."""
    if path.startswith(("me/", "tokens?owner")):
        return []
    letters = {"tokens": "a"} if "kind=refresh" not in path else {"tokens": "r"}
    letter = letters.get(path.partition("?")[0], "")
    first = 1 if letter else 2
    return [f"{letter}{USERS // 2:x}", f"{letter}{first + 100:x}"]


def test_all_of_them_are_listed_page_by_page_and_each_once(crowded: Person) -> None:
    found: list[str] = []
    path = "tokens?limit=500"
    while path:
        answer = crowded.native.get(path)
        found += [each["public_id"] for each in answer.get_json()["items"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert len(found) == len(set(found)) == 2 * USERS * EACH + 2


def test_a_preview_counts_them_in_few_statements(crowded: Person, database: Database) -> None:
    with statements(database) as seen:
        told = crowded.native.post("tokens/revocations/preview", {"filter": {"kind": "refresh", "name": "planted"}})
    assert told.get_json()["refresh_tokens"] == USERS * EACH
    assert told.get_json()["access_tokens_with_them"] == USERS * EACH
    assert len(told.get_json()["items"]) == 100
    assert len(seen) <= 3 * (USERS * EACH // CHUNK + 1)
