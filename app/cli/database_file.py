"""The SQLite file, before a command opens it: SQLite's own errors do not say what to do."""

import errno
import os
from pathlib import Path

from app.storage.database import sqlite_problem
from config import SettingsError
from config.exposure import folder_problem
from config.files import create_empty, remedy
from config.settings import PREFIX

URL = f"{PREFIX}DATABASE_URL"


def prepare_file(path: Path, creates: bool) -> None:
    """Refuse an old SQLite, and a file that is missing (or create it), is no file, or is not this user's to write.

    SQLite gives its ``-wal`` and ``-shm`` the owner and mode of the file, also when root writes them.
    """
    if problem := sqlite_problem():
        raise SettingsError(problem)
    try:
        _prepare(path, creates)
    except OSError as error:
        what_to_do = remedy(path, error.errno)
        raise SettingsError(f"can't open the database {path} ({error.strerror}): {what_to_do}") from error


def refuse_no_file(path: Path) -> None:
    """Refuse what is there and is no regular file: a restore would put one in place of ``/dev/null``."""
    if path.is_dir():
        raise SettingsError(f"{path} is a folder, not a database: set {URL} to a file in it")
    if path.exists() and not path.is_file():
        raise SettingsError(f"{path} is a device, not a database: set {URL} to a file")


def _prepare(path: Path, creates: bool) -> None:
    refuse_no_file(path)
    if not path.parent.is_dir():
        raise SettingsError(f"the folder {path.parent} of the database does not exist: create it, or set {URL}")
    if not path.exists():
        if not creates:
            raise SettingsError(f"there is no database {path}: run `daypass init`, or set {URL}")
        if problem := folder_problem(path.parent):
            raise SettingsError(str(problem))
        create_empty(path)
    for each in (path, path.parent):
        if not os.access(each, os.R_OK | os.W_OK):
            number = errno.EROFS if os.statvfs(each).f_flag & os.ST_RDONLY else errno.EACCES
            reason = os.strerror(number)
            raise SettingsError(f"can't write {each}, which SQLite must ({reason}): {remedy(each, number)}")
