"""The lock beside the SQLite file: many use it together, a replacement alone."""

import os
import stat
from pathlib import Path

import pytest

from app.domain.errors import Conflict
from app.storage import file_use
from app.storage.database_files import connect
from app.storage.file_use import share_file, sole_use


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(file_use, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(file_use, "COMMAND_PATIENCE_SECONDS", 0.1)
    path = tmp_path / "daypass.db"
    path.touch(0o640)
    return path


def test_several_share_the_file_and_none_uses_it_alone_meanwhile(path: Path) -> None:
    users = [share_file(path), share_file(path)]
    for user in users:
        assert user is not None
        with pytest.raises(Conflict) as refused, sole_use(path):
            pass
        assert refused.value.what.startswith(f"{path} is in use")
        os.close(user)
    with sole_use(path):
        with pytest.raises(Conflict) as refused:
            share_file(path)
        assert "daypass restore" in refused.value.what
    os.close(share_file(path) or 0)


def test_a_program_without_the_lock_is_noticed(path: Path) -> None:
    """Another process: SQLite's locks do not tell connections of one process apart."""
    connection = connect(path, "mode=rw")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    read, write = os.pipe()
    done, leave = os.pipe()
    child = os.fork()
    if child == 0:
        connection = connect(path, "mode=rw")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        os.write(write, b"x")
        os.read(done, 1)
        os._exit(0)
    os.read(read, 1)
    with pytest.raises(Conflict, match="is in use"), sole_use(path):
        pass
    os.write(leave, b"x")
    os.waitpid(child, 0)
    with sole_use(path):
        pass
    for descriptor in (read, write, done, leave):
        os.close(descriptor)


def test_the_lock_has_the_permissions_of_the_file(path: Path) -> None:
    descriptor = share_file(path)
    assert descriptor is not None
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o640
    os.close(descriptor)
    lock = path.with_name("daypass.db-lock")
    lock.unlink()
    lock.symlink_to(path)
    assert share_file(path) is None, "a link leads elsewhere"


def test_where_there_can_be_no_lock_the_file_is_used_without(tmp_path: Path) -> None:
    assert share_file(tmp_path / "missing" / "daypass.db") is None
