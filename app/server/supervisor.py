"""The supervisor of the workers: starts them, replaces those that die, and stops them.

A worker that dies comes back, however often; the pause before it grows and is the worker's own, so that one that can't
live costs little and the others go on. The supervisor never ends because of its workers, unless none has ever served.
It is one thread that waits for whatever comes first: a worker's report or end, a signal, or the end of a pause.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

import structlog

from app.server import CannotServe
from app.server.processes import Worker, WorkerTarget, reap_orphans, start_worker
from app.server.signals import Signals
from app.server.spawning import Spawned

LOG = structlog.get_logger(__name__)

PAUSES_SECONDS = (0, 0.2, 0.5, 1, 2, 5)
"""Before a worker's first, second, … replacement in a row; the last one from then on."""

HEALTHY_SECONDS = 10
"""A worker that has served for so long starts with the first pause again."""

MOST_KILLS = 5
"""Before any worker has served: somebody may kill one that is starting, but so many signals are a fault of its own."""

SETTLING_SECONDS = 0.5
"""Between a new worker's report and the end of the one it replaces: until it accepts connections."""

TICK_SECONDS = 1
"""How often process 1 of a container looks for orphans."""


@dataclass
class Slot:
    """The place of one of the workers. `due_at`: when the next one starts, where there is none.

    `has_failed`: one has ended by itself or did not serve in time, or several were killed in a row.
    """

    worker: Worker | None = None
    deaths: int = 0
    has_failed: bool = False
    due_at: float = math.inf


class Supervisor:
    """`target`: what each worker runs, with the open files `descriptors`.

    `patience`: seconds that running requests may take to finish at the end. `when_serving` is called once, when the
    first worker serves; `before_stop` before the workers are stopped. `early`: what becomes the first worker.
    """

    def __init__(
        self,
        target: WorkerTarget,
        workers: int,
        patience: float,
        *,
        descriptors: Sequence[int],
        when_serving: Callable[[], None],
        before_stop: Callable[[], None],
        early: Spawned | None = None,
    ) -> None:
        self._target = target
        self._patience = patience
        self._descriptors = descriptors
        self._when_serving = when_serving
        self._before_stop = before_stop
        self._early = early
        self._slots = {number: Slot() for number in range(1, workers + 1)}
        self._leaving: list[Worker] = []
        self._to_replace: deque[int] = deque()
        self._successor: Worker | None = None
        self._has_served = False

    def run(self) -> None:
        """Go on until SIGTERM or SIGINT; SIGHUP replaces the workers one by one, without a gap.

        Raises :class:`CannotServe` if each worker failed before any has served.
        """
        with Signals.caught() as signals:
            try:
                for number in self._slots:
                    self._fill(number)
                while not signals.stop:
                    wait([signals.fileno(), *self._reports()], self._seconds_to_wait())
                    signals.clear()
                    if signals.reload:
                        signals.reload = False
                        LOG.info("replacing_workers")
                        self._to_replace = deque(self._slots)
                    self._step()
            finally:
                self._before_stop()
                self._stop()

    def _workers(self) -> list[Worker]:
        serving = [slot.worker for slot in self._slots.values() if slot.worker]
        return [*serving, *self._leaving, *([self._successor] if self._successor else [])]

    def _reports(self) -> list[int]:
        return [worker.reports for worker in self._workers()]

    def _start(self, number: int) -> Worker:
        early, self._early = self._early, None
        return start_worker(self._target, number, self._descriptors, early)

    def _seconds_to_wait(self) -> float | None:
        moments = [slot.due_at for slot in self._slots.values()]
        moments += [worker.deadline for worker in self._workers()]
        now = time.monotonic()
        if self._successor and self._successor.up_at is not None:
            moments.append(self._successor.up_at + SETTLING_SECONDS)
        if os.getpid() == 1:
            moments.append(now + TICK_SECONDS)
        soonest = min(moments)
        return None if soonest == math.inf else max(0, soonest - now)

    def _step(self) -> None:
        for worker in self._workers():
            has_ended = worker.has_ended  # asked first, so that its last report is not missed
            if worker.has_reported():
                if not self._has_served:
                    self._has_served = True
                    self._when_serving()
                LOG.info("worker_serves", worker=worker.number, pid=worker.process.pid)
            if has_ended:
                self._ended(worker)
            else:
                worker.kill_if_late()
        now = time.monotonic()
        for number, slot in self._slots.items():
            if now >= slot.due_at:
                self._fill(number)
        self._replace_next(now)
        if os.getpid() == 1:
            reap_orphans({worker.process.pid for worker in self._workers()})

    def _fill(self, number: int) -> None:
        slot = self._slots[number]
        slot.due_at = math.inf
        try:
            slot.worker = self._start(number)
        except OSError as error:  # no memory, or too many processes
            self._postpone(number, {"problem": error.strerror})

    def _ended(self, worker: Worker) -> None:
        worker.close()
        if worker in self._leaving:
            self._leaving.remove(worker)
            LOG.info("worker_stopped", worker=worker.number, **worker.ending)
        elif worker is self._successor:
            self._successor = None
            self._to_replace.clear()
            LOG.error("replacing_abandoned", worker=worker.number, **worker.ending)
        else:
            slot = self._slots[worker.number]
            slot.worker = None
            if worker.up_at is not None and time.monotonic() - worker.up_at >= HEALTHY_SECONDS:
                slot.deaths = 0
            self._postpone(worker.number, worker.ending)

    def _postpone(self, number: int, ending: dict[str, object]) -> None:
        slot = self._slots[number]
        pause = PAUSES_SECONDS[min(slot.deaths, len(PAUSES_SECONDS) - 1)]
        slot.deaths += 1
        is_fault = "signal" not in ending or "problem" in ending
        slot.has_failed = slot.has_failed or is_fault or slot.deaths >= MOST_KILLS
        slot.due_at = time.monotonic() + pause
        LOG.error("worker_died", worker=number, **ending, deaths_in_a_row=slot.deaths, pause_seconds=pause)
        if not self._has_served and all(each.has_failed for each in self._slots.values()):
            ended = f"exit code {ending['exit_code']}" if "exit_code" in ending else ending.get("signal")
            raise CannotServe(f"no worker starts ({ending.get('problem', ended)}): the log has more")

    def _replace_next(self, now: float) -> None:
        """Go on with what SIGHUP asked for: start a worker, and when it serves, stop the one in whose place it is."""
        if self._successor and self._successor.up_at is not None and now >= self._successor.up_at + SETTLING_SECONDS:
            slot = self._slots[self._successor.number]
            if slot.worker:
                slot.worker.terminate(self._patience)
                self._leaving.append(slot.worker)
            slot.worker, slot.due_at, self._successor = self._successor, math.inf, None
        while self._to_replace and not self._successor:
            number = self._to_replace.popleft()
            if self._slots[number].worker is None:
                self._fill(number)
                continue
            try:
                self._successor = self._start(number)
            except OSError as error:
                self._to_replace.clear()
                LOG.error("replacing_abandoned", worker=number, problem=error.strerror)

    def _stop(self) -> None:
        workers = self._workers()
        for worker in workers:
            worker.terminate(self._patience)
        deadline = time.monotonic() + self._patience
        while running := [worker for worker in workers if not worker.has_ended]:
            for worker in running:
                worker.has_reported()  # a report that nobody reads would end every wait at once
            if not wait([worker.reports for worker in running], max(0, deadline - time.monotonic())):
                for worker in running:
                    LOG.warning("worker_killed", worker=worker.number, seconds=self._patience)
                    worker.kill()
                    worker.process.wait()
        for worker in workers:
            LOG.info("worker_stopped", worker=worker.number, **worker.ending)
            worker.close()
