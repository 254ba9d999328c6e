"""Test servers that record requests and send prepared answers."""

import atexit
import json
import socket
import ssl
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


def _certificate() -> Path:
    """A certificate for localhost and 127.0.0.1 with its key and authority; deleted after the tests."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    authority = trustme.CA()
    path = Path(folder.name) / "certificate.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    authority.cert_pem.write_to_path(path, append=True)
    return path


CERTIFICATE = _certificate()

TLS_HANDSHAKE = b"\x16"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    members: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request as it was sent, as text."""

    path: str
    headers: str
    body: str

    @property
    def token(self) -> str | None:
        found = [line.partition(": ")[2] for line in self.headers.splitlines() if line.lower().startswith("token: ")]
        return found[0] if found else None


class Recorder:
    """A server for HTTP and HTTPS on one port. It sends the answers in `script` first, then those of `answer`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.script: deque[Answer] = deque()
        self.answer: Callable[[Seen], Answer] = lambda _seen: Answer()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                recorder._serve(self)

            do_GET = do_POST = do_PUT = _any

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        self._server = _EitherServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Recorder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = _body(handler)
        seen = Seen(handler.path, str(handler.headers), body.decode("latin-1"))
        self.seen.append(seen)
        answer = self.script.popleft() if self.script else self.answer(seen)
        content = json.dumps(answer.members).encode()
        (handler.send_response_only if "Date" in answer.headers else handler.send_response)(answer.status)
        for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


class _EitherServer(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        assert isinstance(request, socket.socket)
        if request.recv(1, socket.MSG_PEEK) != TLS_HANDSHAKE:
            super().finish_request(request, client_address)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        with context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body
