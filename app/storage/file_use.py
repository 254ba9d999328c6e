"""Which processes use a SQLite file: each holds a shared lock for as long as it may open connections.

The lock is on ``daypass.db-lock`` beside the file, with ``flock``: it ends with its process, however that ends, and
closing other descriptors does not drop it, as with SQLite's own locks. Replacing the file takes the lock alone.
Not here: transactions, which SQLite keeps apart by itself.
"""

import fcntl
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine

from app.domain.errors import Conflict
from app.storage.database_files import companion
from app.storage.replacing import finish_replacement
from app.storage.sqlite_files import sqlite_file
from app.storage.wal import stale_wal_problem
from config.files import settle, share_as

PATIENCE_SECONDS = 10
"""How long a process waits for another one that examines the file."""

COMMAND_PATIENCE_SECONDS = 2
"""How long replacing the file waits for commands that are just running."""

SQLITE_SHARED_BYTES = (510, 0x40000002)
"""Length and start of SQLite's shared lock, which connections hold all the time in WAL mode (os.h of SQLite)."""


def share_database(engine: Engine, user: object) -> Callable[[], object]:
    """Share the file of an engine for SQLite, as :func:`share_file`; what ends it.

    It also ends when `user` is gone, and with the process.
    """
    path = sqlite_file(engine.url)
    if path is None or (descriptor := share_file(path)) is None:
        return lambda: None
    release = weakref.finalize(user, os.close, descriptor)
    release.atexit = False  # connections may be open to the very end
    return release


def share_file(path: Path) -> int | None:
    """Use the file until the returned descriptor is closed; None where there can be no lock, as on a read-only folder.

    Call it before the first connection. The first process that uses the file examines it: an interrupted replacement is
    finished, and a ``-wal`` of another state is refused with Conflict, as is a file that is just being replaced.
    """
    descriptor = _open_lock(path)
    if descriptor is None:
        return None
    try:
        _share(descriptor, path)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict(
            f"{path} is being examined by another process, or replaced by `daypass restore`: try again in a minute."
        ) from None
    except OSError:  # a file system without such locks
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _share(descriptor: int, path: Path) -> None:
    """Not by changing a shared lock into a sole one: where that fails, flock(2) drops the shared one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if is_first := _try(descriptor, fcntl.LOCK_EX):
            _examine(path)
        if _try(descriptor, fcntl.LOCK_SH):
            return
        if not is_first and time.monotonic() > deadline:
            raise BlockingIOError
        time.sleep(0.01)


def _examine(path: Path) -> None:
    _finish_replacement(path)
    if problem := stale_wal_problem(path):
        raise Conflict(f"{problem}.")


def _finish_replacement(path: Path) -> None:
    try:
        finish_replacement(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Conflict(
            f"An interrupted `daypass restore` of {path} can't be finished ({reason}): "
            "run any command of Daypass as the owner of the file, or as root."
        ) from error


@contextmanager
def sole_use(path: Path) -> Iterator[None]:
    """Use the file alone, and leave it unopened to all others meanwhile; refuses with Conflict while it is used."""
    descriptor = _open_lock(path)
    if descriptor is None:
        raise Conflict(f"can't create {_lock_file(path)}: run this as the user that Daypass runs as.")
    try:
        deadline = time.monotonic() + COMMAND_PATIENCE_SECONDS
        while not (_try(descriptor, fcntl.LOCK_EX) and not _has_connections(path)):
            if time.monotonic() > deadline:
                raise Conflict(f"{path} is in use{_by_whom(descriptor)}: stop Daypass, then run this again.")
            time.sleep(0.05)
        _finish_replacement(path)
        yield
    finally:
        os.close(descriptor)


def _lock_file(path: Path) -> Path:
    return companion(path, "-lock")


def _open_lock(path: Path) -> int | None:
    """The lock file, created with the owner and the permissions of the database, or of its folder."""
    lock, flags = _lock_file(path), os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(lock, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with suppress(OSError):  # shared or alone, the lock needs no more than reading
            return os.open(lock, flags | os.O_RDONLY)
        return None
    except OSError:
        return None
    with suppress(OSError):
        os.fchmod(descriptor, 0o600)  # whatever the umask
        if path.exists():
            share_as(descriptor, path)
        else:
            settle(descriptor, lock)
    return descriptor


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_connections(path: Path) -> bool:
    """Whether a process without our lock has the file open: another program, or an earlier release."""
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, *SQLITE_SHARED_BYTES)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _by_whom(descriptor: int) -> str:
    """The processes that hold the lock, where the system lists them (proc(5))."""
    inode = str(os.fstat(descriptor).st_ino)
    with suppress(OSError):
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        found = {row[4] for row in rows if row[1] == "FLOCK" and row[5].split(":")[-1] == inode}
        others = sorted((pid for pid in found if pid not in ("0", "-1", str(os.getpid()))), key=int)
        if others:
            return f" by process {', '.join(others)}"
    return ""
