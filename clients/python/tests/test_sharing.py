"""All threads and processes of a machine share one access token, also if others use or revoke it."""

import logging
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import requests

from app.domain.reissue import Reissue
from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests import processes
from clients.python.tests.callers import Naive
from clients.python.tests.conftest import Daypass
from clients.python.tests.in_process import MACHINE, auth_of, environment, kept
from clients.python.tests.soak import Load, run
from daypass_client import Session
from daypass_client.cache import Cache
from tests.crowds import all_at_once
from tests.factories import make_user, signed_in

CALLS = """
import sys, threading
from daypass_client import Session
sys.stdin.readline()
statuses = []
def call():
    with Session() as session:
        for _ in range({times}):
            statuses.append(session.get("/api/v1/me", timeout=60).status_code)
threads = [threading.Thread(target=call) for _ in range({threads})]
[each.start() for each in threads]
[each.join() for each in threads]
print(len(statuses), set(statuses))
"""


def test_threads_that_start_at_once_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Each with its own DaypassAuth. Fails without the lock in ``TokenSource._obtain`` (tried)."""
    answers = all_at_once(
        [lambda: requests.get(f"{daypass.url}/api/v1/me", auth=auth_of(daypass, refresh), timeout=60)] * 20
    )
    assert {answer.status_code for answer in answers} == {200}
    assert daypass.mints(refresh) == 1


def test_threads_without_a_cache_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    unusable = "/proc/daypass"  # no folder can be created there
    tokens = all_at_once([lambda: auth_of(daypass, refresh, cache_folder=unusable).token()] * 20)
    assert len(set(tokens)) == 1
    assert daypass.mints(refresh) == 1


def test_processes_that_start_at_once_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
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


def test_no_caller_sees_a_refusal_while_the_access_token_is_revoked_repeatedly(daypass: Daypass) -> None:
    """Under each policy, with one mint for each revocation. Fails if ``after_refusal`` always mints (tried).

    `make soak` does the same for longer, with more processes and threads, and with simple clients.
    """
    load = Load(processes=2, threads=3, revocations=3, every=0.7)
    for outcome in all_at_once(
        [partial(run, daypass.url, daypass.services, daypass.database, "client", policy, load) for policy in Reissue]
    ):
        assert outcome.seen["200"] >= 8 and outcome.refused == 0, outcome
        assert outcome.revocations >= 1
        assert 2 <= outcome.mints <= outcome.revocations + 1, outcome


@pytest.mark.parametrize("policy", [Reissue.REPLACE, Reissue.REUSE])
def test_simple_clients_replace_each_others_tokens_except_under_reuse(daypass: Daypass, policy: Reissue) -> None:
    user = make_user(daypass.services)
    refresh = daypass.services.issuing.issue(user.id, "shared", signed_in(user), reissue=policy)
    two = [Naive(daypass.url, refresh.secret, user.id) for _ in range(2)]
    for naive in two * 3:
        assert naive.call() == 200
    assert [naive.send() for naive in two] == ([200, 200] if policy is Reissue.REUSE else [401, 200])
    assert daypass.mints(refresh) == (1 if policy is Reissue.REUSE else 6)


def test_a_revoked_token_of_another_process_does_not_lead_to_a_refusal(
    daypass: Daypass, refresh: Issued[RefreshToken], cache_folder: Path
) -> None:
    auth = auth_of(daypass, refresh)
    first = auth.token()
    second = daypass.services.minting.mint(BySecret(refresh.secret), MACHINE)  # the first one is superseded
    daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), MACHINE)
    path = kept(cache_folder)
    path.write_text(path.read_text().replace(first, second.secret))
    assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    assert daypass.mints(refresh) == 3


def test_a_lock_that_is_never_released_blocks_no_client(
    daypass: Daypass, refresh: Issued[RefreshToken], log_lines: list[str]
) -> None:
    auth = auth_of(daypass, refresh, patience=0.5)
    holder: Cache = auth._source._cache
    with holder.locked(1):
        token = auth.token()
    assert token
    assert any("continuing without the lock" in line for line in log_lines)


def test_a_child_forked_while_another_thread_mints_is_not_blocked(
    daypass: Daypass, refresh: Issued[RefreshToken]
) -> None:
    """Fails if the child keeps the locks (tried): it waits for a thread that it does not have."""
    script = """
import os, threading, time, warnings
from daypass_client import Session
from daypass_client.tokens import _slots
warnings.simplefilter("ignore")  # newer Pythons warn about forks with threads
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
answer = session.get("/api/v1/me", timeout=60)
if child == 0:
    os._exit(0 if answer.status_code == 200 else 1)
print(answer.status_code, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert processes.run(script, **environment(daypass, refresh)) == "200 0\n"
    assert daypass.mints(refresh) == 1


def test_parent_and_child_never_share_a_connection(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """After the fork both call at once, many times, and each receives its own answers.

    Fails if the session keeps its connections over a fork (tried): answers are mixed up or missing.
    """
    script = """
import os, warnings
from daypass_client import Session
warnings.simplefilter("ignore")
session = Session()
session.get("/api/v1/me", timeout=60)
path = "/api/v1/me/tokens?limit=%d" % 1
child = os.fork()
paths = ["/api/v1/me", "/api/v1/me/token"]
path, member = (paths[0], "username") if child == 0 else (paths[1], "public_id")
good = all(member in session.get(path, timeout=60).json() for _ in range(100))
if child == 0:
    os._exit(0 if good else 1)
print(good, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert processes.run(script, **environment(daypass, refresh)) == "True 0\n"
    assert daypass.mints(refresh) == 1


def test_threads_that_are_refused_at_once_mint_once(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    auth = auth_of(daypass, refresh)
    auth.token()
    daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), MACHINE)
    line = threading.Barrier(20)

    def call() -> requests.Response:
        with Session(auth) as session:
            line.wait()
            return session.get("/api/v1/me", timeout=60)

    answers = all_at_once([call] * 20)
    assert {answer.status_code for answer in answers} == {200}
    assert daypass.mints(refresh) == 2


def test_the_client_logs_mints_at_debug_only(
    daypass: Daypass, refresh: Issued[RefreshToken], log_lines: list[str]
) -> None:
    auth_of(daypass, refresh).token()
    ours = [line for line in log_lines if " daypass_client " in line]
    assert ours == [f"DEBUG daypass_client requesting an access token from {daypass.url}"]
    assert logging.getLogger("daypass_client").handlers == []
