"""Clients that misbehave, many at once, in a process of their own: ``python -m tests.drivers.hostile``.

Each connection of a kind sends what it has, then a drop at a time or nothing, and never reads. What the server closes
is opened again, so that the attack goes on until standard input ends. Then a line of JSON says what became of it.
"""

import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

OPENED_A_TICK = 100
TICK_SECONDS = 0.05

FROM = "127.0.0.2"
"""Their address: of this machine (Linux), and another than that of honest clients."""

HOST = "Host: tokens.example.com\r\n"
"""The name under which the shipped configurations serve Daypass."""

MINT = f"POST /integration/v1/createAPIAccessToken/ HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"

LONG_LIST = "/api/v1/me/tokens?limit=500"
"""Several hundred kilobytes for the token ``Honest.reader``."""

SECRET = b"{secret}"
"""In what a connection sends: an access token of that user."""

SEGMENT_BYTES = 1400
"""As over the Internet. With the large segments of this machine its kernel would keep 3 MB for each connection, and the
server be done with it."""


@dataclass(frozen=True)
class Kind:
    """`first`: what a connection sends at once. `drop`: what it sends each tick. `closes`: whether it then ends."""

    first: bytes
    drop: bytes = b""
    closes: bool = False


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def http2(streams: int, length: int | None = None) -> bytes:
    """The preface, and so many POST requests whose bodies begin and never end; `length`: what they promise."""
    path, authority = b"/integration/v1/createAPIAccessToken/", b"tokens.example.com"
    fields = b"\x83\x86\x04" + bytes([len(path)]) + path + b"\x01" + bytes([len(authority)]) + authority
    fields += b"\x0f\x10" + bytes([16]) + b"application/json"
    promised = str(length or "").encode()
    fields += b"\x0f\x0d" + bytes([len(promised)]) + promised if promised else b""
    sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")
    for number in range(1, 2 * streams, 2):
        sent += _frame(1, 4, number, fields) + _frame(0, 0, number, b"{")
    return sent


KINDS = {
    "stalled-body": Kind(f"{MINT}Content-Length: 1000\r\n\r\n{{".encode()),
    "stalled-chunk": Kind(f"{MINT}Transfer-Encoding: chunked\r\n\r\nff\r\n{{".encode()),
    "trickled-body": Kind(f"{MINT}Content-Length: 16000\r\n\r\n{{".encode(), b" "),
    "half-header": Kind(f"{MINT}X-Half: ".encode()),
    "endless-header": Kind(f"{MINT}X-Endless: ".encode(), b"x" * 2000),
    "fat-header": Kind(f"{MINT}X-Fat: {'x' * 31_000}".encode()),
    "http2": Kind(http2(8), closes=True),
    "leaver": Kind(f"GET /login HTTP/1.1\r\n{HOST}\r\n".encode(), closes=True),
    "idle": Kind(f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode()),
    "slow-reader": Kind(f"GET {LONG_LIST} HTTP/1.1\r\n{HOST}TOKEN: ".encode() + SECRET + b"\r\n\r\n"),
    "pipeline": Kind(f"GET /openapi/native/ HTTP/1.1\r\n{HOST}\r\n".encode() * 200),
}


def slow_connection(port: int, first: bytes) -> socket.socket:
    """A connection that has sent this, and has room for next to nothing of an answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    connection.settimeout(0.2)
    try:
        connection.bind((FROM, 0))
        connection.connect(("127.0.0.1", port))
        connection.sendall(first)
    except OSError:
        connection.close()
        raise
    return connection


class Crowd:
    """Keeps up `counts` connections of each kind to a port of this machine. `secret`: the token that some show."""

    def __init__(self, port: int, counts: dict[str, int], secret: bytes = b"") -> None:
        self._port = port
        self._secret = secret
        self._wanted = [kind for kind, count in counts.items() for _ in range(count)]
        self._open: dict[int, tuple[str, socket.socket]] = {}
        self._poll = select.poll()
        self.closed: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()

    def tick(self) -> None:
        """Open what is missing, send a drop on each, and let go of what was closed."""
        end = time.monotonic() + TICK_SECONDS
        for _ in range(min(OPENED_A_TICK, len(self._wanted))):
            self._begin(self._wanted.pop())
        for number, (kind, connection) in list(self._open.items()):
            if KINDS[kind].drop:
                try:
                    connection.send(KINDS[kind].drop)
                except BlockingIOError:
                    pass
                except OSError:
                    self._let_go(number)
        for number, _ in self._poll.poll(max(0, end - time.monotonic()) * 1000):
            self._let_go(number)
        time.sleep(max(0, end - time.monotonic()))

    def _begin(self, kind: str) -> None:
        try:
            connection = slow_connection(self._port, KINDS[kind].first.replace(SECRET, self._secret))
        except OSError:
            self._wanted.insert(0, kind)
            return
        self.opened[kind] += 1
        if KINDS[kind].closes:
            connection.close()
            self._wanted.insert(0, kind)
            return
        connection.setblocking(False)
        self._open[connection.fileno()] = (kind, connection)
        self._poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)

    def _let_go(self, number: int) -> None:
        kind, connection = self._open.pop(number)
        self._poll.unregister(number)
        connection.close()
        self.closed[kind] += 1
        self._wanted.insert(0, kind)

    @property
    def is_opening(self) -> bool:
        return any(not KINDS[kind].closes for kind in self._wanted)

    def holds(self) -> dict[str, int]:
        return dict(Counter(kind for kind, _ in self._open.values()))


@contextmanager
def attacked(port: int, secret: str = "", **counts: int) -> Iterator[dict[str, dict[str, int]]]:
    """While such clients are there; afterwards the dictionary says how many were opened, closed and held, by kind.

    `secret`: ``Honest.reader``, for slow readers.
    """
    words = [f"{kind.replace('_', '-')}={count}" for kind, count in counts.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.drivers.hostile", str(port), secret, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    said: dict[str, dict[str, int]] = {}
    try:
        assert process.stdout is not None
        process.stdout.readline()  # all were opened once
        yield said
    finally:
        output, _ = process.communicate()
        with suppress(ValueError):
            said.update(json.loads(output))


def main() -> None:
    port, secret, *words = sys.argv[1:]
    counts = {kind: int(count) for kind, _, count in (word.partition("=") for word in words)}
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd = Crowd(int(port), counts, secret.encode())
    everything_by = time.monotonic() + 10
    has_begun = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        crowd.tick()
        if not has_begun and (not crowd.is_opening or time.monotonic() > everything_by):
            has_begun = True
            print("begun", flush=True)
    print(json.dumps({"opened": crowd.opened, "closed": crowd.closed, "held": crowd.holds()}))


if __name__ == "__main__":
    main()
