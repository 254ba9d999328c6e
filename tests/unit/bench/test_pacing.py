"""Load at a fixed rate: a server that stalls can't hide it."""

import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.load import Carrier, Target
from bench.pacing import compiled, drive_paced

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler: apt-get install gcc libc6-dev")

STALL_SECONDS, RATE, SECONDS, CONNECTIONS = 0.6, 300, 1, 2


class Stalling(BaseHTTPRequestHandler):
    """Refuses the token `bad`; once, at the 20th request, answers nobody for a while."""

    protocol_version = "HTTP/1.1"
    count = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            Stalling.count += 1
            if self.count == 20:
                time.sleep(STALL_SECONDS)
        self.send_response(403 if self.headers["TOKEN"] == "bad" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not in the tests' output."""


def test_latencies_count_from_when_requests_were_due_and_refusals_are_counted(tmp_path: Path) -> None:
    """Most requests are due while the server stalls. Fails when a latency counts from when its request was sent: only
    one request of each connection would have noticed."""
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("good\nbad\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = Target(f"http://127.0.0.1:{server.server_port}/", tokens, Carrier("TOKEN"), os.getpid())
        found = drive_paced(compiled(tmp_path), target, RATE, SECONDS, CONNECTIONS)
        server.shutdown()
    assert found.broken == 0
    assert found.requests == Stalling.count
    assert 0 < found.refused < found.requests
    assert found.p50_ms > 20
    assert found.p99_ms > 1000 * STALL_SECONDS / 2
