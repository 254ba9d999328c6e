"""The next content of a file, beside it: written and synced first, then put in its place in one step."""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from daypass_client.errors import NotNow


class Draft:
    """`path`: a file, not a link. The draft has one name, so that a killed process leaves one at most, for the next.

    While it is open, no other process writes a draft of the same file: NotNow. Raises OSError where the file cannot be
    replaced by one with the same mode, owner and attributes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.daypass")
        self._about = path.stat()

    def __enter__(self) -> "Draft":
        self._descriptor = self._open()
        try:
            self._lock()
            self._take_owner()
            self._copy_attributes()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        with suppress(OSError):
            if os.path.samestat(self._draft.lstat(), os.fstat(self._descriptor)):
                self._draft.unlink()
        os.close(self._descriptor)

    def write(self, content: bytes) -> None:
        """Make this the content, on the disk. What was written before, and is no longer, kept the space for it."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]
        os.ftruncate(self._descriptor, len(content))
        os.fsync(self._descriptor)

    def replace(self) -> None:
        """Put the draft in the file's place, on the disk."""
        os.fchmod(self._descriptor, stat.S_IMODE(self._about.st_mode))
        self._draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            return os.open(self._draft, flags, 0o600)
        except PermissionError:
            # Left by a process that was killed, of a file with mode 0400?
            if not os.path.lexists(self._draft) or not _is_own(self._draft.lstat()):
                raise
            self._draft.chmod(0o600)
            return os.open(self._draft, flags, 0o600)

    def _lock(self) -> None:
        busy = NotNow(f"Another process writes {self._path}. Try again later.")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = os.fstat(self._descriptor)
            if not os.path.samestat(self._draft.lstat(), about):
                raise busy
        except (BlockingIOError, FileNotFoundError):
            raise busy from None
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_uid not in self._owners():
            raise PermissionError(f"{self._draft} is not this user's file")

    def _owners(self) -> tuple[int, ...]:
        return (os.geteuid(), self._about.st_uid)

    def _take_owner(self) -> None:
        os.fchmod(self._descriptor, 0o600)
        os.fchown(self._descriptor, self._about.st_uid, self._about.st_gid)

    def _copy_attributes(self) -> None:
        """Access lists and other extended attributes; those of the system's security are its own."""
        if not hasattr(os, "listxattr"):
            return
        with suppress(NotImplementedError):
            for name in os.listxattr(self._path):
                if not name.startswith("security."):
                    os.setxattr(self._descriptor, name, os.getxattr(self._path, name))


def _is_own(about: os.stat_result) -> bool:
    return stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
