"""Replacing the SQLite file by another one, so that a crash at any instant leaves one of the two in place.

A note beside the file, ``daypass.db-restore``, is the decision. Without it the old file is in place; with it, the
next process that uses the file finishes the renames. Call all of this in sole use of the file (``file_use``).
"""

import json
from pathlib import Path

import structlog

from app.storage.database_files import COMPANIONS, companion, sync
from app.storage.sqlite_files import SUFFIXES
from config.files import create_empty

LOG = structlog.get_logger(__name__)


def staging_file(path: Path) -> Path:
    """Where the new file is prepared."""
    return companion(path, "-restoring")


def replace_file(path: Path, kept_as: str) -> Path | None:
    """Put the prepared file in place of `path`; where the old one is kept, with its ``-wal``, None without an old one.

    `kept_as`: the end of its name.
    """
    staged = staging_file(path)
    kept = _free_name(path, kept_as)
    sync(staged)
    note = _note(path)
    unfinished = companion(note, "-new")
    unfinished.unlink(missing_ok=True)
    create_empty(unfinished, like=staged)
    unfinished.write_text(json.dumps({"kept": kept.name}))
    sync(unfinished)
    had_old = path.exists()
    unfinished.rename(note)
    sync(path.parent)
    finish_replacement(path)
    return kept if had_old else None


def finish_replacement(path: Path) -> None:
    """Finish a replacement that was decided; without one, nothing. The steps can be repeated after a crash at any."""
    note, staged = _note(path), staging_file(path)
    if not note.exists():
        if staged.exists():
            LOG.warning("restore_interrupted", in_place="the old database", run_again="daypass restore")
        return
    kept = path.with_name(json.loads(note.read_text())["kept"])
    if staged.exists():
        for end in ("", *COMPANIONS):
            old = companion(path, end)
            if end and old.exists() and old.stat().st_size == 0:
                old.unlink()
            if old.exists():
                target = companion(kept, end)
                old.rename(target if not target.exists() else _free_name(target, "-and"))
        companion(path, "-shm").unlink(missing_ok=True)
        sync(path.parent)
        staged.rename(path)
    sync(path.parent)
    note.unlink()
    sync(path.parent)
    LOG.warning("database_replaced", old_database=str(kept))


def is_decided(path: Path) -> bool:
    """Whether a replacement was decided and is not finished."""
    return _note(path).exists()


def discard_staged(path: Path) -> None:
    """Remove what an attempt prepared, unless the replacement is decided."""
    staged = staging_file(path)
    if is_decided(path):
        return
    for end in (*SUFFIXES, "-lock"):
        companion(staged, end).unlink(missing_ok=True)
    companion(_note(path), "-new").unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return companion(path, "-restore")


def _free_name(path: Path, end: str) -> Path:
    """A name that no file has, beginning with that of `path`."""
    for number in range(1, 1000):
        name = companion(path, end if number == 1 else f"{end}-{number}")
        if not any(companion(name, part).exists() for part in ("", *COMPANIONS)):
            return name
    raise FileExistsError(f"{path}{end}")
