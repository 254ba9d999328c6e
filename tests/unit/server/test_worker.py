"""What a worker passes to granian is what granian's own server would pass."""

import multiprocessing
import os
import socket
from inspect import signature
from typing import Any

import pytest
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import common, mp

from app import logs
from app.http.resting import RESTING, Resting
from app.http.turns import Turns
from app.server import worker
from app.server.connections import MOST_CONNECTIONS, http1_settings
from app.server.listening import BACKLOG, Port, socket_of_worker
from app.server.spare_threads import MOST_BODIES
from app.server.worker import OTHER_GRANIAN, Plan, _granian_worker, _load, granian_options
from tests.drivers.server import free_port


class Passed(Exception):
    """The arguments of a worker that would have been started."""


def start_nothing(*, args: tuple[Any, ...], **_: object) -> None:
    raise Passed(*args)


def test_a_worker_is_what_the_installed_granian_would_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a new version of granian starts its workers otherwise; then `app.server.worker` must follow."""
    port = free_port()
    plan = Plan(Port("127.0.0.1", port), workers=2, threads=16, log_level="INFO")
    monkeypatch.setattr(mp, "WorkerProcess", start_nothing)
    monkeypatch.setattr(common, "set_main_signals", lambda *_: None)
    monkeypatch.setattr(common, "configure_logging", lambda *_: None)
    monkeypatch.setattr(logs, "config", lambda _: {"version": 1})
    monkeypatch.setattr(multiprocessing, "cpu_count", lambda: 64)  # with fewer, it warns
    server = Granian(
        plan.application, port=port, interface=Interfaces.WSGI, workers=2, blocking_threads=16 + MOST_BODIES,
        websockets=False, log_level=LogLevels.info, log_dictconfig=logs.config("INFO"),
        http=HTTPModes.http1, http1_settings=http1_settings(), backpressure=MOST_CONNECTIONS,
    )  # fmt: skip
    with pytest.raises(Passed) as passed:
        server.serve()
    number, process_name, _load, _socket, *rest = passed.value.args
    assert number == 1
    assert [process_name, *rest] == list(granian_options(plan).values())
    assert server.backlog == BACKLOG
    assert callable(_granian_worker(plan, 1, reports=-1)), "the names of the parameters"


def test_only_a_worker_with_threads_besides_passes_its_turns() -> None:
    for bodies, kind in ((1, Turns), (0, type(test_only_a_worker_with_threads_besides_passes_its_turns))):
        plan = Plan(
            Port("127.0.0.1", 1), workers=1, threads=4, log_level="INFO",
            application=f"{__name__}:without_callback", bodies=bodies,
        )  # fmt: skip
        assert granian_options(plan)["blocking_threads"] == 4 + bodies
        with socket.create_server(("127.0.0.1", 0)) as bound:
            assert type(loaded(plan, bound.fileno())) is kind


@pytest.mark.parametrize("rest", [True, False])
def test_threads_rest_where_they_are_to(rest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers a request is then followed by a rest, and requests know of it."""
    seen: list[object] = []

    def answer(_protocol: object, environ: dict[str, object]) -> None:
        seen.append(environ.get(RESTING))

    def start(**arguments: object) -> None:
        mp._wsgi_call_wrap(without_callback, {}, None)(None, {})

    own = mp.MPServer._spawn_wsgi_worker
    monkeypatch.setattr(worker.inspect, "signature", lambda _, **options: signature(own, **options))
    monkeypatch.setattr(mp, "_wsgi_call_wrap", lambda *_: answer)
    monkeypatch.setattr(mp.MPServer, "_spawn_wsgi_worker", start)
    plan = Plan(Port("127.0.0.1", free_port()), workers=1, threads=4, log_level="INFO", rest=rest)
    _granian_worker(plan, 1, reports=-1)()
    assert [type(each) for each in seen] == [Resting if rest else type(None)]


def test_a_worker_listens_before_it_reports_that_it_serves() -> None:
    """Else the first client after the start is refused."""
    port = Port("127.0.0.1", free_port())
    plan = Plan(port, workers=1, threads=4, log_level="INFO", application=f"{__name__}:loaded")
    with socket_of_worker(port) as bound:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(bound.getsockname())
        loaded(plan, bound.fileno())
        socket.create_connection(bound.getsockname()).close()


def loaded(plan: Plan, descriptor: int) -> object:
    reader, writer = os.pipe()
    try:
        return _load(plan, writer, descriptor)
    finally:
        os.close(reader)
        os.close(writer)


def without_callback(worker_id: int, sock: object, **_: object) -> None: ...


@pytest.mark.parametrize("other", [without_callback, None])
def test_another_granian_is_one_line_that_says_what_to_do(other: object, monkeypatch: pytest.MonkeyPatch) -> None:
    if other:
        monkeypatch.setattr(mp.MPServer, "_spawn_wsgi_worker", other)
    else:
        monkeypatch.delattr(mp.MPServer, "_spawn_wsgi_worker")
    reader, writer = os.pipe()
    with pytest.raises(SystemExit, match="1"):
        _granian_worker(Plan(Port("127.0.0.1", 1), workers=1, threads=4, log_level="INFO"), 1, writer)
    os.close(writer)
    with os.fdopen(reader) as report:
        line = report.read()
    assert line.startswith(f"{OTHER_GRANIAN} (") and "\n" not in line
