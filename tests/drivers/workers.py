"""Clients that are known, from the operating system, to reach each worker of a server by one kept connection each."""

import psutil
import requests

from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer

MOST_CONNECTIONS = 200


def connections_of_workers(server: LiveServer) -> dict[int, set[int]]:
    """The server's workers by process id, each with the client ports of the connections it holds now."""
    assert server.process is not None
    workers = {}
    for process in psutil.Process(server.process.pid).children():
        try:
            held = [each for each in process.net_connections("tcp") if each.laddr.port == server.port]
        except psutil.NoSuchProcess:  # it has just ended
            continue
        if any(each.status == psutil.CONN_LISTEN for each in held):
            workers[process.pid] = {each.raddr.port for each in held if each.status == psutil.CONN_ESTABLISHED}
    return workers


class WorkerClients:
    """``with WorkerClients(server) as clients:`` - ``clients.each()`` is a client of every worker."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._sessions: list[requests.Session] = []
        self._found: dict[int, tuple[int, Alation]] = {}

    def __enter__(self) -> "WorkerClients":
        while len(self._found) < int(self._server.environment["DAYPASS_WORKERS"]):
            assert len(self._sessions) < MOST_CONNECTIONS, "all connections go to the same worker"
            self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()

    def each(self) -> list[Alation]:
        return [client for _, client in self._found.values()]

    def are_still_apart(self) -> bool:
        """Whether every client's connection is the one that was found to reach its worker."""
        now = connections_of_workers(self._server)
        return all(port in now.get(worker, ()) for worker, (port, _) in self._found.items())

    def _connect(self) -> None:
        session = requests.Session()
        session.trust_env = False
        self._sessions.append(session)
        before = connections_of_workers(self._server)
        session.get(f"{self._server.url}/healthz", timeout=10).raise_for_status()
        for worker, ports in connections_of_workers(self._server).items():
            for port in ports - before[worker]:
                self._found.setdefault(worker, (port, Alation(self._server.url, session)))
