"""Backups of a SQLite database: one file with a table that describes it, in the journal mode of a file at rest.

Not here: putting a backup in place (``replacing``), and PostgreSQL, which has programs of its own for this.
"""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.audit import AuditEvent, Stream
from app.domain.audit_seals import AuditSeal
from app.storage.database_files import COMPANIONS, DatabaseError, companion, connect, sync
from app.storage.sqlite_files import SUFFIXES
from config.files import create_empty

DESCRIPTION = "backup_description"
"""A table of backups only: key and value."""

COPIED_BYTES = 1024 * 1024


COUNTED = ("users", "refresh_tokens", "access_tokens")


def write_backup(database: Path, file: Path, description: Mapping[str, str]) -> dict[str, int]:
    """Copy a database in use into `file`, an empty one: the state of one moment, described and verified; its rows.

    Writers go on meanwhile. Raises DatabaseError, as where the disk is full or the database is damaged.
    """
    source, target = connect(database, "mode=ro"), connect(file, "mode=rw")
    try:
        source.backup(target)  # in one step: others that write would make several begin again and again
        # Beside a -wal left by a killed process, this mode shows that the file is not the one it belongs to.
        target.execute("PRAGMA journal_mode=DELETE")
        target.execute(f"CREATE TABLE {DESCRIPTION} (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        target.executemany(f"INSERT INTO {DESCRIPTION} VALUES (?, ?)", description.items())  # noqa: S608
        _raise_unless_ok(target, "quick_check")
        rows = {table: target.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}  # noqa: S608
    finally:
        target.close()
        source.close()
    sync(file)
    return rows


def copy_backup(file: Path, staged: Path) -> None:
    """Copy a backup, with a ``-wal`` beside it, into `staged`, an empty file. Raises OSError."""
    _copy(file, staged)
    for end in COMPANIONS:
        if companion(file, end).exists():
            create_empty(companion(staged, end), like=staged)
            _copy(companion(file, end), companion(staged, end))


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("r+b") as writing:
        while content := reading.read(COPIED_BYTES):
            writing.write(content)


def read_description(staged: Path) -> dict[str, str]:
    """The description of a complete copy, removed from it; empty for a file that ``daypass backup`` did not write.

    Raises DatabaseError where the file is damaged or no database.
    """
    connection = connect(staged, "mode=rw")
    try:
        _raise_unless_ok(connection, "integrity_check")
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise DatabaseError(f"{len(broken)} rows refer to rows that are missing")
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (DESCRIPTION,)).fetchall():
            return {}
        description = dict(connection.execute(f"SELECT key, value FROM {DESCRIPTION}").fetchall())  # noqa: S608
        connection.execute(f"DROP TABLE {DESCRIPTION}")
        return description
    finally:
        connection.close()


def latest_audit_event(database: Path) -> int:
    """The id of the latest audit event; 0 without any. Raises DatabaseError."""
    connection = connect(database, "mode=rw")
    try:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM audit_events").fetchone()[0])
    finally:
        connection.close()


def trusted_time(database: Path) -> datetime | None:
    """The time that a database has seen pass (``clock_marks``); None where it can't be read."""
    connection = connect(database, "mode=ro")
    try:
        row = connection.execute("SELECT seen_at FROM clock_marks").fetchone()
        return datetime.fromisoformat(row[0]).replace(tzinfo=UTC) if row else None
    except (DatabaseError, ValueError):
        return None
    finally:
        connection.close()


def audit_events(database: Path, beyond: int) -> Iterator[AuditEvent]:
    """The audit events after this id of a database that nobody uses, oldest first; it is not changed.

    Raises DatabaseError and ValueError where the database is damaged.
    """
    connection = connect(database, "mode=ro")
    try:
        columns = {column for _, column, *_ in connection.execute("PRAGMA table_info(audit_events)")}
        names = [each.name for each in fields(AuditEvent) if each.name in columns]  # an earlier release had fewer
        query = f"SELECT {', '.join(names)} FROM audit_events WHERE id > ? ORDER BY id"  # noqa: S608
        for row in connection.execute(query, (beyond,)):
            values = dict(zip(names, row, strict=True))
            at = datetime.fromisoformat(values["at"]).replace(tzinfo=UTC)
            yield AuditEvent(**values | {"at": at, "detail": json.loads(values["detail"])})
    finally:
        connection.close()


def removed_audit_ranges(database: Path) -> tuple[AuditSeal, ...]:
    """The seals of what retention has removed from the audit log, in the same way."""
    connection = connect(database, "mode=ro")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'audit_seals'").fetchall():
            return ()  # of an earlier release
        names = [each.name for each in fields(AuditSeal)]
        query = f"SELECT {', '.join(names)} FROM audit_seals WHERE removed_at IS NOT NULL"  # noqa: S608
        found = [dict(zip(names, row, strict=True)) for row in connection.execute(query)]
        return tuple(AuditSeal(**each | _instants(each) | {"stream": Stream(each["stream"])}) for each in found)
    finally:
        connection.close()


def _instants(values: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(values[name]).replace(tzinfo=UTC) for name in ("sealed_at", "removed_at")}


def _raise_unless_ok(connection: Any, check: str) -> None:
    found = connection.execute(f"PRAGMA {check}(1)").fetchall()
    if found != [("ok",)]:
        raise DatabaseError(str(found[0][0]).splitlines()[0])


@contextmanager
def new_file(file: Path, overwrites: bool) -> Iterator[Path]:
    """An empty file beside `file`, which it becomes at the end; removed on an exception. Raises OSError.

    Raises FileExistsError where `file` exists, unless it `overwrites` and it is a regular file.
    """
    unfinished = companion(file, f".{os.getpid()}.unfinished")
    if file.exists() and not (overwrites and file.is_file()):  # a device, such as /dev/null, would be replaced as well
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
    try:
        create_empty(unfinished, like=file if file.exists() else None)
        yield unfinished
        if overwrites:
            unfinished.replace(file)
        else:
            _rename_to_new(unfinished, file)
        sync(file.parent)
    finally:
        for end in SUFFIXES:
            companion(unfinished, end).unlink(missing_ok=True)


def _rename_to_new(unfinished: Path, file: Path) -> None:
    """A link fails where another process has created `file` meanwhile."""
    try:
        file.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        unfinished.rename(file)
