"""The file in which processes share an access token, also if it is damaged, foreign or not writable."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
import requests

from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass
from clients.python.tests.in_process import MACHINE, auth_of, environment, kept, new_process


def test_only_its_user_can_read_the_cache_and_it_does_not_contain_the_refresh_token(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path
) -> None:
    auth_of(daypass, refresh).token()
    assert stat.S_IMODE(cache_folder.stat().st_mode) == 0o700
    files = list(cache_folder.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    secret = refresh.secret.rpartition("_")[2]
    assert not [file for file in files if secret in file.read_text() or refresh.token.public_id in file.name]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"token": 7}', "\0\0", '{"token": "dpa_x\\nX: y"}'])
def test_a_damaged_cache_is_ignored(
    daypass: Daypass,
    refresh: Issued[RefreshToken],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    auth_of(daypass, refresh).token()
    path = kept(cache_folder)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | json.loads(content)) if content.startswith('{"') else content)
    new_process(monkeypatch)
    again = auth_of(daypass, refresh).token()
    assert daypass.mints(refresh) == 2
    assert json.loads(path.read_text())["token"] == again


def test_a_cache_from_before_a_reboot_is_ignored(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's clock starts again at each boot."""
    auth_of(daypass, refresh).token()
    path = kept(cache_folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot": "another"}))
    new_process(monkeypatch)
    auth_of(daypass, refresh).token()
    assert daypass.mints(refresh) == 2


def test_a_cache_that_others_can_read_is_ignored_and_replaced(
    daypass: Daypass,
    refresh: Issued[RefreshToken],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[str],
) -> None:
    """Fails without the check of the mode in ``cache._read_private`` (tried)."""
    first = auth_of(daypass, refresh).token()
    kept(cache_folder).chmod(0o640)
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() != first
    assert stat.S_IMODE(kept(cache_folder).stat().st_mode) == 0o600
    assert any("others can read or write it" in line for line in log_lines)


def test_a_cache_of_another_user_is_ignored_and_replaced(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = auth_of(daypass, refresh).token()
    processes.make_somebody_elses(kept(cache_folder))
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() != first
    assert kept(cache_folder).stat().st_uid == os.geteuid()
    assert not kept(cache_folder).is_symlink()


def test_a_read_only_cache_file_is_used_and_replaced_after_a_revocation(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = auth_of(daypass, refresh).token()
    kept(cache_folder).chmod(0o400)
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() == first
    daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), MACHINE)
    auth = auth_of(daypass, refresh)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    assert json.loads(kept(cache_folder).read_text())["token"] == auth.token() != first


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_to_is_not_used(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, log_lines: list[str], mode: int
) -> None:
    cache_folder.mkdir(parents=True)
    cache_folder.chmod(mode)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth_of(daypass, refresh), timeout=60).status_code == 200
    assert list(cache_folder.iterdir()) == []
    assert any("others can write to it" in line for line in log_lines)


def test_with_a_read_only_folder_each_process_mints_and_logs_one_line(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    """As root, in ``/proc``, because modes do not restrict root."""
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path / "read-only"
    folder.mkdir(mode=0o500, exist_ok=True)
    variables = environment(daypass, refresh) | {"XDG_CACHE_HOME": str(folder)}
    for expected in (1, 2):
        script = processes.start("from daypass_client import DaypassAuth; DaypassAuth().token()", **variables)
        _, err = script.communicate(timeout=60)
        assert script.returncode == 0, err
        assert err.count("\n") == 1
        assert "each process requests its own token" in err
        assert daypass.mints(refresh) == expected


def test_without_a_home_folder_the_token_is_in_memory_and_the_log_says_so_once(
    daypass: Daypass, refresh: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    """As for a user id without a name in a container."""

    def no_name(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pwd.getpwuid", no_name)
    first = auth_of(daypass, refresh).token()
    assert auth_of(daypass, refresh).token() == first
    assert daypass.mints(refresh) == 1
    (line,) = [line for line in log_lines if line.startswith("WARNING")]
    assert "the home folder is unknown" in line and "each process requests its own token" in line


@pytest.mark.parametrize("kept", [False, True])
def test_a_file_system_that_is_full_or_has_no_locks_is_told_of_once(
    daypass: Daypass,
    refresh: Issued[RefreshToken],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[str],
    kept: bool,
) -> None:
    """With the token of another process in it, and without. `os.open` fails as there for every file that is new."""
    if kept:
        auth_of(daypass, refresh).token()
        new_process(monkeypatch)
        daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), MACHINE)
    real = os.open

    def full(path: str | Path, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT and "daypass" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", full)
    auth = auth_of(daypass, refresh)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    assert auth._source.after_refusal(auth.token())[1]
    (line,) = [line for line in log_lines if line.startswith("WARNING")]
    assert f"{cache_folder} is not used" in line and "No space left on device" in line
