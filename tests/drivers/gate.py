"""The gate as a proxy uses it: kept raw connections, on which many checks are sent before one is answered."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.drivers.raw import PATIENCE_SECONDS, Answer
from tests.drivers.server import LiveServer
from tests.drivers.workers import MOST_CONNECTIONS, connections_of_workers

PATH = "/auth/verify"


class GateConnection:
    """One connection to a server on this machine, kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=4 * PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.local_port: int = self._socket.getsockname()[1]

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
    """One connection, closed at the end."""
    connection = GateConnection(server.port)
    try:
        yield connection
    finally:
        connection.close()


class GateConnections:
    """``with GateConnections(servers, 3) as gates:`` - so many connections to every worker of every server.

    Which worker a connection belongs to is known from the operating system, as in ``workers``.
    """

    def __init__(self, servers: Iterable[LiveServer], each: int) -> None:
        self._servers = list(servers)
        self._each = each
        self._opened: list[GateConnection] = []
        self._of_worker: dict[tuple[int, int], list[GateConnection]] = {}

    def __enter__(self) -> "GateConnections":
        for number, server in enumerate(self._servers):
            opened: dict[int, GateConnection] = {}
            while not self._has_enough(number, server):
                assert len(opened) < MOST_CONNECTIONS, "all connections go to the same worker"
                connection = self._open(server)
                opened[connection.local_port] = connection
                self._sort(number, server, opened)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._opened:
            connection.close()

    @property
    def of_workers(self) -> list[list[GateConnection]]:
        """For each worker of all the servers, its connections."""
        return [found[: self._each] for found in self._of_worker.values()]

    def are_still_apart(self) -> bool:
        """Whether every connection is still held by the worker that it was found to reach."""
        now = {number: connections_of_workers(server) for number, server in enumerate(self._servers)}
        return all(
            connection.local_port in now[number].get(worker, ())
            for (number, worker), found in self._of_worker.items()
            for connection in found
        )

    def _open(self, server: LiveServer) -> GateConnection:
        connection = GateConnection(server.port)
        self._opened.append(connection)
        assert connection.ask(target="/healthz").status == 200
        return connection

    def _sort(self, number: int, server: LiveServer, opened: dict[int, GateConnection]) -> None:
        for worker, ports in connections_of_workers(server).items():
            self._of_worker[number, worker] = [opened[port] for port in ports if port in opened]

    def _has_enough(self, number: int, server: LiveServer) -> bool:
        enough = [key for key, found in self._of_worker.items() if key[0] == number and len(found) >= self._each]
        return len(enough) == int(server.environment["DAYPASS_WORKERS"])
