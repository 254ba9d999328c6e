"""Providers for unit tests: documents and keys without a network, and servers that misbehave with one."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from app.providers.fetching import Answer

ISSUER = "https://id.example.com"

DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


class Canned:
    """In place of an exchange: what each address answers, and which were asked."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, url: str, headers: object = None) -> Answer:
        self.asked.append(url)
        return Answer(200, self.answers[url.rpartition("/")[2].replace("-", "_")])


@contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that does this with each connection, once it has read a request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ends = threading.Event()

        def accept() -> None:
            while not ends.is_set():
                with suppress(OSError):
                    connection, _ = listening.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.recv(65536)
                talk(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        ends.set()
        listening.shutdown(socket.SHUT_RDWR)
