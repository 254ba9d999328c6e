"""Replacing the database file: whatever step a crash follows, the old or the new database is complete and in place."""

from pathlib import Path

import pytest

from app.storage.file_use import share_file
from app.storage.replacing import discard_staged, replace_file, staging_file

STEPS = 4
"""Renames: the note, the old file, its ``-wal``, the new file."""


class Crash(Exception):
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An old database with a ``-wal``, and a new one that is prepared."""
    path = tmp_path / "daypass.db"
    path.write_text("old")
    (tmp_path / "daypass.db-wal").write_text("")
    (tmp_path / "daypass.db-shm").write_text("derived")
    staging_file(path).write_text("new")
    return path


def contents(path: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in path.parent.iterdir() if not each.name.endswith("-lock")}


def test_the_new_file_takes_the_place_of_the_old_one_which_is_kept_with_its_wal(path: Path) -> None:
    (path.parent / "daypass.db-wal").write_text("of the old")
    assert replace_file(path, ".kept") == path.with_name("daypass.db.kept")
    assert contents(path) == {"daypass.db": "new", "daypass.db.kept": "old", "daypass.db.kept-wal": "of the old"}
    staging_file(path).write_text("newer")
    assert replace_file(path, ".kept") == path.with_name("daypass.db.kept-2")
    assert contents(path)["daypass.db.kept-2"] == "new"


def test_without_an_old_file_none_is_kept(path: Path) -> None:
    path.unlink()
    assert replace_file(path, ".kept") is None
    assert contents(path) == {"daypass.db": "new"}


@pytest.mark.parametrize("step", range(STEPS))
def test_after_a_crash_at_any_step_the_next_start_finds_one_of_the_two(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Fails when the note is written after the first rename of a database file."""
    (path.parent / "daypass.db-wal").write_text("of the old")
    renames = 0
    rename = Path.rename

    def crash(self: Path, target: Path) -> Path:
        nonlocal renames
        if renames == step:
            raise Crash
        renames += 1
        return rename(self, target)

    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "rename", crash)
        with pytest.raises(Crash):
            replace_file(path, ".kept")
        discard_staged(path)
    monkeypatch.setattr("app.storage.file_use.stale_wal_problem", lambda path: None)  # these are no databases
    share_file(path)
    found = contents(path)
    if step == 0:
        assert (found.pop("daypass.db"), found.pop("daypass.db-wal")) == ("old", "of the old")
        assert set(found) == {"daypass.db-shm"}
    else:
        assert found == {"daypass.db": "new", "daypass.db.kept": "old", "daypass.db.kept-wal": "of the old"}
