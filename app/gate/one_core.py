"""One core for the threads of a worker.

They share Python's lock. Spread over cores, each database call hands it to a thread that must first wake up elsewhere,
and a check costs five times as much (measured with 16 threads on two cores); on one core they take turns for nothing.
Here belongs where threads run. Not here: what they do. Linux only; elsewhere nothing happens.
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


class OneCore:
    """A WSGI layer that keeps every thread which passes through it on one core, the worker's own.

    `names`: what the names begin with by which the workers of a machine keep out of each other's way.
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
        except OSError as error:  # the request is answered all the same, on whatever core
            if not self._has_complained:
                self._has_complained = True
                LOG.warning("worker_not_on_one_core", error=str(error), consequence="checks cost more processor time")

    @cached_property
    def _core(self) -> int | None:
        """The worker's; None where all are taken, or there is only one.

        The name of an abstract socket keeps others from it, and is let go when the process ends, however it ends.
        """
        cores = sorted(os.sched_getaffinity(0))
        random.shuffle(cores)  # containers do not see each other's names
        for core in cores if len(cores) > 1 else ():
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                name.bind(f"\0{self._names}-{core}")
            except OSError:
                name.close()
                continue
            name.detach()  # to be closed by nobody
            LOG.info("worker_on_core", core=core)
            return core
        return None
