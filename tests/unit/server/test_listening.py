"""A TCP port of the server's own: who has it if it is taken, and that no second server joins it."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.server import CannotServe, listening
from app.server.listening import tcp_listener
from tests.drivers.server import free_port

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's /proc tells")
NOBODY = 65534


def refusal(host: str, port: int) -> str:
    with pytest.raises(CannotServe) as refused:
        tcp_listener(host, port)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@LINUX
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("::", "127.0.0.1"),
        ("::1", "::"),
    ],
)
def test_a_port_that_is_taken_is_refused_with_the_process_that_has_it(theirs: str, ours: str) -> None:
    family = socket.AF_INET6 if ":" in theirs else socket.AF_INET
    with socket.create_server((theirs, 0), family=family, dualstack_ipv6=theirs == "::") as other:
        port = other.getsockname()[1]
        refused = refusal(ours, port)
    assert "(Address already in use)" in refused and f"(pid {os.getpid()}: " in refused and "DAYPASS_PORT" in refused


@LINUX
@pytest.mark.skipif(os.getuid() != 0, reason="only root can act for another user")
def test_a_process_of_another_user_is_not_named_but_said_to_be_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code = f"from app.server.socket_holders import *; print(holders_of_port('127.0.0.1', {other.getsockname()[1]}))"
        words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", code]
        shown = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    if shown.returncode != 0:
        pytest.skip("another user may not read this checkout")
    assert shown.stdout.startswith("; a process of user root has it, which this user may not see")


def test_a_port_stays_taken_while_no_worker_listens() -> None:
    """Fails when the supervisor does not keep the port: two servers would share it once the workers are back."""
    port = free_port()
    first = tcp_listener("127.0.0.1", port)
    with listening._bound("127.0.0.1", port, shared=True) as worker:
        worker.listen()
    assert "(Address already in use)" in refusal("127.0.0.1", port)
    first.close()
    tcp_listener("127.0.0.1", port).close()


@LINUX
def test_of_two_servers_that_start_at_once_one_gets_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when nobody has the port between the look at it and the socket that is shared."""
    port, bound = free_port(), listening._bound
    refusals: list[str] = []

    def overtaken(*place: Any, shared: bool) -> socket.socket:
        if shared and not refusals:
            refusals.append("")
            refusals.append(refusal("127.0.0.1", port))
        return bound(*place, shared=shared)

    monkeypatch.setattr(listening, "_bound", overtaken)
    first = tcp_listener("127.0.0.1", port)
    assert "(Address already in use)" in refusals[1]
    first.close()


def test_an_address_is_a_name_or_of_either_family_in_brackets_too() -> None:
    for host, url in (("localhost", "localhost"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("127.0.0.9", "127.0.0.9")):
        port = free_port()
        listener = tcp_listener(host, port)
        assert (listener.url, listener.is_local) == (f"http://{url}:{port}", True)
        listener.close()


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "127.0.0.1:80", "http://127.0.0.1", "192.0.2.1", "::gg", "a" * 70, "a..b"]
)
def test_an_address_that_is_none_of_this_machine_is_refused_by_name(host: str) -> None:
    assert "can't listen on " in refusal(host, 8080) and "DAYPASS_HOST" in refusal(host, 8080)


def test_a_path_without_its_prefix_is_refused_with_the_right_spelling() -> None:
    assert refusal("/run/daypass.sock", 8080).endswith("set DAYPASS_HOST=unix:/run/daypass.sock for a Unix socket")
