"""What systemd passes: one listening socket, for this process."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.server import CannotServe, activation
from app.server.activation import VARIABLES, listener_from_systemd


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the place of descriptor 3, and the variables that announce it."""
    given = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", os.dup(given.fileno()))
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "daypass.socket")
    with given:
        yield given


def close() -> None:
    with suppress(OSError):
        os.close(activation.FIRST_DESCRIPTOR)


def refusal() -> str:
    with pytest.raises(CannotServe) as refused:
        listener_from_systemd()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_socket_for_this_process_is_taken_and_the_variables_are_removed(passed: socket.socket) -> None:
    listener = listener_from_systemd()
    assert listener is not None
    assert listener.url == f"http://127.0.0.1:{passed.getsockname()[1]}" and listener.is_local
    assert [name for name in VARIABLES if name in os.environ] == []
    assert listener_from_systemd() is None
    listener.close()


@pytest.mark.parametrize(("name", "value"), [("LISTEN_PID", "1"), ("LISTEN_PID", ""), ("LISTEN_FDS", "0")])
def test_a_socket_for_another_process_is_ignored(
    passed: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert listener_from_systemd() is None
    assert [name for name in VARIABLES if name in os.environ] == []
    close()


def test_several_sockets_are_refused(passed: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "2")
    assert refusal().startswith("systemd passes 2 sockets")
    close()


@pytest.mark.parametrize(("kind", "reason"), [
    (socket.SOCK_STREAM, "not listening"), (socket.SOCK_DGRAM, "not listening"), (None, "no socket"),
])  # fmt: skip
def test_what_does_not_listen_is_refused(
    passed: socket.socket, monkeypatch: pytest.MonkeyPatch, kind: int | None, reason: str
) -> None:
    close()
    other = os.open("/dev/null", os.O_RDONLY) if kind is None else socket.socket(type=kind).detach()
    monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", other)
    assert reason in refusal()
    close()
