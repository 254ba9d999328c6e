"""The Unix socket of a server: its permissions, what a killed server left, and what is never touched."""

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.server import CannotServe
from app.server.unix_socket import LONGEST_PATH, unix_listener


def refusal(path: Path) -> str:
    with pytest.raises(CannotServe) as refused:
        unix_listener(path, 0o660)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_the_file_has_the_permissions_asked_for_and_goes_when_the_server_stops(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        listener = unix_listener(tmp_path / "daypass.sock", mode)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    found = (tmp_path / "daypass.sock").stat().st_mode
    assert stat.S_ISSOCK(found) and stat.S_IMODE(found) == mode
    assert listener.name == f"unix:{tmp_path}/daypass.sock"
    listener.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_replaced_and_a_server_that_lives_is_named(tmp_path: Path) -> None:
    path = tmp_path / "daypass.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    listener = unix_listener(path, 0o660)
    assert f"pid {os.getpid()}" in (refused := refusal(path)) and "a server listens there" in refused
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))  # it has not been harmed
    listener.close()


def test_of_many_servers_that_start_at_once_one_gets_what_a_killed_one_left(tmp_path: Path) -> None:
    """Fails without the lock: each takes the others' socket, which does not listen yet, for a stale one."""
    path = tmp_path / "daypass.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with ThreadPoolExecutor(8) as threads:
        begun = [threads.submit(unix_listener, path, 0o660) for _ in range(8)]
    refused = [each for each in begun if isinstance(each.exception(), CannotServe)]
    assert len(refused) == 7
    for each in set(begun) - set(refused):
        each.result().close()


def test_a_socket_that_another_server_has_made_meanwhile_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "daypass.sock"
    first = unix_listener(path, 0o660)
    path.rename(tmp_path / "moved.sock")
    second = unix_listener(path, 0o660)
    first.close()
    assert path.exists()
    second.close()


def test_what_is_not_a_socket_is_refused_and_left_alone(tmp_path: Path) -> None:
    for path in (tmp_path / "file", tmp_path / "folder", tmp_path / "link"):
        if path.name == "file":
            path.write_text("kept")
        elif path.name == "folder":
            path.mkdir()
        else:
            path.symlink_to(tmp_path / "file")
        assert "not a socket" in refusal(path) and str(path) in refusal(path)
    assert (tmp_path / "file").read_text() == "kept" and (tmp_path / "link").is_symlink()


def test_a_path_that_can_not_be_used_is_refused(tmp_path: Path) -> None:
    assert f"at most {LONGEST_PATH} bytes" in refusal(Path("/", "é" * (LONGEST_PATH // 2 + 1)))
    assert "(No such file or directory)" in refusal(tmp_path / "missing" / "daypass.sock")
    (tmp_path / "file").touch()
    assert "(Not a directory)" in refusal(tmp_path / "file" / "daypass.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "datagram.sock"))
        assert "can't be asked" in refusal(tmp_path / "datagram.sock")
