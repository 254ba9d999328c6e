"""A ``-wal`` that a killed process left: its own file takes it, and any other file is refused.

The files of a killed process are made by copying those of a connection that is still open.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.tokens import TokenStatus
from app.storage import wal_trial
from app.storage.database_files import connect
from app.storage.wal import stale_wal_problem, wal_of
from app.storage.wal_trial import CONTRADICTIONS

ROWS = 200


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Any]:
    """A connection to ``daypass.db``, whose ``-wal`` is empty."""
    (tmp_path / "live").mkdir()
    connection = connect(tmp_path / "live" / "daypass.db", "mode=rwc")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE tokens (id INTEGER PRIMARY KEY, status TEXT, mac BLOB)")
    connection.execute("CREATE INDEX by_status ON tokens (status, mac)")
    add(connection, ROWS)
    checkpoint(connection)
    yield connection
    connection.close()


def add(connection: Any, rows: int) -> None:
    connection.execute("BEGIN")
    for _ in range(rows):
        connection.execute("INSERT INTO tokens (status, mac) VALUES ('active', randomblob(32))")
    connection.execute("COMMIT")


def change(connection: Any, row: int) -> None:
    """A change that does not make the file larger. Rows 1 and 150 are on different pages."""
    connection.execute("UPDATE tokens SET status = 'ended' WHERE id = ?", (row,))


def checkpoint(connection: Any) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def killed(tmp_path: Path) -> Path:
    """The files as a killed process leaves them."""
    folder = tmp_path / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for end in ("", "-wal"):
        shutil.copyfile(tmp_path / "live" / f"daypass.db{end}", folder / f"daypass.db{end}")
    return folder / "daypass.db"


def backed_up(database: Any, tmp_path: Path, way: str) -> Path:
    backup = tmp_path / "backup.db"
    if way == "copy":
        checkpoint(database)
        shutil.copyfile(tmp_path / "live" / "daypass.db", backup)
    elif way == "vacuum":
        database.execute(f"VACUUM INTO '{backup}'")
    else:
        target = connect(backup, "mode=rwc")
        database.backup(target)
        target.close()
    return backup


def test_the_wal_of_a_killed_process_is_its_own_before_and_after_each_checkpoint(database: Any, tmp_path: Path) -> None:
    assert stale_wal_problem(killed(tmp_path)) is None, "it is empty"
    change(database, 1)
    assert stale_wal_problem(killed(tmp_path)) is None, "no page is new"
    for number in range(4):
        add(database, 50)
        change(database, number)
        assert stale_wal_problem(killed(tmp_path)) is None
        database.execute("PRAGMA wal_checkpoint(FULL)")  # leaves the frames, and the next change begins anew
        assert stale_wal_problem(killed(tmp_path)) is None


def test_after_an_incomplete_checkpoint_any_of_its_pages_may_be_in_the_file(database: Any, tmp_path: Path) -> None:
    before = killed(tmp_path).read_bytes()
    add(database, 300)
    wal_before = wal_of(killed(tmp_path)).read_bytes()
    database.execute("PRAGMA wal_checkpoint(FULL)")
    after = killed(tmp_path).read_bytes()
    page = 4096
    for number in range(0, len(after) // page, 3):
        path = killed(tmp_path)
        old = before[number * page : (number + 1) * page]
        path.write_bytes(after[: number * page] + old + after[(number + 1) * page :] if old else after[: number * page])
        wal_of(path).write_bytes(wal_before)
        assert stale_wal_problem(path) is None, number


def test_a_torn_end_and_changes_without_a_commit_are_no_sign(database: Any, tmp_path: Path) -> None:
    add(database, 20)
    path = killed(tmp_path)
    content = wal_of(path).read_bytes()
    for torn in (content[:-100], content[:-100] + b"x" * 100, content[:40], content[:10], b"", b"x" * 5000):
        wal_of(path).write_bytes(torn)
        assert stale_wal_problem(path) is None
    wal_of(path).unlink()
    assert stale_wal_problem(path) is None


@pytest.mark.parametrize("way", ["copy", "vacuum", "api"])
@pytest.mark.parametrize("is_larger", [True, False])
def test_a_backup_that_was_copied_over_the_file_is_refused(
    database: Any, tmp_path: Path, way: str, is_larger: bool
) -> None:
    backup = backed_up(database, tmp_path, way)
    for row in range(1, 20):
        change(database, row)
    checkpoint(database)
    change(database, 150)
    if is_larger:
        add(database, 300)
    path = killed(tmp_path)
    shutil.copyfile(backup, path)
    before = path.read_bytes(), wal_of(path).read_bytes()
    problem = stale_wal_problem(path)
    assert problem is not None and "daypass restore FILE" in problem and "\n" not in problem
    assert (path.read_bytes(), wal_of(path).read_bytes()) == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["daypass.db", "daypass.db-wal"]
    wal_of(path).unlink()
    assert stale_wal_problem(path) is None


def test_a_mixture_that_contradicts_its_audit_log_is_refused(database: Any, tmp_path: Path) -> None:
    """It is sound: the rows of the tokens are missing together with their entries in the indexes."""
    for table, columns in (
        ("audit_events", "action, object_kind, object_id, detail"),
        ("access_tokens", "public_id UNIQUE, status, refresh_token_id, expires_at"),
        ("refresh_tokens", "public_id UNIQUE, status, revoked_at"),
        ("instance_settings", "key, value"),
        ("users", "username, is_active"),
    ):
        database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {columns})")
    mint(database, "first")
    checkpoint(database)
    copies = [backed_up(database, tmp_path, "copy").read_bytes()]
    mint(database, "second")
    checkpoint(database)
    copies.append(backed_up(database, tmp_path, "copy").read_bytes())
    database.execute("UPDATE access_tokens SET status = 'revoked' WHERE public_id = 'first'")
    event(database, "access_token.revoked", "first")
    checkpoint(database)
    event(database, "session.began", "anna")
    event(database, "access_token.revoked", "second")  # and resumed later: only the latest event is judged
    event(database, "access_token.resumed", "second")
    path = killed(tmp_path)
    assert stale_wal_problem(path) is None
    for content in copies:  # without the second token; without the revocation of the first
        path.write_bytes(content)
        assert "contradict the audit log" in (stale_wal_problem(path) or "")


def test_the_audit_log_is_compared_in_the_words_that_services_record() -> None:
    """Fails when an action or a status is renamed: after the next kill, a sound database would be refused."""
    services = "".join(file.read_text() for file in Path("app/services").glob("*.py"))
    words = set(re.findall(r"'([a-z_.]+)'", "".join(CONTRADICTIONS)))
    actions = {word for word in words if "." in word}
    kinds = {"access_token", "refresh_token"}
    assert actions and all(f'"{action}"' in services for action in actions)
    assert words - actions - kinds <= set(TokenStatus)


def mint(database: Any, public_id: str) -> None:
    database.execute("INSERT INTO access_tokens (public_id, status) VALUES (?, 'active')", (public_id,))
    event(database, "access_token.minted", public_id)


def event(database: Any, action: str, object_id: str) -> None:
    values = (action, action.split(".", maxsplit=1)[0], object_id)
    database.execute("INSERT INTO audit_events (action, object_kind, object_id) VALUES (?, ?, ?)", values)


def test_without_a_file_or_with_another_page_size_it_is_refused(database: Any, tmp_path: Path) -> None:
    add(database, 20)
    path = killed(tmp_path)
    path.write_bytes(b"")
    assert "is missing or empty" in (stale_wal_problem(path) or "")
    path.unlink()
    assert "is missing or empty" in (stale_wal_problem(path) or "")
    other = connect(path, "mode=rwc")
    other.execute("PRAGMA page_size=8192")
    other.execute("CREATE TABLE one (id INTEGER)")
    other.close()
    wal_of(path).write_bytes((tmp_path / "live" / "daypass.db-wal").read_bytes())
    assert "page sizes differ" in (stale_wal_problem(path) or "")
    path.write_bytes(b"no database at all" * 1000)
    assert stale_wal_problem(path) is None, "the checks of the database say so"


def test_a_large_file_is_judged_without_trying_it(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal_trial, "LARGEST", 1000)
    backup = backed_up(database, tmp_path, "copy")
    another = connect(tmp_path / "live" / "daypass.db", "mode=rw")
    for connection in (another, database, another, database):
        add(connection, 50)
        checkpoint(connection)
    add(another, 50)
    path = killed(tmp_path)
    another.close()
    assert stale_wal_problem(path) is None
    shutil.copyfile(backup, path)
    assert stale_wal_problem(path) is not None
