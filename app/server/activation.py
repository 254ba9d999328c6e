"""The socket that systemd passes to a service (sd_listen_fds(3)): ``deploy/systemd/daypass.socket``."""

import os
import socket

from app.server import CannotServe
from app.server.listening import Listener, shared_tcp_listener, shared_unix_listener

FIRST_DESCRIPTOR = 3
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


def listener_from_systemd() -> Listener | None:
    """The socket that was passed to this process; None if there is none.

    Removes the variables, so that no process started later takes them for its own. Raises :class:`CannotServe` for
    several sockets, and for one that is not a listening stream socket.
    """
    process, count, *_ = (os.environ.pop(name, "") for name in VARIABLES)
    if process != str(os.getpid()) or count in ("", "0"):
        return None
    if count != "1":
        raise CannotServe(
            f"systemd passes {count} sockets, and Daypass listens on one: keep one ListenStream= in daypass.socket"
        )
    try:
        passed = socket.socket(fileno=FIRST_DESCRIPTOR)
    except OSError as error:
        raise CannotServe(
            f"systemd passes something that is no socket ({error.strerror}): see daypass.socket"
        ) from error
    passed.set_inheritable(False)
    if _is_listening(passed) and passed.family == socket.AF_UNIX:
        return shared_unix_listener(passed)
    if _is_listening(passed) and passed.family in (socket.AF_INET, socket.AF_INET6):
        return shared_tcp_listener(passed)
    passed.close()
    raise CannotServe("systemd passes a socket that is not listening: ListenStream= and Accept=no in daypass.socket")


def _is_listening(passed: socket.socket) -> bool:
    is_listening = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return passed.type == socket.SOCK_STREAM and is_listening == 1
