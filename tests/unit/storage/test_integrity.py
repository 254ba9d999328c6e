"""Damage of SQLite's file: when it is looked for, and what is found."""

import os
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app import logs
from app.domain.findings import Level
from app.storage import integrity
from app.storage.database import DRIVER, PATIENCE_SECONDS, Database
from tests.databases import damage


@pytest.fixture
def path(database: Database) -> Path:
    name = make_url(str(database.engine.url)).database
    assert name is not None
    return Path(name)


def watched(path: Path) -> integrity.Watch:
    watch = integrity.watch(path)
    assert watch is not None
    return watch


def checked_in_background(watch: integrity.Watch) -> None:
    watch.check_in_background()
    for thread in threading.enumerate():
        if thread.name == "integrity":
            thread.join()


def test_a_server_that_ended_in_order_leaves_nothing_to_check(path: Path) -> None:
    watch = watched(path)
    assert not watch.was_unclean
    assert integrity.watch(path) is None, "two servers of one host would check"
    watch.close()
    again = watched(path)
    assert not again.was_unclean
    again.close()


def test_a_server_that_was_killed_or_left_a_log_makes_the_next_one_look_for_damage(
    path: Path, log_lines: list[str]
) -> None:
    """Also the one after a start that was refused. Damage stands until a check finds none."""
    logs.configure("DEBUG")
    watched(path)._release()  # as a kill does
    watch = watched(path)
    assert watch.was_unclean
    watch.abandon()
    watch = watched(path)
    assert watch.was_unclean
    assert integrity.finding(path).detail == "being checked"
    damage(path, "sessions")
    checked_in_background(watch)
    found = integrity.finding(path)
    assert found.level is Level.PROBLEM and "restore a backup" in found.line and found.cause
    assert any("database_damaged" in line for line in log_lines)
    watch.close()
    repaired = path.with_suffix(".copy")
    repaired.write_bytes(path.read_bytes())
    repaired.replace(path)
    assert integrity.finding(path).level is Level.OK, "another file has none of this"
    path.with_name(f"{path.name}-wal").write_bytes(b"left")
    watch = watched(path)
    assert watch.was_unclean
    watch.close()


def test_damage_on_record_is_looked_for_again_because_a_backup_may_have_been_copied_into_the_file(path: Path) -> None:
    """Fails when what is on record is believed: the start would be refused for ever."""
    sound = path.read_bytes()
    damage(path, "sessions")
    watch = watched(path)
    watch.was_unclean = True
    checked_in_background(watch)
    watch.close()
    again = watched(path)
    assert integrity.finding(path).level is Level.PROBLEM
    again.close()
    path.write_bytes(sound)
    again = watched(path)
    assert again.was_unclean and integrity.finding(path).level is Level.OK
    again.close()


def test_the_record_belongs_to_those_who_have_the_database(path: Path) -> None:
    """Fails when root's server, or a narrow umask, leaves a record that the service's user can't write."""
    path.chmod(0o660)
    if os.geteuid() == 0:
        os.chown(path, 54321, 54321)
    before = os.umask(0o077)
    watched(path).close()
    os.umask(before)
    record, like = path.with_name(f"{path.name}-health").stat(), path.stat()
    assert (record.st_uid, record.st_gid, stat.S_IMODE(record.st_mode)) == (like.st_uid, like.st_gid, 0o660)


def test_a_sound_file_and_one_that_is_no_database_are_told_apart(path: Path, tmp_path: Path) -> None:
    assert integrity.check(path).detail == "no damage was found"
    damage(path, "ix_access_tokens_current")
    assert "access_tokens" in integrity.check(path).cause or integrity.check(path).level is Level.PROBLEM
    (tmp_path / "notes.txt").write_text("no database" * 1000)
    assert integrity.check(tmp_path / "notes.txt").cause == "file is not a database"


def test_an_index_that_does_not_fit_its_table_is_found_by_a_thorough_look(path: Path) -> None:
    """As after a write-ahead log of another state of the file. Fails when `doctor` asks for a ``quick_check`` only."""
    with closing(DRIVER.connect(str(path), isolation_level=None)) as connection:
        connection.execute("CREATE TABLE anything (value)")
        connection.execute("CREATE INDEX ix ON anything (value)")
        connection.execute("INSERT INTO anything VALUES ('a row')")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    end = page * size
    entry = content[end - 20 : end].replace(b"a row", b"a cow")
    path.write_bytes(content[: end - 20] + entry + content[end:])
    assert integrity.check(path).level is Level.OK
    assert "missing from index" in integrity.check(path, thoroughly=True).cause


@pytest.mark.parametrize(
    ("is_sound", "patience"), [(True, "TABLE_PATIENCE_SECONDS"), (False, "JOURNAL_PATIENCE_SECONDS")]
)
def test_a_table_that_takes_too_long_is_named_and_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, is_sound: bool, patience: str
) -> None:
    """Without a write-ahead log it has less time than a COMMIT that waits for it."""
    assert integrity.JOURNAL_PATIENCE_SECONDS < PATIENCE_SECONDS / 2
    monkeypatch.setattr(integrity, "wal_is_sound", lambda: is_sound)
    monkeypatch.setattr(integrity, patience, -1)
    monkeypatch.setattr(integrity, "STEPS", 1)
    found = integrity.check(path)
    assert found.level is Level.OK and "too large to be checked now" in found.detail and "sessions" in found.detail
