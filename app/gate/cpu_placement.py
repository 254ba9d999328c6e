"""Binds the threads of a worker to one core (Linux only).

They share Python's lock: on several cores, each database call passes it to a thread that must wake up on another core,
and a check costs five times as much (measured with 16 threads on two cores).
"""

import os
import random
import socket
import sys
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG = structlog.get_logger(__name__)


class CpuPlacement:
    """A WSGI layer that binds each thread that passes through it to the worker's core.

    `names`: the prefix of the socket names with which the workers of a machine reserve cores.
    """

    def __init__(self, application: "WSGIApplication", names: str = "daypass-core") -> None:
        self._application = application
        self._names = names
        self._settled = threading.local()
        self._choosing = threading.Lock()
        self._has_complained = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not hasattr(self._settled, "is_done"):
            self._settle()
        return self._application(environ, start_response)

    def _settle(self) -> None:
        self._settled.is_done = True
        if sys.platform != "linux":
            return
        try:
            with self._choosing:
                core = self._core
            if core is not None:
                os.sched_setaffinity(0, {core})
        except OSError as error:  # the request is answered on any core
            if not self._has_complained:
                self._has_complained = True
                LOG.warning("worker_not_on_one_core", error=str(error), consequence="checks cost more processor time")

    @cached_property
    def _core(self) -> int | None:
        """The worker's core; None where all are taken, or there is only one.

        Reserved by the name of an abstract socket, which is released when the process ends for any reason.
        """
        cores = sorted(os.sched_getaffinity(0))
        random.shuffle(cores)  # containers do not share names
        for core in cores if len(cores) > 1 else ():
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                name.bind(f"\0{self._names}-{core}")
            except OSError:
                name.close()
                continue
            name.detach()  # stays open until the process ends
            LOG.info("worker_on_core", core=core)
            return core
        return None
