"""A proxy between Daypass and PostgreSQL that stops passing on what one connection is answered, or all of them."""

import selectors
import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qs, quote, urlsplit

READ_BYTES = 65536


class Link:
    """A client's connection and the one to the server behind it. While it `is_held`, nothing is passed on."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = {client: server, server: client}
        self.is_held = False
        self.passed = 0
        """Pieces passed on so far."""


class TcpProxy:
    """Within a ``with``. `url`: of a PostgreSQL database on this machine, at a Unix socket or a TCP port."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        folder = parse_qs(parts.query).get("host", [""])[0]
        self._target = f"{folder}/.s.PGSQL.{parts.port or 5432}" if folder else (parts.hostname, parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://{quote(parts.username or 'postgres')}@127.0.0.1:{port}{parts.path}"
        self.links: list[Link] = []
        self._accepts = True
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "TcpProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        for link in list(self.links):
            self._cut(link)
        self._listener.close()

    def hold_all(self) -> None:
        """As if the server hung: what is open stays open, new connections are accepted, and nothing is answered."""
        self._accepts = False
        for link in list(self.links):
            link.is_held = True

    def release_all(self) -> None:
        for link in list(self.links):
            link.is_held = False
        self._accepts = True

    def _run(self) -> None:
        while not self._is_over:
            waits = True
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._listener:
                    if self._accepts:
                        self._accept()
                        waits = False
                elif key.data in self.links and not key.data.is_held:
                    self._pass_on(key.data, key.fileobj)
                    waits = False
            if waits:
                threading.Event().wait(0.005)  # what is held stays ready to be read

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
        server.connect(self._target)
        link = Link(client, server)
        self.links.append(link)
        for end in link.ends:
            self._selector.register(end, selectors.EVENT_READ, link)

    def _pass_on(self, link: Link, end: socket.socket) -> None:
        try:
            data = end.recv(READ_BYTES)
            link.ends[end].sendall(data)
        except OSError:
            data = b""
        link.passed += 1
        if not data:
            self._cut(link)

    def _cut(self, link: Link) -> None:
        self.links.remove(link)
        for end in link.ends:
            with suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()
