"""What a worker grants to connections: how many it holds, how long a client may take, how much it may send first.

Together with the places for bodies and for large answers (``http/turns.py``) these keep a worker below 300 MB whatever
clients do: ``python -m tests.hostile.edge_load`` measures it. Not here: bodies, on which granian sets no deadline.
"""

import resource
import socket
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from granian.http import HTTP1Settings, HTTP2Settings

LOG = structlog.get_logger(__name__)

MOST_CONNECTIONS = 2048
"""That one worker holds; more wait in the kernel's queue until one of them ends."""

FEWEST_CONNECTIONS = 64

OTHER_FILES = 256
"""That a worker may open besides: connections to the database, the database itself, modules."""

HEAD_SECONDS = 30
"""Within which a request's line and headers must have come; also how long a connection may be idle before it is closed.

The proxies' configurations in ``deploy/`` close idle connections to Daypass earlier.
"""

LARGEST_HEAD = 32 * 1024
"""Bytes of a request's line and headers: as much as nginx passes on by default. Beyond, hyper answers 431."""

SILENT_SECONDS = 30
"""After which a connection ends whose other side takes no data, or is not there any more."""

STREAMS = 32
"""Of one HTTP/2 connection at once."""

WINDOW_BYTES = 64 * 1024
"""What an HTTP/2 client may send before it is read."""


def connections_at_once() -> int:
    """Of each worker: as many as its limit of open files allows, which the command has raised as far as it may."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    had = MOST_CONNECTIONS if files == resource.RLIM_INFINITY else files - OTHER_FILES
    if had < MOST_CONNECTIONS:
        LOG.warning(
            "few_files", open_files=files, wanted=MOST_CONNECTIONS + OTHER_FILES,
            connections_of_a_worker=max(FEWEST_CONNECTIONS, had), what_to_do="raise LimitNOFILE, or `ulimit -Hn`",
        )  # fmt: skip
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, had))


def end_when_silent(listening: socket.socket) -> None:
    """Let the kernel end connections of this socket that don't move; its options are inherited by them (tcp(7)).

    A client that takes nothing of its answer is ended after TCP_USER_TIMEOUT, and one that is gone without a word, in
    the middle of a body, after unanswered probes. granian waits for both without end.
    """
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", SILENT_SECONDS // 2),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", SILENT_SECONDS // 6),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", SILENT_SECONDS * 1000),
    ):
        option = getattr(socket, name, None)  # not every system has all
        if option is not None:
            listening.setsockopt(level, option, value)


def http1_settings() -> "HTTP1Settings":
    """Of granian."""
    from granian.http import HTTP1Settings

    return HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=LARGEST_HEAD)


def http2_settings() -> "HTTP2Settings":
    """Of granian. A connection that does not answer a ping is closed: HTTP/2 has no limit for its headers."""
    from granian.http import HTTP2Settings

    return HTTP2Settings(
        initial_connection_window_size=2 * WINDOW_BYTES,
        initial_stream_window_size=WINDOW_BYTES,
        keep_alive_interval=HEAD_SECONDS * 1000,
        keep_alive_timeout=HEAD_SECONDS,
        max_concurrent_streams=STREAMS,
        max_headers_size=LARGEST_HEAD,
    )
