"""Where a worker's threads run. Not here: whether that makes them quicker (``make bench``)."""

import os
import resource
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest

from app import logs
from app.gate.cpu_placement import CpuPlacement
from app.services.passwords import Passwords

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads run where they like")

ALL = os.sched_getaffinity(0) if sys.platform == "linux" else set()


@pytest.fixture
def names() -> str:
    """Of the test's own: servers of other tests keep cores for themselves as well."""
    return f"daypass-test-{uuid.uuid4().hex}"


def cores_within(layer: CpuPlacement) -> list[set[int]]:
    """Where a thread may run after a request through the layer."""
    found: list[set[int]] = []

    def serve() -> None:
        layer({}, lambda *_: None)  # type: ignore[arg-type]
        found.append(os.sched_getaffinity(0))

    in_a_thread(serve)
    return found


def in_a_thread(act: Callable[[], None]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def nothing(_environ: object, _start_response: object) -> list[bytes]:
    return []


def test_all_threads_of_a_worker_run_on_one_core(names: str) -> None:
    layer = CpuPlacement(nothing, names)
    seen = [cores_within(layer)[0] for _ in range(4)]
    if len(ALL) == 1:
        assert seen == [ALL] * 4
    else:
        assert len(seen[0]) == 1 and seen == [seen[0]] * 4


def test_threads_that_serve_nobody_run_where_they_like(names: str) -> None:
    cores_within(CpuPlacement(nothing, names))
    assert os.sched_getaffinity(0) == ALL


def test_a_core_that_cannot_be_had_fails_no_request_and_is_told_once(names: str, log_lines: list[str]) -> None:
    """As when the container's cores change. Fails when the system's refusal is let through (tried)."""
    logs.configure("INFO")
    layer = CpuPlacement(nothing, names)
    layer.__dict__["_core"] = 10_000
    assert [cores_within(layer) for _ in range(3)] == [[ALL]] * 3
    assert [line for line in log_lines if "worker_not_on_one_core" in line] == [log_lines[-1]]


def _serve_without_files(names: str, line: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # those that are open stay so
    line.send(cores_within(CpuPlacement(nothing, names)))


@pytest.mark.skipif(len(ALL) == 1, reason="nothing is asked for where there is one core")
def test_without_a_socket_to_keep_a_core_by_requests_are_answered(names: str) -> None:
    """The process has no file descriptor left. Fails when the system's refusal is let through (tried)."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_serve_without_files, args=(names, theirs))
    worker.start()
    theirs.close()
    assert ours.recv() == [ALL]
    worker.join()


def _serve_until_hung_up(names: str, line: Connection) -> None:
    layer = CpuPlacement(nothing, names)
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
            assert cores_within(CpuPlacement(nothing, names)) == [ALL]
    workers[0].kill()
    workers[0].join()
    assert len(ALL) == 1 or len(cores_within(CpuPlacement(nothing, names))[0]) == 1
    for worker in workers[1:]:
        worker.kill()
        worker.join()


def test_passwords_are_hashed_on_any_core_even_if_the_first_is_asked_for_by_a_worker(names: str) -> None:
    """Fails when the hashing threads do not take back what they inherit."""
    passwords = Passwords(b"pepper" * 8, 4, at_once=1, queue=1)
    layer = CpuPlacement(lambda *_: [passwords.digest("whatever").encode()], names)
    cores_within(layer)
    assert passwords._threads.submit(os.sched_getaffinity, 0).result() == ALL
