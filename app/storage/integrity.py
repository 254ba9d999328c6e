"""Whether a SQLite file is damaged, after Daypass was not stopped in order: checked once per host, in the background.

What was found is in a small file beside the database, which the workers of the server read (``/readyz``).
"""

import fcntl
import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from app.domain.findings import Finding, ok, problem
from app.storage.database import DRIVER, wal_is_sound
from app.storage.database_files import COMPANIONS, companion
from app.storage.sqlite_files import existing
from config.files import share_as

LOG = structlog.get_logger(__name__)

TABLE_PATIENCE_SECONDS = 10
"""How long one table is looked at: meanwhile SQLite can't shorten its WAL."""

JOURNAL_PATIENCE_SECONDS = 0.3
"""The same with a rollback journal: meanwhile nobody can commit, and requests wait for one second.

An old SQLite looks at the time only after it has walked through the pages: 0.1 s for 100 MB that are in memory.
"""

PAUSE_SECONDS = 0.1
"""Between tables, so that it can."""

NICENESS = 10
STEPS = 100_000
"""Of SQLite's virtual machine, between two looks at the time."""

NAME = "integrity"


@dataclass(frozen=True)
class Record:
    """`inode`: of the file that was checked; another file has none of this.

    `is_open`: a server began to use it and has not ended in order. `is_checking`: a check began and has not ended.
    `damage`: SQLite's words, empty where there is none. A backup may have been copied into the file since.
    """

    inode: int
    is_open: bool = False
    is_checking: bool = False
    damage: str = ""


def finding(path: Path) -> Finding:
    """What the last check in the background found."""
    record = _read(path)
    if record.damage:
        return _damaged(path, record.damage)
    return ok(NAME, "being checked" if record.is_checking else "no damage is known")


def check(path: Path, thoroughly: bool = False) -> Finding:
    """Look for damage now: ``PRAGMA quick_check``, table by table, with a limited time for each.

    `thoroughly`: where the time is enough, ``integrity_check``, which compares indexes with their tables.
    """
    unfinished = []
    try:
        connection = DRIVER.connect(existing(path), uri=True, timeout=1, isolation_level=None)
        try:
            connection.execute("PRAGMA query_only=ON")
            for table in _tables(connection):
                words = _damage_of(connection, table, "integrity_check") if thoroughly else None
                if words is None:
                    words = _damage_of(connection, table, "quick_check")
                if words is None:
                    unfinished.append(table)
                elif words:
                    return _damaged(path, words)
                time.sleep(PAUSE_SECONDS if threading.current_thread() is not threading.main_thread() else 0)
        finally:
            connection.close()
    except DRIVER.OperationalError as error:  # locked, or away: other checks say so
        return ok(NAME, f"not checked ({error})")
    except DRIVER.DatabaseError as error:
        return _damaged(path, str(error))
    if unfinished:
        return ok(NAME, f"no damage is known; too large to be checked now: {', '.join(unfinished)}")
    return ok(NAME, "no damage was found")


def watch(path: Path) -> "Watch | None":
    """Note that a server uses this database from now on; None where another one on this host has noted it.

    Call it before the first connection, which removes the traces of an unclean stop, and only once the file exists.
    """
    try:
        lock = os.open(_record_path(path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # the checks of the files say why
        return None
    with suppress(OSError):  # another of the database's users may be the next to serve
        share_as(lock, path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return Watch(path, lock)


class Watch:
    """Held by the process that serves, as long as it lives. `was_unclean`: whether the last one ended otherwise.

    Damage that is on record is looked for again: its file may have been repaired.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        before = _read(path)
        left = any(_size(companion(path, end)) for end in COMPANIONS)
        self.was_unclean = left or before.is_open or before.is_checking or bool(before.damage)
        damage = check(path).cause if before.damage else ""
        self._write(replace(before, is_open=True, is_checking=self.was_unclean, damage=damage))

    def check_in_background(self) -> None:
        """Check if the last server did not end in order; the result is in the record and in the log."""
        if self.was_unclean:
            threading.Thread(target=self._check, name="integrity", daemon=True).start()

    def close(self) -> None:
        """The server ends in order."""
        self._write(replace(_read(self._path), is_open=False))
        self._release()

    def abandon(self) -> None:
        """The server does not start. The next one is told of the unclean stop that this one has seen."""
        self._write(replace(_read(self._path), is_open=self.was_unclean))
        self._release()

    def _release(self) -> None:
        with suppress(OSError):
            os.close(self._lock)

    def _check(self) -> None:
        if sys.platform == "linux":  # where priorities are per thread
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        started = time.monotonic()
        found = check(self._path)
        damage = found.cause
        self._write(replace(_read(self._path), is_checking=False, damage=damage))
        seconds = round(time.monotonic() - started, 3)
        if damage:
            LOG.error("database_damaged", detail=found.line, cause=damage, seconds=seconds)
        else:
            LOG.info("integrity_checked", detail=found.line, seconds=seconds)

    def _write(self, record: Record) -> None:
        """In place, because the lock is on the file. A full disk must not keep the server from ending."""
        with suppress(OSError):
            text = json.dumps(asdict(record)).encode()
            os.pwrite(self._lock, text, 0)
            os.ftruncate(self._lock, len(text))


def _damaged(path: Path, cause: str) -> Finding:
    remedy = "stop Daypass and restore a backup"
    return problem(NAME, f"{path.name} is damaged", remedy, cause)


def _tables(connection: Any) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [str(name) for (name,) in rows]


def _damage_of(connection: Any, table: str, pragma: str) -> str | None:
    """The first thing that is wrong with it; empty where nothing is, None where the time was not enough."""
    deadline = time.monotonic() + (TABLE_PATIENCE_SECONDS if wal_is_sound() else JOURNAL_PATIENCE_SECONDS)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    name = table.replace('"', '""')
    try:
        words = str(connection.execute(f'PRAGMA {pragma}("{name}")').fetchone()[0])
    except DRIVER.OperationalError as error:
        if "interrupted" in str(error):
            return None
        raise
    return "" if words == "ok" else words.splitlines()[0]


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-health")


def _read(path: Path) -> Record:
    try:
        inode = path.stat().st_ino
    except OSError:  # the checks of the files say so
        return Record(0)
    try:
        record = Record(**json.loads(_record_path(path).read_bytes()))
    except (OSError, ValueError, TypeError):  # none yet, or torn by a crash
        return Record(inode)
    return record if record.inode == inode else Record(inode)


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0
