"""A worker's process that begins before its work is known."""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from app.server.spawning import Spawned, first_worker, prepare
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def spawned() -> Iterator[Spawned]:
    process = Spawned(1)
    yield process
    process.process.kill()
    process.process.communicate()


def report_setting(reports: int) -> None:
    os.write(reports, os.environ["DAYPASS_PUBLIC_URL"].encode())


def test_it_imports_first_and_then_works_in_the_environment_of_that_moment(
    spawned: Spawned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is missing is reported by the work that needs it."""
    spawned.send(partial(prepare, ("no.such.module", "json")))
    monkeypatch.setenv("DAYPASS_PUBLIC_URL", "https://tokens.example.com")
    spawned.give(partial(report_setting, spawned.writer))
    assert spawned.process.wait(PATIENCE_SECONDS) == 0
    assert os.read(spawned.reports, 100) == b"https://tokens.example.com"


def test_it_ends_where_there_is_no_work_for_it(spawned: Spawned) -> None:
    spawned.send(partial(prepare, ()))
    spawned.end()
    assert spawned.process.returncode is not None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(spawned.reports)


def test_it_is_left_alone_once_it_has_work(spawned: Spawned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYPASS_PUBLIC_URL", "-")
    spawned.give(partial(report_setting, spawned.writer))
    spawned.end()
    assert spawned.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize(("name", "value"), [("LISTEN_FDS", "1"), ("DAYPASS_HOST", "unix:/run/daypass.sock")])
def test_no_worker_is_early_for_a_socket_that_it_must_inherit(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert first_worker() is None
