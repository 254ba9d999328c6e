"""A Unix socket of the server's own: made, guarded against a second server, and removed."""

import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from app.server import CannotServe
from app.server.listening import Listener, shared_unix_listener
from app.server.socket_holders import process_name

LONGEST_PATH = 107 if sys.platform == "linux" else 103
"""Bytes: ``sun_path`` without its final NUL (unix(7))."""

LOCK_SECONDS = 2
"""How long to wait for another server that is starting in the same folder."""

ANSWER_SECONDS = 1
"""How long a server may take to accept the connection that asks whether it lives."""


def unix_listener(path: Path, mode: int) -> Listener:
    """A listener on a Unix socket at `path`, with these permissions. The file is removed when the server stops.

    What a killed server left is replaced. Raises :class:`CannotServe` for a socket that a server listens on, for
    anything else at the path, and for a path that can't be used.
    """
    path = path.absolute()
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise CannotServe(
            f"can't listen on {path}: the path of a socket has at most {LONGEST_PATH} bytes; set DAYPASS_HOST"
        )
    try:
        with _alone_in(path.parent):
            _remove_stale(path)
            bound = _bound(path, mode)
            listener = shared_unix_listener(bound)  # before the lock ends: what does not listen looks stale
    except OSError as error:
        raise CannotServe(
            f"can't listen on {path} ({error.strerror}): the folder must exist, and this user be able to write to it"
        ) from error
    ours = _identity(path)

    def close() -> None:
        with suppress(OSError):
            if _identity(path) == ours:
                path.unlink()
        bound.close()

    return replace(listener, close=close)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two servers that start at once from taking each other's socket for a stale one."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(descriptor) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether it is locked, or can't be."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _remove_stale(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise CannotServe(
            f"can't listen on {path}: something that is not a socket is there; remove it, or set DAYPASS_HOST"
        )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:
            return
        except (BlockingIOError, TimeoutError):
            holder = ""  # its queue is full
        except OSError as error:
            raise CannotServe(
                f"can't listen on {path}: there is a socket that can't be asked ({error.strerror}); set DAYPASS_HOST"
            ) from error
        else:
            holder = _server_of(client)
    raise CannotServe(f"can't listen on {path}: a server listens there{holder}; stop it, or set DAYPASS_HOST")


def _server_of(client: socket.socket) -> str:
    """The process that listens at the other end: SO_PEERCRED of unix(7), Linux only."""
    if sys.platform != "linux":
        return ""
    process, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return f", {process_name(process)}" if process else ""


def _bound(path: Path, mode: int) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~mode)  # from the first moment, the file has no other permissions
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
