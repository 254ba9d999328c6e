"""Private files and a lock that the processes of one user on this machine share; an unusable cache counts as empty."""

import json
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOG = logging.getLogger("daypass_client")

POLL_SECONDS = 0.02
LARGEST = 16 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

Members = dict[str, Any]

_complaints: set[str] = set()
_unused: set[Path | None] = set()


class Cache:
    """Files of one server and refresh token (`key`) in `folder`; None: no cache."""

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = key

    def read(self, kind: str) -> Members | None:
        """The members written last; None if there are none, or the file is damaged or not private."""
        if not self._is_ours():
            return None
        path = self._path(kind)
        try:
            text = _read_private(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            _complain(f"{path} is not used: {_why(error)}.")
            return None
        try:
            members = json.loads(text)
        except ValueError:
            return None
        return members if isinstance(members, dict) else None

    def write(self, kind: str, members: Members) -> None:
        """Replace the file atomically; only this user can read it."""
        if not self._is_ours():
            return
        path = self._path(kind)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(members, file)
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            self._complain_unused(_why(error))

    def _complain_unused(self, why: str) -> None:
        """Once per process and folder, whatever does not work there."""
        if self._folder not in _unused:
            _unused.add(self._folder)
            LOG.warning("%s is not used, each process requests its own token: %s.", self._folder or "a cache", why)

    @contextmanager
    def locked(self, patience: float) -> Iterator[bool]:
        """Hold the lock; after `patience` seconds without it, continue all the same. Whether it is held."""
        lock = None
        if self._is_ours():
            file_lock = FileLock(self._path("lock"), mode=0o600)
            try:
                file_lock.acquire(timeout=patience, poll_interval=POLL_SECONDS)
                lock = file_lock
            except Timeout:
                if patience:
                    LOG.warning("continuing without the lock %s: another process holds it", self._path("lock"))
            except (OSError, NotImplementedError) as error:  # the latter: on a file system without locks
                self._complain_unused(_why(error))
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()

    def _path(self, kind: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._key}.{kind}"

    @property
    def is_usable(self) -> bool:
        """Whether there is a folder of this user's for it."""
        return self._is_ours()

    def _is_ours(self) -> bool:
        if self._folder is None:
            self._complain_unused("the home folder is unknown; set XDG_CACHE_HOME")
            return False
        try:
            _refuse_foreign_home(self._folder)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = self._folder.stat()
            if about.st_uid != os.geteuid() or about.st_mode & OTHERS_WRITE:
                raise PermissionError("others can write to it")
        except OSError as error:
            self._complain_unused(_why(error))
            return False
        return True


def default_folder() -> Path | None:
    """The user's cache folder; None if the home folder is unknown."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "daypass"
    try:
        home = Path.home()
    except RuntimeError:  # HOME is not set, and the user id has no name
        return None
    return home / ".cache" / "daypass" if home.is_absolute() else None


def _refuse_foreign_home(folder: Path) -> None:
    """Create nothing as root in another user's home (``sudo``): that user could not use it afterwards."""
    if os.geteuid() == 0:
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        if nearest.stat().st_uid != 0:
            raise PermissionError("it is in another user's home")


def _read_private(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            raise PermissionError("it belongs to another user")
        if about.st_mode & OTHERS:
            raise PermissionError("others can read or write it")
        return file.read(LARGEST)


def _why(error: OSError | NotImplementedError) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _complain(message: str) -> None:
    """Log a warning once per process."""
    if message not in _complaints:
        _complaints.add(message)
        LOG.warning(message)
