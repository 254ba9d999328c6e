"""Which process holds a socket, from Linux's ``/proc`` (proc(5)); elsewhere nothing is known."""

import ipaddress
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from app.server.spawning import WORKER_NAME
from config.files import user_name

PROC = Path("/proc")
LISTENING = "0A"
"""TCP_LISTEN in ``/proc/net/tcp`` (include/net/tcp_states.h)."""

MOST_WORDS = 3
"""Of a command line: later words can be secrets."""


class _Listening(NamedTuple):
    inode: str
    user_id: int


def holders_of_port(address: str, port: int) -> str:
    """The processes that listen there, ``; nginx (pid 12: nginx) has it``; empty if nothing is known."""
    found = [each for table in ("tcp", "tcp6") for each in _listening(table, address, port)]
    if not found:
        return ""
    holders = _processes_with({each.inode for each in found})
    if holders:
        described = list(dict.fromkeys(process_name(process) for process in holders))
        return f"; {', '.join(described[:3])} {'has' if len(described) == 1 else 'have'} it"
    users = sorted({user_name(each.user_id) for each in found})
    return f"; a process of user {', '.join(users)} has it, which this user may not see (`ss -ltnp` as root shows it)"


def process_name(process: int) -> str:
    """Name, id and the beginning of the command of a process; of a worker, those of its supervisor."""
    try:
        folder = PROC / str(process)
        name = (folder / "comm").read_text(errors="replace").strip()
        if name == WORKER_NAME:
            return process_name(_parent(folder))
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return f"pid {process}"
    shown = re.sub(r"[^ -~]", "?", " ".join(words[:MOST_WORDS]).strip())[:120]
    return f"{name} (pid {process}{f': {shown}' if shown else ''})"


def _parent(folder: Path) -> int:
    # The name, in parentheses, can hold spaces.
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def _listening(table: str, address: str, port: int) -> Iterator[_Listening]:
    """The listening sockets that a socket on that address and port collides with."""
    try:
        lines = (PROC / "net" / table).read_text().splitlines()[1:]
    except OSError:
        return
    ours = ipaddress.ip_address(address)
    for line in lines:
        columns = line.split()
        their_address, _, their_port = columns[1].partition(":")
        theirs = _address(their_address)
        collides = ours.is_unspecified or theirs.is_unspecified or theirs == ours
        if columns[3] == LISTENING and int(their_port, 16) == port and collides:
            yield _Listening(columns[9], int(columns[7]))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address in 32-bit words of the machine's byte order."""
    words = [bytes.fromhex(text[start : start + 8]) for start in range(0, len(text), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    found = ipaddress.ip_address(packed)
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def _processes_with(inodes: set[str]) -> list[int]:
    """The processes, of those that this user may look into, with one of these sockets open."""
    links = {f"socket:[{inode}]" for inode in inodes}
    return [int(folder.name) for folder in PROC.glob("[0-9]*") if links & set(_open_files(folder))]


def _open_files(folder: Path) -> Iterator[str]:
    with suppress(OSError):  # it is another user's, or has ended
        for link in (folder / "fd").iterdir():
            with suppress(OSError):
                yield str(link.readlink())
