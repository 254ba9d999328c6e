"""The gate as a proxy uses it: kept raw connections, on which many checks are sent before one is answered."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.drivers.raw import Answer
from tests.drivers.server import LiveServer
from tests.drivers.workers import Connections
from tests.patience import PATIENCE_SECONDS

PATH = "/auth/verify"


class GateConnection:
    """One connection to a server on this machine, kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self, *headers: tuple[str, str], method: str = "GET", target: str = PATH, body: bytes = b"") -> Answer:
        """One check and its answer."""
        self.send(*headers, method=method, target=target, body=body)
        return self.receive(of_head=method == "HEAD")

    def send(
        self, *headers: tuple[str, str], times: int = 1, method: str = "GET", target: str = PATH, body: bytes = b""
    ) -> None:
        """Send the same check so many times at once; each is to be received. Header values are latin-1."""
        lines = [f"{method} {target} HTTP/1.1", "Host: daypass.test"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._socket.sendall((("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body) * times)

    def receive(self, *, of_head: bool = False) -> Answer:
        """The next answer."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._read_more()
        answer = Answer.of(self._received[: end + 4])
        self._received = self._received[end + 4 :]
        length = 0 if of_head else int(answer.headers["content-length"])
        while len(self._received) < length:
            self._read_more()
        answer.body, self._received = self._received[:length], self._received[length:]
        return answer

    def close(self) -> None:
        self._socket.close()

    def _read_more(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the server closed the connection"
        self._received += data


@contextmanager
def connected(server: LiveServer) -> Iterator[GateConnection]:
    """One connection that was used, closed at the end."""
    connection = GateConnection(server.port)
    try:
        assert connection.ask(target="/healthz").status == 200
        yield connection
    finally:
        connection.close()


class GateConnections(Connections[GateConnection]):
    """``with GateConnections(servers, 3) as gates:`` - so many connections to every worker of every server."""

    def __init__(self, servers: Iterable[LiveServer], each: int) -> None:
        super().__init__(servers, connected, each)
