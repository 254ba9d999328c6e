"""The jobs in real processes: in the server's supervisor, many schedulers at once, and beside checks.

On SQLite, where processes meet in the file; on PostgreSQL a process is one more connection (``tests/unit/storage``).
"""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import requests
from sqlalchemy import func, insert, select

from app.domain.clock import system_clock
from app.domain.tokens import TokenStatus
from app.jobs import JOBS
from app.services import Services
from app.storage.database import Database
from app.storage.operating_tables import JobLeaseRow
from app.storage.tables import AccessTokenRow
from tests.databases import patient
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint
from tests.patience import PATIENCE_SECONDS
from tests.secrecy import secrets_in

SCHEDULERS = 2
OLD_ROWS = 2_500
"""As many to mark as expired, and as many to delete: three batches of each."""


def test_many_schedulers_run_each_tick_once_and_exit_with_0_at_sigterm(
    database_url: str, tmp_path: Path, database: Database
) -> None:
    """◆ Two `daypass scheduler` beside a server, whose supervisor is a third; no worker runs a job."""
    began = system_clock() - timedelta(seconds=PATIENCE_SECONDS)
    with LiveServer(database_url, tmp_path, workers=1) as server, ExitStack() as running:
        assert server.process is not None
        schedulers = [running.enter_context(_scheduler(server, number)) for number in range(SCHEDULERS)]
        _until(lambda: all(psutil.Process(each.pid).num_threads() > 1 for each, _ in schedulers))
        _until(lambda: len(_ended_runs(database)) == len(JOBS))
        time.sleep(0.5)  # one that came too late would run now
        pids = [server.process.pid, *(each.pid for each, _ in schedulers)]
        assert {lease.holder for lease in _ended_runs(database)} <= {f"{socket.gethostname()}:{pid}" for pid in pids}
        for each, _ in schedulers:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(PATIENCE_SECONDS) for each, _ in schedulers] == [0] * SCHEDULERS
    ended = system_clock()
    logs = [server.log(), *(log.read_text() for _, log in schedulers)]
    assert not any("Traceback" in log or secrets_in(log) for log in logs)
    lines = [json.loads(line) for log in logs for line in log.splitlines() if line.startswith("{")]
    for job, lease in zip(sorted(JOBS, key=lambda job: job.name), _ended_runs(database), strict=True):
        seconds = job.every.total_seconds()
        ticks = int(ended.timestamp() // seconds) - int(began.timestamp() // seconds) + 1
        logged = [line for line in lines if line["event"] == "job_ran" and line["job"] == job.name]
        assert len(logged) == lease.epoch <= ticks, job.name


@contextmanager
def _scheduler(server: LiveServer, number: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`daypass scheduler` on that instance, with its log."""
    log = server.folder / f"scheduler-{number}.log"
    command = [sys.executable, "-m", "app", "scheduler"]
    with log.open("wb") as file, subprocess.Popen(command, env=server.environment, stdout=file, stderr=file) as process:
        try:
            yield process, log
        finally:
            process.kill()


def _ended_runs(database: Database) -> list[JobLeaseRow]:
    """In order of the jobs' names."""
    with database.reading() as session:
        query = select(JobLeaseRow).where(JobLeaseRow.last_run_at.is_not(None)).order_by(JobLeaseRow.job)
        return list(session.scalars(query))


def test_sweeping_and_purging_many_rows_fails_no_check_and_no_mint(
    database_url: str, tmp_path: Path, services: Services, database: Database
) -> None:
    user = make_user(services)
    _plant_ended_tokens(database, user.id)
    refresh = [issue(services, user) for _ in range(2)]
    access = mint(services, refresh[0])
    stop = threading.Event()

    def repeat(call: Callable[[], requests.Response]) -> list[int]:
        statuses = []
        while not stop.is_set():
            statuses.append(call().status_code)
            time.sleep(0.005)
        return statuses

    with (
        LiveServer(database_url, tmp_path, workers=1, DAYPASS_SCHEDULER="off") as server,
        ThreadPoolExecutor(2) as threads,
        requests.Session() as one,
        requests.Session() as another,
    ):
        assert _ended_runs(database) == [], "a server without a scheduler ran a job"
        checks = threads.submit(repeat, lambda: Alation(server.url, one).use(access.secret))
        mints = threads.submit(repeat, lambda: Alation(server.url, another).mint(refresh[1].secret, user.id))
        try:
            swept, purged = (server.json("job", "run", job)["rows"] for job in ("expire_tokens", "purge_tokens"))
        finally:
            stop.set()
    with database.reading() as session:
        expired = select(func.count()).where(AccessTokenRow.status == TokenStatus.EXPIRED)
        assert (swept, purged, session.scalar(expired)) == (OLD_ROWS,) * 3
    assert len(checks.result()) > 50, "too few to have met the jobs"
    assert (set(checks.result()), set(mints.result())) == ({200}, {201})


def _plant_ended_tokens(database: Database, user_id: int) -> None:
    now = system_clock()
    ended = ((TokenStatus.ACTIVE, now - timedelta(minutes=1)), (TokenStatus.EXPIRED, now - timedelta(days=100)))
    with patient(database), database.transaction() as session:
        session.execute(
            insert(AccessTokenRow),
            [
                {
                    "public_id": f"{status[:2]}{number:010}", "uuid": str(uuid4()), "user_id": user_id,
                    "generation": 0, "key_id": "k1", "mac": b"m" * 32, "status": status,
                    "created_at": expires_at - timedelta(hours=1), "expires_at": expires_at,
                }
                for status, expires_at in ended
                for number in range(OLD_ROWS)
            ],
        )  # fmt: skip


def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
