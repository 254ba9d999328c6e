"""Any user, any group: users without a name, folders of a group, mounted secrets, and what root leaves behind."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.drivers.other_user import NEEDS_ROOT, OtherUsers

pytestmark = NEEDS_ROOT

NAMELESS, ANOTHER = 1000660000, 1000770000
"""Users without an entry in the system's list, as OpenShift gives them to containers."""

SERVICE = 1000880000
ROOT = (0, 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of root whose path anybody may pass; pytest closes its own to others when the next run starts."""
    with tempfile.TemporaryDirectory(prefix="daypass-users-") as outer:
        Path(outer).chmod(0o755)
        (Path(outer) / "instance").mkdir()
        yield Path(outer) / "instance"


def owners(folder: Path) -> dict[str, tuple[int, int, int]]:
    """User, group and mode of each file."""
    found = {path.name: path.stat() for path in folder.iterdir()}
    return {name: (each.st_uid, each.st_gid, stat.S_IMODE(each.st_mode)) for name, each in found.items()}


def test_a_user_without_a_name_sets_up_a_folder_that_its_group_shares(users: OtherUsers, folder: Path) -> None:
    """And after it another user of the group, as the container's next one may be. Not one outside of the group."""
    folder.chmod(0o775)
    made = users.run((NAMELESS, 0), "init", umask=0o077, instance=folder)
    assert made.code == 0 and "Created the administrator admin" in made.err
    assert set(owners(folder)) >= {"daypass.db", "keys.env"}
    assert set(owners(folder).values()) == {(NAMELESS, 0, 0o660)}
    log = users.run((NAMELESS, 0), "audit list --json", instance=folder)
    assert f'"cli:uid-{NAMELESS}"' in log.out
    for words in ("user list", "keys rotate", "keys rotate", "conf retention_days -s 30"):
        ended = users.run((ANOTHER, 0), words, umask=0o002, instance=folder)
        assert (ended.code, ended.err) == (0, ""), words
    assert {found[1:] for found in owners(folder).values()} == {(0, 0o660)}
    assert users.run((NAMELESS, 0), "keys status", instance=folder).code == 0
    stranger = users.run((ANOTHER, 5), "user list", instance=folder)
    assert stranger.code == 1 and len(stranger.err.splitlines()) == 1


def test_what_root_creates_belongs_to_the_owner_of_the_folder(users: OtherUsers, folder: Path) -> None:
    """Also the ``-wal`` and ``-shm``, to which SQLite itself gives the owner of the database."""
    os.chown(folder, SERVICE, SERVICE + 1)
    folder.chmod(0o700)
    inner = folder / "a" / "b"
    for place in (folder, inner):
        assert users.run(ROOT, "init", instance=place).code == 0
        for words in ("keys rotate", "keys rotate", "user list"):
            assert users.run(ROOT, words, instance=place).code == 0
        found = {name: owner for name, owner in owners(place).items() if name != "a"}
        assert set(found.values()) == {(SERVICE, SERVICE + 1, 0o600)}
    assert owners(folder)["a"] == owners(folder / "a")["b"] == (SERVICE, SERVICE + 1, 0o700)
    ended = users.run((SERVICE, SERVICE + 1), "conf retention_days -s 30", instance=inner)
    assert (ended.code, ended.err) == (0, "")


def test_root_keeps_owner_group_and_mode_of_the_keys(users: OtherUsers, folder: Path) -> None:
    """Of a folder that is root's: fails when the rotated file is a new one."""
    assert users.run(ROOT, "init", instance=folder).code == 0
    keys = folder / "keys.env"
    os.chown(keys, SERVICE, SERVICE + 1)
    keys.chmod(0o400)
    assert users.run(ROOT, "keys rotate", instance=folder).code == 0
    assert owners(folder)["keys.env"] == (SERVICE, SERVICE + 1, 0o400)


def test_a_mounted_secret_of_root_is_read_by_its_group_alone(users: OtherUsers, folder: Path) -> None:
    secrets, mine = folder / "secrets", folder / "mine"
    for each, owner in ((secrets, 0), (mine, SERVICE)):
        each.mkdir(mode=0o755)
        os.chown(each, owner, owner)
    places = {"instance": secrets, "database_url": f"sqlite:///{mine}/daypass.db"}
    assert users.run((SERVICE, SERVICE), "init", instance=mine).code == 0
    keys = secrets / "keys.env"
    keys.write_bytes((mine / "keys.env").read_bytes())
    os.chown(keys, 0, SERVICE + 1)
    for mode in (0o440, 0o640):
        keys.chmod(mode)
        assert users.run((SERVICE, SERVICE, SERVICE + 1), "keys status", **places).code == 0
    member = (SERVICE, SERVICE, SERVICE + 1)
    assert f"can't replace {keys} (Permission denied)" in users.run(member, "keys rotate", **places).err
    assert f"can't read {keys} (Permission denied)" in users.run((SERVICE, SERVICE), "keys status", **places).err
    keys.chmod(0o444)
    assert "mount it with mode 0440" in users.run(member, "keys status", **places).err


def test_a_user_who_may_not_is_told_as_whom_to_run_it_in_one_line(users: OtherUsers, folder: Path) -> None:
    os.chown(folder, SERVICE, SERVICE)
    folder.chmod(0o755)
    assert users.run((SERVICE, SERVICE), "init", umask=0o777, instance=folder).code == 0
    given = {"token_keys": f"k1:{'ab' * 32}", "password_pepper": "cd" * 32}
    for words, settings in (("init", {}), ("keys rotate", {}), ("user list", {}), ("user list", given),
                            ("db upgrade", given), ("serve", given)):  # fmt: skip
        ended = users.run((ANOTHER, ANOTHER), words, instance=folder, **settings)
        assert ended.code == 1 and len(ended.err.splitlines()) == 1
        assert f"run the command as uid-{SERVICE}: setpriv --reuid={SERVICE} --regid={SERVICE}" in ended.err
    hidden = users.run((ANOTHER, ANOTHER), "db upgrade", database_url=f"sqlite:///{folder}/a/x.db", **given)
    assert f"the folder {folder}/a of the database does not exist" in hidden.err
    folder.chmod(0o700)
    hidden = users.run((ANOTHER, ANOTHER), "user list", instance=folder, **given)
    assert f"can't open the database {folder}/daypass.db (Permission denied): run the command as uid-" in hidden.err
    folder.chmod(0o755)
    ended = users.run((ANOTHER, ANOTHER), "init", instance=folder / "other")
    assert f"can't create the folder {folder}/other (Permission denied)" in ended.err
    os.chown(folder / "daypass.db", 0, 0)
    ended = users.run((SERVICE, SERVICE), "user list", instance=folder)
    assert f"let root run chown --reference={folder} {folder}/daypass.db" in ended.err


def test_the_first_process_of_a_container_ends_at_once_on_sigterm() -> None:
    """The kernel would ignore a signal for it that has no handler, as while it starts. Fails without one in `main`."""
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "app", "scheduler"]
    with subprocess.Popen(command, env={"DAYPASS_INSTANCE": "/nowhere"}) as outer:
        first = None
        while first is None or not _handles_sigterm(first):
            assert outer.poll() is None, "it has not started"
            first = next(iter(psutil.Process(outer.pid).children()), None)
            time.sleep(0.005)
        first.send_signal(signal.SIGTERM)
        assert outer.wait(60) == 128 + signal.SIGTERM


def _handles_sigterm(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)
