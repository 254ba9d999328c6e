"""SQLite files as files: their names, owners and permissions, and connections outside the engine."""

import os
from contextlib import suppress
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


def create_like(path: Path, model: Path | None) -> None:
    """Create an empty file that only its owner can read.

    `model`: a file whose permissions it gets, and for root the owner, or those of its folder where it does not exist.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if model is not None:
        own_as(path, model if model.exists() else model.parent)
        if model.exists():
            path.chmod(model.stat().st_mode & 0o666)


def own_as(path: Path, model: Path) -> None:
    """Give the file the group of `model`, and for root the owner, so that the service can use it."""
    owner = model.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)
    elif path.stat().st_gid != owner.st_gid:
        with suppress(PermissionError):  # not a group of this process
            os.chown(path, -1, owner.st_gid)


def sync(path: Path) -> None:
    """Write a file or a folder through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
