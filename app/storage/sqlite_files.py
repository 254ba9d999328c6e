"""SQLite's files, seen from outside: can this process use them, can others read them, is there room for more.

Not here: what is in them (``integrity``), and whether a write succeeds (``write_probe``).
"""

import os
import shlex
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL

from app.domain.findings import Finding, ok, problem, warning
from config.exposure import folder_problem, readers_problem
from config.files import user_name

SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Of the database and the files beside it: https://sqlite.org/tempfiles.html."""

FULL_BYTES = 256 * 1024
"""Less room than a few transactions need: the next writes fail."""

LOW_BYTES = 64 * 1024 * 1024
"""Less room than a day of audit events and tokens can take."""

_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def sqlite_file(url: URL) -> Path | None:
    """The file of a database's address, as SQLite names it; None for PostgreSQL, for SQLite in memory and for a URI."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name.startswith("file:"):
        return None
    return Path(name).resolve()


def existing(path: Path) -> str:
    """The URI of a file that SQLite must not create: an empty database would be taken for a new installation."""
    return f"file://{quote(str(path.absolute()))}?mode=rw"


def open_existing(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
    """On connecting (``do_connect`` of SQLAlchemy): only a file that exists is opened."""
    if not arguments[0].startswith((":", "file:")):
        arguments[0], options["uri"] = existing(Path(arguments[0])), True


def access(path: Path) -> Finding:
    """Whether this process can read and write the files, and create those beside the database."""
    folder = path.parent
    try:
        return _access(path, folder)
    except OSError as error:  # such as a folder above that can't be entered
        return problem(
            "files",
            f"{path.name} can't be reached",
            f"let {_user()} enter the folder",
            f"{folder}: {error.strerror}",
        )


def _access(path: Path, folder: Path) -> Finding:
    try:
        folder.stat()
    except FileNotFoundError:
        return problem(
            "files", f"the folder of {path.name} does not exist", "create it and run `daypass init`", str(folder)
        )
    if not folder.is_dir():
        return problem("files", f"the folder of {path.name} is not a directory", "move it away", str(folder))
    if not _allows(folder, os.X_OK):
        return problem("files", f"{_user()} can't enter the folder of {path.name}", _remedy(folder), str(folder))
    if not path.exists():
        return problem("files", f"there is no {path.name}", "run `daypass init`, or restore a backup", str(folder))
    if not path.is_file():
        kind = "directory" if path.is_dir() else "device"
        return problem("files", f"{path.name} is a {kind}, not a database", "move it away and restore a backup")
    for suffix in SUFFIXES:
        file = path.with_name(path.name + suffix)
        if file.exists() and not _allows(file, os.R_OK | os.W_OK):
            verb = "write" if _allows(file, os.R_OK) else "read"
            return problem("files", f"{_user()} can't {verb} {file.name}, which is {_owner(file)}'s", _remedy(file))
    if not _allows(folder, os.W_OK):  # for the files beside it
        return problem("files", f"{_user()} can't write the folder of {path.name}", _remedy(folder), str(folder))
    return ok("files", f"{path.name} can be read and written")


def identity(path: Path) -> tuple[int, int] | None:
    """What tells the file from another one of that name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def privacy(path: Path) -> Finding:
    """Whether others can read the files, or put others in their place: SQLite trusts a ``-wal`` or ``-journal``."""
    found = folder_problem(path.parent)
    for suffix in SUFFIXES if path.parent.stat().st_mode & stat.S_IXOTH else ():
        file = path.with_name(path.name + suffix)
        if found is None and file.exists():
            found = readers_problem(file, file.stat(), f"{shlex.quote(str(path))}*")
    return problem("privacy", *found) if found else ok("privacy", f"only its user and group can read {path.name}")


def space(path: Path) -> Finding:
    """Whether there is room for more."""
    free = free_bytes(path.parent)
    detail = f"{_amount(free)} free for {path.name}"
    if free < FULL_BYTES:
        return problem("disk", f"the disk is full: {detail}", "free some space; checks go on meanwhile, writes do not")
    if free < LOW_BYTES:
        return warning("disk", f"only {detail}", "free some space")
    return ok("disk", detail)


def free_bytes(folder: Path) -> int:
    """The room on the folder's file system for this user; root may also use what is reserved for it."""
    system = os.statvfs(folder)
    return system.f_frsize * (system.f_bfree if os.geteuid() == 0 else system.f_bavail)


def _allows(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _remedy(path: Path) -> str:
    """How to make it usable."""
    return f"run chown {os.geteuid()} on the folder and its files, or start Daypass as {_owner(path)}"


def _user() -> str:
    return f"this process (user {user_name(os.geteuid())})"


def _owner(path: Path) -> str:
    return user_name(path.stat().st_uid)


def _amount(size: int) -> str:
    factor, unit = next(((factor, unit) for factor, unit in _UNITS if size >= factor), (1, "bytes"))
    return f"{size / factor:.0f} {unit}"
