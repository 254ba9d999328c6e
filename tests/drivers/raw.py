"""Raw HTTP: any bytes on a socket of their own, for what no client library would send."""

import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.patience import PATIENCE_SECONDS


@dataclass
class Answer:
    """The bytes that came back, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Answer":
        assert raw, "the server closed the connection without an answer"
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return cls(int(lines[0].split()[1]), headers, body)


@dataclass
class RawHttp:
    """A server on this machine."""

    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def exchange(self, raw: bytes, *, then_close: bool = False) -> bytes:
        """Send these bytes, and with `then_close` no more will come; what the server sends until it closes."""
        received = b""
        with self.connect() as connection:
            with suppress(ConnectionError):  # the server need not read what it has refused already
                connection.sendall(raw)
                if then_close:
                    connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while data := connection.recv(65536):
                    received += data
        return received

    def send(self, raw: bytes) -> Answer:
        """Send these bytes; the answer, which there must be."""
        return Answer.of(self.exchange(raw))
