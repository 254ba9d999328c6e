"""What connections are granted, and what the machine allows."""

import resource
import socket

import pytest
from structlog.testing import capture_logs

from app.server import connections
from app.server.connections import HEAD_SECONDS, MOST_CONNECTIONS, OTHER_FILES, connections_at_once, http1_settings
from app.server.listening import Port, socket_of_worker
from tests.drivers.server import free_port


def test_headers_have_a_time_limit_and_a_size() -> None:
    assert http1_settings().header_read_timeout == 30_000 == HEAD_SECONDS * 1000
    assert 8192 <= http1_settings().max_buffer_size <= 65_536


@pytest.mark.parametrize(
    ("files", "granted"),
    [(resource.RLIM_INFINITY, MOST_CONNECTIONS), (1_048_576, MOST_CONNECTIONS), (1024, 1024 - OTHER_FILES), (200, 64)],
)
def test_a_worker_holds_as_many_connections_as_it_may_open_files_for(
    files: int, granted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (files, files))
    with capture_logs() as said:
        assert connections_at_once() == granted
    assert [line["event"] for line in said] == ["few_files"] * (granted < MOST_CONNECTIONS)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
def test_connections_of_a_worker_end_when_the_other_side_is_silent() -> None:
    """The options are inherited by each connection."""
    with socket_of_worker(Port("127.0.0.1", free_port())) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
