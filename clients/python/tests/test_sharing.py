"""One access token for all threads and processes of a machine, also when files are not as they should be.

Not here: when a token is renewed (``test_clock``), and servers that are away (``test_server_away``).
"""

import json
import logging
import os
import stat
import threading
import time
from pathlib import Path

import pytest
import requests

from app.domain.identity import Caller
from app.domain.tokens import Issued, RefreshToken
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass
from daypass_client import DaypassAuth, Session
from daypass_client import tokens as tokens_module
from daypass_client.cache import Cache
from tests.crowds import all_at_once

MACHINE = Caller("the test")

CALLS = """
import sys, threading
from daypass_client import Session
sys.stdin.readline()
statuses = []
def call():
    with Session() as session:
        for _ in range({times}):
            statuses.append(session.get("/api/v1/me", timeout=30).status_code)
threads = [threading.Thread(target=call) for _ in range({threads})]
[each.start() for each in threads]
[each.join() for each in threads]
print(len(statuses), set(statuses))
"""


def environment(daypass: Daypass, refresh: Issued[RefreshToken]) -> dict[str, str]:
    return {"DAYPASS_URL": daypass.url, "DAYPASS_REFRESH_TOKEN": refresh.secret}


def auth_of(daypass: Daypass, refresh: Issued[RefreshToken], **options: object) -> DaypassAuth:
    return DaypassAuth(url=daypass.url, refresh_token=refresh.secret, **options)  # type: ignore[arg-type]


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process knows, as one that was just started."""
    monkeypatch.setattr(tokens_module, "_slots", {})


def kept(folder: Path) -> Path:
    (path,) = folder.glob("*.token")
    return path


def test_threads_that_begin_at_once_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Each with a DaypassAuth of its own. Fails without the lock in ``TokenSource._obtain`` (tried)."""
    answers = all_at_once(
        [lambda: requests.get(f"{daypass.url}/api/v1/me", auth=auth_of(daypass, refresh), timeout=30)] * 20
    )
    assert {answer.status_code for answer in answers} == {200}
    assert daypass.mints(refresh) == 1


def test_threads_without_a_cache_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    somewhere = "/proc/daypass"  # nobody can make a folder there
    tokens = all_at_once([lambda: auth_of(daypass, refresh, cache_folder=somewhere).token()] * 20)
    assert len(set(tokens)) == 1
    assert daypass.mints(refresh) == 1


def test_processes_that_begin_at_once_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Fails without the file lock in ``TokenSource._renew`` (tried)."""
    code = CALLS.format(threads=5, times=3)
    scripts = [processes.start(code, **environment(daypass, refresh)) for _ in range(4)]
    time.sleep(0.5)  # until all of them wait
    for script in scripts:
        assert script.stdin is not None
        script.stdin.write("\n")
        script.stdin.flush()
    assert [processes.finish(script) for script in scripts] == ["15 {200}\n"] * 4
    assert daypass.mints(refresh) == 1


def test_nobody_sees_a_refusal_while_the_access_token_is_revoked_again_and_again(
    daypass: Daypass, refresh: Issued[RefreshToken]
) -> None:
    """Three processes, and one mint for each revocation. Fails when ``after_refusal`` always mints (tried)."""
    code = CALLS.format(threads=4, times=60)
    scripts = [processes.start(code, **environment(daypass, refresh)) for _ in range(3)]
    for script in scripts:
        assert script.stdin is not None
        script.stdin.write("\n")
        script.stdin.flush()
    revocations = 0
    while any(script.poll() is None for script in scripts):
        time.sleep(0.7)
        daypass.services.revoking.revoke_access_tokens(refresh.secret, None, MACHINE)
        revocations += 1
    assert [processes.finish(script) for script in scripts] == ["240 {200}\n"] * 3
    assert revocations > 1
    assert 2 <= daypass.mints(refresh) <= revocations + 1


def test_a_token_that_another_process_minted_and_that_was_revoked_meanwhile_is_no_refusal_either(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path
) -> None:
    auth = auth_of(daypass, refresh)
    first = auth.token()
    second = daypass.services.minting.mint(refresh.secret, None, MACHINE)  # the first one is superseded
    daypass.services.revoking.revoke_access_tokens(refresh.secret, None, MACHINE)
    path = kept(cache_folder)
    path.write_text(path.read_text().replace(first, second.secret))
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=30).status_code == 200
    assert daypass.mints(refresh) == 3


def test_the_cache_is_for_its_user_alone_and_knows_nothing_of_the_refresh_token(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path
) -> None:
    auth_of(daypass, refresh).token()
    assert stat.S_IMODE(cache_folder.stat().st_mode) == 0o700
    files = list(cache_folder.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    secret = refresh.secret.rpartition("_")[2]
    assert not [file for file in files if secret in file.read_text() or refresh.token.public_id in file.name]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"token": 7}', "\0\0", '{"token": "dpa_x\\nX: y"}'])
def test_a_damaged_cache_is_as_good_as_none(
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


def test_a_cache_of_another_run_of_the_machine_is_not_used(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock begins anew with each."""
    auth_of(daypass, refresh).token()
    path = kept(cache_folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot": "another"}))
    new_process(monkeypatch)
    auth_of(daypass, refresh).token()
    assert daypass.mints(refresh) == 2


def test_a_cache_that_others_can_read_is_not_believed_and_replaced(
    daypass: Daypass,
    refresh: Issued[RefreshToken],
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[str],
) -> None:
    """Fails when the check of the mode is taken out of ``cache._read_private`` (tried)."""
    first = auth_of(daypass, refresh).token()
    kept(cache_folder).chmod(0o640)
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() != first
    assert stat.S_IMODE(kept(cache_folder).stat().st_mode) == 0o600
    assert any("others can read or write it" in line for line in log_lines)


def test_a_cache_that_is_somebody_elses_is_not_believed_and_replaced(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = auth_of(daypass, refresh).token()
    processes.make_somebody_elses(kept(cache_folder))
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() != first
    assert kept(cache_folder).stat().st_uid == os.geteuid()
    assert not kept(cache_folder).is_symlink()


def test_a_cache_file_that_is_read_only_is_used_and_replaced_when_its_token_has_ended(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = auth_of(daypass, refresh).token()
    kept(cache_folder).chmod(0o400)
    new_process(monkeypatch)
    assert auth_of(daypass, refresh).token() == first
    daypass.services.revoking.revoke_access_tokens(refresh.secret, None, MACHINE)
    auth = auth_of(daypass, refresh)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=30).status_code == 200
    assert json.loads(kept(cache_folder).read_text())["token"] == auth.token() != first


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_in_which_others_can_write_is_not_used(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path, log_lines: list[str], mode: int
) -> None:
    cache_folder.mkdir(parents=True)
    cache_folder.chmod(mode)
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth_of(daypass, refresh), timeout=30).status_code == 200
    assert list(cache_folder.iterdir()) == []
    assert any("somebody else can write there" in line for line in log_lines)


def test_a_folder_that_is_read_only_costs_a_mint_for_each_process_and_a_line_in_the_log(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    """As a user for whom modes count, which for root they do not."""
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path / "read-only"
    folder.mkdir(mode=0o500, exist_ok=True)
    places = environment(daypass, refresh) | {"XDG_CACHE_HOME": str(folder)}
    for wanted in (1, 2):
        script = processes.start("from daypass_client import DaypassAuth; DaypassAuth().token()", **places)
        _, err = script.communicate(timeout=30)
        assert script.returncode == 0, err
        assert err.count("\n") == 1
        assert "each process mints for itself" in err
        assert daypass.mints(refresh) == wanted


def test_a_lock_that_somebody_holds_for_ever_stops_nobody(
    daypass: Daypass, refresh: Issued[RefreshToken], log_lines: list[str]
) -> None:
    auth = auth_of(daypass, refresh, patience=0.5)
    holder: Cache = auth._source._cache
    with holder.locked(1):
        token = auth.token()
    assert token
    assert any("going on without the lock" in line for line in log_lines)


def test_a_child_that_was_forked_while_another_thread_minted_goes_on(
    daypass: Daypass, refresh: Issued[RefreshToken]
) -> None:
    """Fails when the locks are not made anew in the child (tried): it waits for a thread that it does not have."""
    script = """
import os, threading, time, warnings
from daypass_client import Session
from daypass_client.tokens import _slots
warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, rightly
session = Session()
source = session.auth._source
def hold():
    with source._slot.lock, source._cache.locked(5):
        inside.set()
        time.sleep(2)
inside = threading.Event()
threading.Thread(target=hold, daemon=True).start()
inside.wait()
child = os.fork()
answer = session.get("/api/v1/me", timeout=30)
if child == 0:
    os._exit(0 if answer.status_code == 200 else 1)
print(answer.status_code, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert processes.run(script, **environment(daypass, refresh)) == "200 0\n"
    assert daypass.mints(refresh) == 1


def test_parent_and_child_never_share_a_connection(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Both call at once after the fork, many times, and each sees its own answers.

    Fails when the session keeps its connections over a fork (tried): answers are mixed up, or nobody gets any.
    """
    script = """
import os, warnings
from daypass_client import Session
warnings.simplefilter("ignore")
session = Session()
session.get("/api/v1/me", timeout=5)
path = "/api/v1/me/tokens?limit=%d" % 1
child = os.fork()
paths = ["/api/v1/me", "/api/v1/me/token"]
path, member = (paths[0], "username") if child == 0 else (paths[1], "public_id")
good = all(member in session.get(path, timeout=5).json() for _ in range(100))
if child == 0:
    os._exit(0 if good else 1)
print(good, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert processes.run(script, **environment(daypass, refresh)) == "True 0\n"
    assert daypass.mints(refresh) == 1


def test_a_crowd_that_is_refused_at_once_mints_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    auth = auth_of(daypass, refresh)
    auth.token()
    daypass.services.revoking.revoke_access_tokens(refresh.secret, None, MACHINE)
    line = threading.Barrier(20)

    def call() -> requests.Response:
        with Session(auth) as session:
            line.wait()
            return session.get("/api/v1/me", timeout=30)

    answers = all_at_once([call] * 20)
    assert {answer.status_code for answer in answers} == {200}
    assert daypass.mints(refresh) == 2


def test_the_client_logs_that_it_mints_at_debug_alone(
    daypass: Daypass, refresh: Issued[RefreshToken], log_lines: list[str]
) -> None:
    auth_of(daypass, refresh).token()
    ours = [line for line in log_lines if " daypass_client " in line]
    assert ours == [f"DEBUG daypass_client minting at {daypass.url}"]
    assert logging.getLogger("daypass_client").handlers == []
