"""SQLite files as files: their names, and connections outside the engine."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.storage.database import sqlite  # type: ignore[attr-defined]

COMPANIONS = ("-wal", "-journal")
"""What belongs to a file and holds part of its state. The ``-shm`` is derived from the ``-wal``."""

DatabaseError: type[Exception] = sqlite.DatabaseError


def companion(path: Path, end: str) -> Path:
    """The file whose name is that of `path` and `end`."""
    return path.with_name(path.name + end)


def connect(path: Path, option: str) -> Any:
    """A connection of the driver, in autocommit. `option`: of the URI, such as ``mode=ro``."""
    return sqlite.connect(f"file:{quote(str(path))}?{option}", uri=True, isolation_level=None, timeout=10)


def sync(path: Path) -> None:
    """Write a file or a folder through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
