"""A crowd of clients with kept connections, all in one thread, which costs a server's machine little.

Each connection sends its next request as soon as it has its answer. On two cores the crowd takes a fifth to a third of
one (64 connections, ``userinfo``), so that what it measures is the server.
"""

import errno
import json
import math
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.patience import PATIENCE_SECONDS

READ_BYTES = 65536


@dataclass(frozen=True)
class Question:
    """A request as it is sent. `kind`: under which its answers are counted."""

    kind: str
    raw: bytes

    @classmethod
    def of(cls, kind: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> "Question":
        lines = [f"{method} {path} HTTP/1.1", "Host: daypass.test", *(f"{name}: {headers[name]}" for name in headers)]
        lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        return cls(kind, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)


@dataclass
class Tally:
    """What questions of one kind were answered."""

    seconds: list[float] = field(default_factory=list)
    """From sending to the whole answer, of each answer with 2xx."""
    others: Counter[str] = field(default_factory=Counter)
    """By status and reason; a connection that was closed without an answer is ``closed``."""
    slowest_other: float = 0

    @property
    def answers(self) -> int:
        return len(self.seconds) + self.others.total()

    def quantile(self, share: float) -> float:
        """Seconds within which that share of the answers with 2xx came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Crowd:
    """`questions`: for each connection the questions that it asks in turn."""

    def __init__(self, port: int, questions: Sequence[Sequence[Question]]) -> None:
        self.tallies: dict[str, Tally] = {}
        self._selector = selectors.DefaultSelector()
        self._port = port
        self._clients = [_Client(asked) for asked in questions]

    def ask(self, seconds: float) -> dict[str, Tally]:
        """Ask for so long, wait for the last answers, and count."""
        end = time.monotonic() + seconds
        return self.ask_until(lambda: time.monotonic() >= end)

    def ask_until(self, is_over: Callable[[], bool]) -> dict[str, Tally]:
        """The same for as long as that is not so; `tallies` says meanwhile what was answered so far."""
        for client in self._clients:
            self._connect(client)
        for client in self._clients:
            client.send()
        gives_up_at = math.inf
        while any(client.is_waiting for client in self._clients) and time.monotonic() < gives_up_at:
            goes_on = not is_over()
            if not goes_on:
                gives_up_at = min(gives_up_at, time.monotonic() + PATIENCE_SECONDS)
            for key, _ in self._selector.select(0.1):
                if self._has_its_answer(key.data) and goes_on:
                    key.data.send()
        for client in self._clients:
            if client.is_waiting:
                self._tally(client.kind).others["unanswered"] += 1
            client.socket.close()
        self._selector.close()
        return self.tallies

    def _has_its_answer(self, client: "_Client") -> bool:
        """Whether what it sent is answered; then it can send again."""
        answer = client.receive()
        if answer is None:
            return False
        self._count(client, answer)
        if answer == CLOSED or _is_last(answer):
            self._selector.unregister(client.socket)
            client.socket.close()
            self._connect(client)
        return True

    def _connect(self, client: "_Client") -> None:
        client.socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(client.socket, selectors.EVENT_READ, client)

    def _count(self, client: "_Client", answer: bytes) -> None:
        tally, took = self._tally(client.kind), time.monotonic() - client.sent_at
        if answer[9:10] == b"2":
            tally.seconds.append(took)
        else:
            tally.others[_named(answer)] += 1
            tally.slowest_other = max(tally.slowest_other, took)

    def _tally(self, kind: str) -> Tally:
        return self.tallies.setdefault(kind, Tally())


CLOSED = b"closed"


class _Client:
    """One connection, with at most one request on its way."""

    socket: socket.socket

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions
        self._asked = 0
        self._received = b""
        self.kind = ""
        self.sent_at = 0.0
        self.is_waiting = False

    def send(self) -> None:
        question = self._questions[self._asked % len(self._questions)]
        self._asked += 1
        self.kind, self.sent_at, self.is_waiting, self._received = question.kind, time.monotonic(), True, b""
        try:
            self.socket.sendall(question.raw)
        except OSError as error:  # what closed it is read next
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise

    def receive(self) -> bytes | None:
        """The whole answer, once it is there."""
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self.is_waiting = False
            return CLOSED
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        self.is_waiting = False
        return self._received


def _is_last(answer: bytes) -> bool:
    """Whether the connection ends with this answer: nginx says so of every thousandth."""
    return b"\r\nconnection: close\r\n" in answer.partition(b"\r\n\r\n")[0].lower() + b"\r\n"


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
    return int(rest.partition(b"\r\n")[0])


def _named(answer: bytes) -> str:
    """Such as ``503 unavailable: the database cannot be reached``."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        members = json.loads(body)
    except ValueError:
        members = {}
    found = [str(members[name]) for name in ("reason", "detail", "error_description") if members.get(name)]
    return f"{head[9:12].decode() if head != CLOSED else 'closed'} {': '.join(found)}".strip()
