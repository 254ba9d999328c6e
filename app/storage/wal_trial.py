"""Trying a SQLite file with the ``-wal`` beside it, on links and copies: is what they become sound, and does it agree?

Not here: what the pages alone show (``wal``).
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from app.storage.database_files import DatabaseError, companion, connect

LARGEST = 128 * 1024 * 1024
"""Bytes of a file that is tried: half a second for each 100 MiB, once after a kill."""

FOLDER = "-trial-"

_EVENTS = """
SELECT count(*), coalesce(max(id), 0), sum(action IN ('tokens.purged', 'user.deleted')), sum(action = 'audit.purged')
FROM audit_events WHERE id > :known
"""

_LATEST = """
WITH event AS (
    SELECT * FROM audit_events AS each
    WHERE id > :known AND id = (
        SELECT max(id) FROM audit_events AS later
        WHERE later.object_id = each.object_id AND later.object_kind = each.object_kind)
)
"""
"""The latest event of each object: an earlier one no longer shows in the tables."""

CONTRADICTIONS = (
    # Tokens that were created or revoked, and are not in the tables, or not revoked there.
    """
    SELECT 1 FROM event
    LEFT JOIN access_tokens AS access ON event.object_kind = 'access_token' AND access.public_id = event.object_id
    LEFT JOIN refresh_tokens AS refresh ON event.object_kind = 'refresh_token' AND refresh.public_id = event.object_id
    WHERE event.action IN ('access_token.minted', 'access_token.created', 'refresh_token.created')
            AND coalesce(access.id, refresh.id) IS NULL
        OR event.action IN ('access_token.revoked', 'refresh_token.revoked')
            AND coalesce(access.status, refresh.status, 'revoked') != 'revoked'
    """,
    # Access tokens that a revoked refresh token has left.
    """
    SELECT 1 FROM event
    JOIN refresh_tokens AS refresh ON refresh.public_id = event.object_id
    JOIN access_tokens AS access ON access.refresh_token_id = refresh.id
    WHERE event.action = 'refresh_token.revoked'
        AND access.status IN ('active', 'overlapping') AND access.expires_at > refresh.revoked_at
    """,
    # Settings and users that are not as the event left them.
    """
    SELECT 1 FROM event JOIN instance_settings AS setting ON setting.key = event.object_id
    WHERE event.action = 'instance_setting.changed' AND setting.value != json_extract(event.detail, '$.after')
    """,
    """
    SELECT 1 FROM event JOIN users AS owner ON owner.username = event.object_id
    WHERE event.action IN ('user.enabled', 'user.disabled') AND owner.is_active != (event.action = 'user.enabled')
    """,
)
"""What shows, by the events after a known one, that the tables are not of the same state as the audit log."""


def damage_of_both(path: Path) -> str | None:
    """What is wrong with the file together with its ``-wal`` and not without it; None where nothing is.

    None for a large file, too, and where it can't be tried.
    """
    for left in path.parent.glob(f"{path.name}{FOLDER}*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    if path.stat().st_size > LARGEST:
        return None
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}{FOLDER}") as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        for name in (alone, together):
            _link(path, name)
        shutil.copyfile(companion(path, "-wal"), companion(together, "-wal"))
        if not _is_sound(together):  # after an incomplete checkpoint it is the other way round
            return "together they are damaged" if _is_sound(alone) else None
        return None if _agrees(together, _latest_event(alone)) else "together they contradict the audit log"


def _link(path: Path, name: Path) -> None:
    try:
        name.hardlink_to(path)
    except OSError:  # a file system without links, or another user's file
        shutil.copyfile(path, name)


def _open(path: Path) -> Any:
    """A connection that leaves the file as it is; with a ``-wal`` it replays that for itself."""
    return connect(path, "mode=ro" if companion(path, "-wal").exists() else "immutable=1")


def _is_sound(path: Path) -> bool:
    connection = _open(path)
    try:
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)])
    except DatabaseError:
        return False
    finally:
        connection.close()


def _latest_event(path: Path) -> int | None:
    """The id of the latest audit event; None where it can't be read."""
    connection = _open(path)
    try:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM audit_events").fetchone()[0])
    except DatabaseError:
        return None
    finally:
        connection.close()


def _agrees(path: Path, known: int | None) -> bool:
    """Whether the audit events after `known` are complete, and the tables show their effect."""
    if known is None:
        return True
    connection = _open(path)
    try:
        number, latest, deletions, removals = connection.execute(_EVENTS, {"known": known}).fetchone()
        if number and number != latest - known and not removals:
            return False
        if deletions:
            return True
        queries = [f"{_LATEST} {each} LIMIT 1" for each in CONTRADICTIONS]
        return not any(connection.execute(query, {"known": known}).fetchall() for query in queries)
    except DatabaseError:  # not Daypass's tables
        return True
    finally:
        connection.close()
