"""SQLite's files as the operating system sees them. What another user may do is in tests/environment."""

from pathlib import Path

import pytest

from app.domain.findings import Level
from app.storage import sqlite_files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "daypass.db"
    path.touch(0o600)
    return path


def test_what_is_in_the_place_of_the_database_is_named(path: Path, tmp_path: Path) -> None:
    assert sqlite_files.access(path).level is Level.OK
    for place, words in (
        (tmp_path, "is a directory"),
        (tmp_path / "other.db", "there is no other.db: run `daypass init`"),
        (tmp_path / "gone" / "daypass.db", "the folder of daypass.db does not exist"),
        (path / "daypass.db", "the folder of daypass.db is not a directory"),
        (path / "not" / "daypass.db", "can't be reached"),
        (Path("/dev/null"), "is a device"),
    ):
        found = sqlite_files.access(place)
        assert found.level is Level.PROBLEM and words in found.line_with_cause, place


def test_a_database_that_others_can_read_is_a_problem_unless_they_can_not_enter_its_folder(path: Path) -> None:
    """And a folder in which they can put a file: SQLite would apply their ``-journal``."""
    wal = path.with_name("daypass.db-wal")
    wal.touch()
    for folder, mode, wal_mode, expected in (
        (0o700, 0o644, 0o644, Level.OK),
        (0o755, 0o600, 0o600, Level.OK),
        (0o775, 0o660, 0o640, Level.OK),
        (0o755, 0o644, 0o600, Level.PROBLEM),
        (0o711, 0o600, 0o604, Level.PROBLEM),
        (0o2775, 0o660, 0o660, Level.OK),
        (0o777, 0o600, 0o600, Level.PROBLEM),
        (0o1777, 0o600, 0o600, Level.PROBLEM),
    ):
        for place, bits in ((path.parent, folder), (path, mode), (wal, wal_mode)):
            place.chmod(bits)
        assert sqlite_files.privacy(path).level is expected, oct(folder)
    path.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("free", "level"), [(0, Level.PROBLEM), (200_000, Level.PROBLEM), (5_000_000, Level.WARNING), (1 << 40, Level.OK)]
)
def test_the_room_that_is_left_is_said(path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr(sqlite_files, "free_bytes", lambda _folder: free)
    found = sqlite_files.space(path)
    assert found.level is level and "free" in found.line
