"""A worker: a process that imports the application and serves it with granian while its supervisor lives."""

import gc
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from app import logs
from app.http.resting import Resting
from app.http.turns import Turns
from app.server.connections import MOST_CONNECTIONS, http1_settings, http2_settings
from app.server.listening import BACKLOG, Port, SharedSocket, listen, socket_of_worker
from app.server.memory import Memory
from app.server.processes import LONGEST_REPORT, SERVES
from app.server.spare_threads import MOST_BODIES
from app.server.spawning import WORKER_NAME, end_with_parent

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOG = structlog.get_logger(__name__)

STANDARD_INPUT = 0

PASSED_ON = {"callback", "loop", "args", "kwargs"}
"""Parameters of granian's function for a worker that its own wrapper around it fills in."""

OTHER_GRANIAN = "the installed granian is another than that of requirements/run.txt: install its packages again"


@dataclass(frozen=True)
class Plan:
    """What every worker does. `source`: of a listener. `application`: ``module:name``.

    `bodies`: how many a worker receives at once, in threads besides `threads`; 0: in those. `connections`: how many it
    holds. `http2`: whether it speaks HTTP/2 besides HTTP/1.1. `rest`: whether threads rest (``app.http.resting``).
    """

    source: Port | SharedSocket
    workers: int
    threads: int
    log_level: str
    application: str = "wsgi:application"
    bodies: int = MOST_BODIES
    connections: int = MOST_CONNECTIONS
    http2: bool = False
    rest: bool = False


def run(plan: Plan, number: int, reports: int) -> None:
    """Serve until SIGTERM or the end of the supervisor. Writes to `reports` that it serves, or what prevents it."""
    os.set_inheritable(reports, False)
    _end_with_supervisor()
    # Ctrl-C reaches all processes of a terminal, and so does its end: the supervisor decides. granian sets a handler of
    # its own for SIGINT later.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _set_name()
    logs.configure(plan.log_level)
    _granian_worker(plan, number, reports)()


def _granian_worker(plan: Plan, number: int, reports: int) -> Callable[[], None]:
    """granian's own function for a worker, with its arguments; ends the process where the installed one has others."""
    try:
        mp: Any = import_module("granian.server.mp")  # only workers need it
        resting = Resting() if plan.rest else None
        source = plan.source
        shared = source if isinstance(source, SharedSocket) else SharedSocket(socket_of_worker(source).detach(), False)
        start, wrap = mp.MPServer._spawn_wsgi_worker, mp._wsgi_call_wrap
        arguments = granian_options(plan) | {
            "worker_id": number,
            "callback_loader": partial(_load, plan, reports, shared.descriptor, resting),
            "sock": _granian_socket(shared),
        }
    except (ImportError, AttributeError) as error:
        _give_up(reports, f"{OTHER_GRANIAN} ({error})")
    parameters = {*inspect.signature(start, follow_wrapped=False).parameters, *inspect.signature(start).parameters}
    if differing := parameters ^ arguments.keys() ^ PASSED_ON:
        _give_up(reports, f"{OTHER_GRANIAN} ({', '.join(sorted(differing))})")

    def serve() -> None:
        if resting is not None:  # granian's own function for a request has no end to hook into
            mp._wsgi_call_wrap = lambda *application: resting.around(wrap(*application))
        start(**arguments)

    return serve


def granian_options(plan: Plan) -> dict[str, Any]:
    """Arguments of granian's own function for a worker, besides those of one worker; it is not documented.

    So are the values, which ``granian.Granian`` computes from its arguments. ``tests/unit/server/test_worker.py``
    compares them with the installed version.
    """
    from granian.constants import HTTPModes, Loops, RuntimeModes, TaskImpl
    from granian.log import LogLevels

    return {
        "process_name": None,
        "ipc": None,
        "loop_impl": Loops.auto,
        "log_enabled": True,
        "log_level": LogLevels(plan.log_level.lower()),
        "log_config": logs.config(plan.log_level),
        "env_files": (),
        "runtime_mode": RuntimeModes.mt,
        "runtime_threads": 1,
        "runtime_blocking_threads": 512,
        "blocking_threads": plan.threads + plan.bodies,
        "blocking_threads_idle_timeout": 30,
        "backpressure": plan.connections,
        "task_impl": TaskImpl.asyncio,
        "http_mode": HTTPModes.auto if plan.http2 else HTTPModes.http1,
        "http1_settings": http1_settings(),
        "http2_settings": http2_settings() if plan.http2 else None,
        "websockets": False,
        "static_path": None,
        "log_access_fmt": None,
        "ssl_ctx": (False, None, None, None, "tls1.3", None, [], False),
        "scope_opts": {"url_path_prefix": None},
        "metrics": (None, None),
    }


def _granian_socket(shared: SharedSocket) -> Any:
    """What granian's function expects: a specification or a holder; the third would be a socket to keep open.

    The socket listens when the application is loaded.
    """
    from granian._granian import SocketHolder

    holder: Any = SocketHolder  # its stub has no constructor
    return (None, holder(shared.descriptor, shared.is_unix, BACKLOG)), None


def _load(plan: Plan, reports: int, descriptor: int, resting: Resting | None = None) -> "WSGIApplication":
    module, _, name = plan.application.partition(":")
    gc.disable()  # imports leave no garbage: looking for it takes a seventh of their time
    try:
        loaded: WSGIApplication = getattr(import_module(module), name)
    except Exception as error:
        LOG.exception("worker_not_started")
        _give_up(reports, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    gc.freeze()  # nor is what stays looked through for as long as it serves
    gc.enable()
    listen(descriptor)  # before anybody is told: granian would do so a little later
    os.write(reports, SERVES)
    if not plan.bodies:
        return loaded
    before_waiting = resting.begin_body if resting else lambda: None
    return Turns(loaded, plan.threads, plan.bodies, Memory().is_short, before_waiting)


def _give_up(reports: int, problem: str) -> NoReturn:
    os.write(reports, problem.encode()[:LONGEST_REPORT])
    sys.exit(1)


def _end_with_supervisor() -> None:
    """End this process within milliseconds of the supervisor's end, however that came about.

    Standard input is a pipe that closes then. Unlike a signal (PR_SET_PDEATHSIG of prctl(2)) this works on every
    system, and has no race with an early end. Linux sends the signal too: it ends a worker that stands still.
    """
    end_with_parent()

    def wait() -> None:
        while os.read(STANDARD_INPUT, 1):
            pass
        os._exit(1)  # what was acknowledged is committed; nothing else may keep the port

    threading.Thread(target=wait, name="end-with-supervisor", daemon=True).start()


def _set_name() -> None:
    """The name that ps and top show."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(WORKER_NAME)
