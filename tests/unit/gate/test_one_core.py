"""Where a worker's threads run; whether that makes them quicker, ``make bench`` shows."""

import errno
import os
import sys
import threading
import uuid
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from unittest.mock import Mock

import pytest

from app import logs
from app.gate import one_core
from app.gate.one_core import OneCore
from app.services.passwords import Passwords

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads run where they like")

ALL = os.sched_getaffinity(0) if sys.platform == "linux" else set()


@pytest.fixture
def names() -> str:
    """Of the test's own: servers of other tests keep cores for themselves as well."""
    return f"daypass-test-{uuid.uuid4().hex}"


def cores_within(layer: OneCore) -> list[set[int]]:
    """Where a thread may run after a request through the layer."""
    found: list[set[int]] = []

    def serve() -> None:
        layer({}, lambda *_: None)  # type: ignore[arg-type]
        found.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    return found


def nothing(_environ: object, _start_response: object) -> list[bytes]:
    return []


def test_all_threads_of_a_worker_run_on_one_core_and_those_that_serve_nobody_on_any(names: str) -> None:
    layer = OneCore(nothing, names)
    seen = [cores_within(layer)[0] for _ in range(4)]
    assert seen == [seen[0]] * 4 and len(seen[0]) == 1
    assert os.sched_getaffinity(0) == ALL


def test_a_core_or_a_socket_that_cannot_be_had_fails_no_request_and_is_logged_once(
    names: str, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    """As when the container's cores change, or no file descriptor is left. Fails when the error is let through."""
    logs.configure("INFO")
    layer = OneCore(nothing, names)
    layer.__dict__["_core"] = 10_000
    assert [cores_within(layer) for _ in range(3)] == [[ALL]] * 3
    assert [line for line in log_lines if "worker_not_on_one_core" in line] == [log_lines[-1]]
    monkeypatch.setattr(one_core.socket, "socket", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
    assert cores_within(OneCore(nothing, names)) == [ALL]


def _serve_until_hung_up(names: str, line: Connection) -> None:
    layer = OneCore(nothing, names)
    line.send(cores_within(layer)[0])
    with suppress(EOFError):
        line.recv()


def test_workers_keep_out_of_each_others_way_and_a_dead_ones_core_is_free_again(names: str) -> None:
    """As many as there are cores have one each; one more runs where it likes. Real processes."""
    context = get_context("spawn")
    lines = [context.Pipe() for _ in range(min(len(ALL), 4))]
    workers = [context.Process(target=_serve_until_hung_up, args=(names, theirs)) for _, theirs in lines]
    for worker in workers:
        worker.start()
    kept = [ours.recv() for ours, _ in lines]
    if len(ALL) > 1:
        assert len(set.union(*kept)) == len(workers) and {len(each) for each in kept} == {1}
        if len(workers) == len(ALL):
            assert cores_within(OneCore(nothing, names)) == [ALL]
    workers[0].kill()
    workers[0].join()
    assert len(ALL) == 1 or len(cores_within(OneCore(nothing, names))[0]) == 1
    for worker in workers[1:]:
        worker.kill()
        worker.join()


def test_passwords_are_hashed_on_any_core_even_if_the_first_is_asked_for_by_a_worker(names: str) -> None:
    """Fails when the hashing threads do not take back what they inherit."""
    passwords = Passwords(b"pepper" * 8, 4, at_once=1, queue=1)
    layer = OneCore(lambda *_: [passwords.digest("whatever").encode()], names)
    cores_within(layer)
    assert passwords._threads.submit(os.sched_getaffinity, 0).result() == ALL
