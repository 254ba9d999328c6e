"""The socket that a server listens on, and a TCP port of its own."""

import errno
import ipaddress
import os
import shlex
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from app.server import CannotServe
from app.server.connections import end_when_silent
from app.server.socket_holders import holders_of_port

BACKLOG = 1024
"""Connections that wait to be accepted."""

EACH_WORKER_BINDS = sys.platform == "linux"
"""Where the kernel spreads connections over sockets with SO_REUSEPORT (socket(7)), each worker has one of its own."""


class Port(NamedTuple):
    """A TCP port on which each worker opens a socket. `address`: an IP address."""

    address: str
    number: int


class SharedSocket(NamedTuple):
    """An open listening socket, from which all workers accept connections."""

    descriptor: int
    is_unix: bool


@dataclass(frozen=True)
class Listener:
    """What a server listens on.

    `source`: what each worker opens, or the socket that it inherits. `name`: for people. `url`: for clients,
    which need `curl_option` where it is not enough. `is_local`: only this machine reaches it. `close`: to be called
    before the workers stop, so that no client waits for nobody.
    """

    source: Port | SharedSocket
    name: str
    url: str
    is_local: bool
    close: Callable[[], None]
    curl_option: str = ""

    @property
    def is_unix(self) -> bool:
        return isinstance(self.source, SharedSocket) and self.source.is_unix

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What workers inherit."""
        return (self.source.descriptor,) if isinstance(self.source, SharedSocket) else ()


def tcp_listener(host: str, port: int) -> Listener:
    """A listener on a TCP port; `host` is an address or a name.

    Raises :class:`CannotServe` for an address that is not this machine's, and for a port that is taken.
    """
    address = _ip_address(host)
    try:
        bound = _bound_alone(address, port)
    except OSError as error:
        raise CannotServe(
            f"can't listen on {_authority(host, port)} ({error.strerror}){_advice(error, address, port)}"
        ) from error
    url = f"http://{_authority(host, port)}"
    if EACH_WORKER_BINDS:
        return Listener(Port(address, port), url, url, _is_loopback(address), bound.close)
    return shared_tcp_listener(bound)


def shared_tcp_listener(bound: socket.socket) -> Listener:
    """A listener on a TCP socket that is bound, from which all workers accept connections."""
    address, port = bound.getsockname()[:2]
    url = f"http://{_authority(address, port)}"
    _set_up_connections(bound)
    _listen(bound)
    return Listener(SharedSocket(bound.fileno(), False), url, url, _is_loopback(address), bound.close)


def socket_of_worker(port: Port) -> socket.socket:
    """A worker's own socket on a port, which does not listen yet, so that it gets no connection before it serves."""
    bound = _bound(port.address, port.number, shared=True)
    _set_up_connections(bound)
    return bound


def listen(descriptor: int) -> None:
    """Listen on the socket with this descriptor, which stays open; no change where it listens."""
    with socket.socket(fileno=os.dup(descriptor)) as bound:
        bound.listen(BACKLOG)


def _set_up_connections(bound: socket.socket) -> None:
    """Options that are inherited by the connections."""
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end_when_silent(bound)


def shared_unix_listener(bound: socket.socket) -> Listener:
    """The same on a Unix socket; a name that begins with NUL is abstract (unix(7))."""
    path = os.fsdecode(bound.getsockname())
    is_abstract = path.startswith("\0")
    option = f"--{'abstract-' * is_abstract}unix-socket {shlex.quote(path[is_abstract:])}"
    _listen(bound)
    shared = SharedSocket(bound.fileno(), True)
    return Listener(shared, f"unix:{path.replace(chr(0), '@')}", "http://localhost", True, bound.close, option)


def _listen(bound: socket.socket) -> None:
    bound.listen(BACKLOG)
    bound.setblocking(False)


def _bound(address: str, port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier server don't matter
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def _bound_alone(address: str, port: int) -> socket.socket:
    """A socket on a port that nobody else has; raises OSError where somebody has it.

    Only listening excludes others: two servers that start at once can both bind. Where each worker binds, the socket
    does not listen, and keeps the port while no worker lives.
    """
    first = _bound(address, port, shared=False)
    try:
        first.listen(1)
        if not EACH_WORKER_BINDS:
            return first
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound = _bound(address, port, shared=True)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # else another server could join it
    except OSError:
        first.close()
        raise
    first.close()
    return bound


def _advice(error: OSError, address: str, port: int) -> str:
    """What to do about the error, with the processes that have the port."""
    if error.errno == errno.EADDRINUSE:
        return f"{holders_of_port(address, port)}: stop what uses the port, or set DAYPASS_PORT"
    if error.errno == errno.EACCES:
        return ": this user may not open it; set DAYPASS_PORT, or let systemd open it (daypass.socket)"
    return ": set DAYPASS_HOST or DAYPASS_PORT"


def _ip_address(host: str) -> str:
    """The address of a name; granian requires one."""
    host = host.strip("[]")
    try:
        return host if ":" in host else socket.gethostbyname(host)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        hint = f"=unix:{host} for a Unix socket" if "/" in host else ""
        raise CannotServe(f"can't listen on {host} ({reason}): set DAYPASS_HOST{hint}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address or a name. Raises :class:`CannotServe` for an unknown name."""
    return _is_loopback(_ip_address(host))


def _is_loopback(address: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(address).is_loopback
    return False


def _authority(host: str, port: int) -> str:
    host = host.strip("[]")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
