"""Files are for their user only, whatever the umask and the folder; where that can't be, Daypass does not start."""

import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.drivers.other_user import NEEDS_ROOT, OtherUsers
from tests.drivers.server import LiveServer

SERVICE, GROUP = 1000880000, 1000880001
MEMBER = (SERVICE, SERVICE, GROUP)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the service in one that anybody may pass."""
    with tempfile.TemporaryDirectory(prefix="daypass-files-") as outer:
        Path(outer).chmod(0o755)
        inner = Path(outer) / "instance"
        inner.mkdir()
        os.chown(inner, SERVICE, SERVICE)
        yield inner


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@NEEDS_ROOT
@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o755), (0o022, 0o711), (0o777, 0o700)])
def test_all_that_is_written_is_for_its_user_only(users: OtherUsers, folder: Path, umask: int, mode: int) -> None:
    """◆ Fails when a file is created as `open` does it."""
    folder.chmod(mode)
    backup = folder / "backup.db"
    for words in ("init", f"backup {backup}", f"restore {backup} --revoked-since keep", "keys rotate", "user list"):
        ended = users.run((SERVICE, SERVICE), words, umask=umask, instance=folder)
        assert ended.code == 0, (words, ended.err)
    found = modes(folder)
    assert {"daypass.db", "daypass.db-lock", "keys.env", "backup.db"} <= set(found)
    assert any("before-restore" in name for name in found)
    assert set(found.values()) == {0o600}, {name: oct(each) for name, each in found.items()}


@NEEDS_ROOT
def test_a_volume_of_a_group_is_shared_with_the_group_and_nobody_else(users: OtherUsers, folder: Path) -> None:
    """As ``fsGroup`` of Kubernetes makes it: of root, mode 2775, and the process is in its group."""
    os.chown(folder, 0, GROUP)
    folder.chmod(0o2775)
    for words in ("init", f"backup {folder}/backup.db", "db check"):
        ended = users.run(MEMBER, words, umask=0o000, instance=folder)
        assert ended.code == 0, (words, ended.err)
    assert set(modes(folder).values()) == {0o660}
    assert {path.stat().st_gid for path in folder.iterdir()} == {GROUP}


@NEEDS_ROOT
@pytest.mark.parametrize("changed", ["instance", "instance/daypass.db", "instance/keys.env", "instance/daypass.db-wal"])
def test_too_open_a_folder_or_file_is_refused_with_the_one_command_that_closes_it(
    users: OtherUsers, folder: Path, changed: str
) -> None:
    """◆ The command is run as it is printed. Fails when the mode of the folder is not looked at."""
    assert users.run((SERVICE, SERVICE), "init", instance=folder).code == 0
    place = folder.parent / changed
    if not place.exists():  # as a killed process leaves it; an empty one is harmless
        place.touch()
        os.chown(place, SERVICE, SERVICE)
    place.chmod(0o777 if place.is_dir() else 0o644)
    refused = users.run((SERVICE, SERVICE), "scheduler", instance=folder)
    assert refused.code == 1 and len(refused.err.splitlines()) == 1, refused.err
    assert f"others can write the folder {folder}" in refused.err or f"{place} can be read by others" in refused.err
    command = refused.err.strip().rpartition(": run ")[2]
    subprocess.run(command, shell=True, check=True)
    if not place.is_dir():
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    ended = users.run((SERVICE, SERVICE), "db check", instance=folder)
    assert ended.code == 0, ended.err


@NEEDS_ROOT
def test_nothing_is_created_where_others_can_write(users: OtherUsers, folder: Path) -> None:
    """A folder such as /tmp is not to be changed: one of its own is what to use. Nor one of another user."""
    own = f"use a folder of its own, such as one from mkdir -m 700 {shlex.quote(str(folder))}/daypass"
    for owner, mode, advice in (
        (SERVICE, 0o777, f"run chmod o-w {folder}"), (SERVICE, 0o1777, own), (0, 0o777, own), (0, 0o1777, own),
    ):  # fmt: skip
        os.chown(folder, owner, owner)
        folder.chmod(mode)
        for settings in ({"instance": folder}, {"instance": folder.parent, "database_url": f"sqlite:///{folder}/x.db",
                         "token_keys": f"k1:{'ab' * 32}", "password_pepper": "cd" * 32}):  # fmt: skip
            refused = users.run((SERVICE, SERVICE), "init", **settings)
            assert refused.code == 1 and refused.err == f"Error: others can write the folder {folder}: {advice}\n"
        assert [path.name for path in folder.iterdir() if not path.name.endswith("-lock")] == []
    assert users.run((SERVICE, SERVICE), "init", instance=folder / "daypass").code == 0
    assert modes(folder)["daypass"] == 0o700


@pytest.mark.shares_server
def test_no_process_that_serves_has_the_first_password_or_leaves_a_dump_of_its_memory(live_server: LiveServer) -> None:
    """◆ The fixture starts it with DAYPASS_ADMIN_PASSWORD. Fails where that is left in the environment."""
    assert live_server.environment["DAYPASS_ADMIN_PASSWORD"] and live_server.process is not None
    supervisor = psutil.Process(live_server.process.pid)
    processes = [supervisor, *supervisor.children(recursive=True)]
    assert len(processes) >= 3
    for each in processes:
        assert "DAYPASS_PORT=" in Path(f"/proc/{each.pid}/environ").read_text()
        assert "ADMIN_PASSWORD" not in Path(f"/proc/{each.pid}/environ").read_text()
        assert each.rlimit(psutil.RLIMIT_CORE) == (0, 0)
