"""Connections that are known, from the operating system, to reach each worker of a server.

A test that says "every worker" can't be fooled by all of its requests having gone to one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Generic, Self, TypeVar

import psutil
import requests

from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer

Connection = TypeVar("Connection")

MOST_CONNECTIONS = 200


def connections_of_workers(server: LiveServer) -> dict[int, set[int]]:
    """The server's workers by process id, each with the client ports of the connections it holds now."""
    assert server.process is not None
    workers = {}
    for process in psutil.Process(server.process.pid).children():
        try:
            held = [each for each in process.net_connections("tcp") if each.laddr.port == server.port]
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended, or is just ending
            continue
        if any(each.status == psutil.CONN_LISTEN for each in held):
            workers[process.pid] = {each.raddr.port for each in held if each.status == psutil.CONN_ESTABLISHED}
    return workers


class Connections(Generic[Connection]):
    """`each` kept connections to every worker of the servers. `open_one`: opens one and makes a request on it."""

    def __init__(
        self,
        servers: Iterable[LiveServer],
        open_one: Callable[[LiveServer], AbstractContextManager[Connection]],
        each: int,
    ) -> None:
        self._servers = list(servers)
        self._open_one = open_one
        self._each = each
        self._opened = ExitStack()
        self._found: dict[tuple[int, int], dict[int, Connection]] = {}
        """By the server's port and the worker: connections by their own port."""
        self._seen: set[int] = set()

    def __enter__(self) -> Self:
        for server in self._servers:
            self._seen = set().union(*connections_of_workers(server).values())
            for _ in range(MOST_CONNECTIONS):
                self._open(server)
                of_server = [
                    key for key, found in self._found.items() if key[0] == server.port and len(found) >= self._each
                ]
                if len(of_server) == int(server.environment["DAYPASS_WORKERS"]):
                    break
            else:
                raise AssertionError("all connections go to the same worker")
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def of_workers(self) -> list[list[Connection]]:
        """For each worker of all the servers, its connections."""
        return [list(found.values())[: self._each] for found in self._found.values()]

    def are_still_apart(self) -> bool:
        """Whether each of them is still held by the worker that it was found to reach.

        Those beyond `each` are idle, and end after half a minute.
        """
        now = {server.port: connections_of_workers(server) for server in self._servers}
        return all(
            {*list(found)[: self._each]} <= now[port].get(worker, set())
            for (port, worker), found in self._found.items()
        )

    def _open(self, server: LiveServer) -> None:
        connection = self._opened.enter_context(self._open_one(server))
        for worker, ports in connections_of_workers(server).items():
            for port in ports - self._seen:
                self._seen.add(port)
                self._found.setdefault((server.port, worker), {})[port] = connection


class WorkerClients(Connections[Alation]):
    """``with WorkerClients(server) as clients:`` - ``clients.each()`` is a client of every worker."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__([server], _client_of, each=1)

    def each(self) -> list[Alation]:
        return [client for client, *_ in self.of_workers]


@contextmanager
def _client_of(server: LiveServer) -> Iterator[Alation]:
    with requests.Session() as session:
        client = Alation(server.url, session)
        session.get(f"{server.url}/healthz", timeout=60).raise_for_status()
        yield client


def memory_of_workers(server: LiveServer) -> dict[int, float]:
    """What each worker has of its own in memory, in megabytes (USS), by process id."""
    return {pid: psutil.Process(pid).memory_full_info().uss / 1e6 for pid in connections_of_workers(server)}
