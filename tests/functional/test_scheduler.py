"""The jobs in real processes: in the server's supervisor, many schedulers at once, and beside checks."""

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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import requests
from sqlalchemy import func, insert, select

from app.domain.clock import system_clock
from app.domain.identity import User
from app.domain.tokens import TokenStatus
from app.jobs import JOBS
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, JobLeaseRow
from tests.databases import patient
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint
from tests.secrecy import secrets_in

PATIENCE_SECONDS = 30
SCHEDULERS = 2
OLD_ROWS = 4_000
"""As many to mark as expired, and as many to delete."""


@pytest.mark.both_databases
def test_many_schedulers_run_each_tick_once_and_exit_with_0_at_sigterm(
    live_server: LiveServer, database: Database
) -> None:
    """◆ Two `daypass scheduler` beside a server, whose supervisor is a third; no worker runs a job."""
    began = system_clock() - timedelta(seconds=PATIENCE_SECONDS)
    assert live_server.process is not None
    with ExitStack() as running:
        schedulers = [running.enter_context(_scheduler(live_server, number)) for number in range(SCHEDULERS)]
        _until(lambda: all(psutil.Process(each.pid).num_threads() > 1 for each, _ in schedulers))
        _until(lambda: len(_ended_runs(database)) == len(JOBS))
        time.sleep(0.5)  # one that came too late would run now
        pids = [live_server.process.pid, *(each.pid for each, _ in schedulers)]
        assert {lease.holder for lease in _ended_runs(database)} <= {f"{socket.gethostname()}:{pid}" for pid in pids}
        for each, _ in schedulers:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(PATIENCE_SECONDS) for each, _ in schedulers] == [0] * SCHEDULERS
    logs = [log.read_text() for _, log in schedulers]
    _assert_each_tick_ran_once(database, [live_server.log(), *logs], began)
    assert not any("Traceback" in log or secrets_in(log) for log in logs)


@pytest.fixture
def server_without_jobs(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(database_url, tmp_path, workers=1, DAYPASS_SCHEDULER="off") as server:
        yield server
    assert not secrets_in(server.log())


@pytest.mark.both_databases
def test_sweeping_and_purging_many_rows_fails_no_check_and_no_mint(
    server_without_jobs: LiveServer, services: Services, database: Database
) -> None:
    user = make_user(services)
    _plant_ended_tokens(database, user)
    refresh = [issue(services, user) for _ in range(2)]
    access = mint(services, refresh[0])
    assert _ended_runs(database) == [], "a server without a scheduler ran a job"
    stop = threading.Event()
    with ThreadPoolExecutor(3) as threads, requests.Session() as one, requests.Session() as two:
        clients = [Alation(server_without_jobs.url, session) for session in (one, two)]
        checks = [threads.submit(_repeat, stop, lambda it=it: it.use(access.secret)) for it in clients]
        mints = threads.submit(_repeat, stop, lambda: clients[0].mint(refresh[1].secret, user.id))
        try:
            swept = server_without_jobs.json("job", "run", "expire_tokens")
            purged = server_without_jobs.json("job", "run", "purge_tokens")
        finally:
            stop.set()
    assert (swept["rows"], purged["rows"]) == (OLD_ROWS, OLD_ROWS)
    assert _count(database, TokenStatus.EXPIRED) == OLD_ROWS
    for check in checks:
        assert set(check.result()) == {200}
        assert len(check.result()) > 50, "too few to have met the jobs"
    assert set(mints.result()) == {201}


def _repeat(stop: threading.Event, call: Callable[[], requests.Response]) -> list[int]:
    """Call until told to stop; the statuses."""
    statuses = []
    while not stop.is_set():
        statuses.append(call().status_code)
    return statuses


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


def _assert_each_tick_ran_once(database: Database, logs: list[str], began: datetime) -> None:
    """No more runs than intervals that began meanwhile, as the leases count them and as the logs tell."""
    ended = system_clock()
    for job in JOBS:
        runs = sum(_runs_told(log, job.name) for log in logs)
        (lease,) = [lease for lease in _ended_runs(database) if lease.job == job.name]
        seconds = job.every.total_seconds()
        ticks = int(ended.timestamp() // seconds) - int(began.timestamp() // seconds) + 1
        assert runs == lease.epoch <= ticks, job.name


def _runs_told(log: str, job: str) -> int:
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return sum(line["event"] == "job_ran" and line["job"] == job for line in lines)


def _ended_runs(database: Database) -> list[JobLeaseRow]:
    with database.reading() as session:
        return list(session.scalars(select(JobLeaseRow).where(JobLeaseRow.last_run_at.is_not(None))))


def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _plant_ended_tokens(database: Database, owner: User) -> None:
    """Access tokens whose time is over: some of them not marked yet, some long ago."""
    now = system_clock()
    ended = (TokenStatus.ACTIVE, now - timedelta(minutes=1)), (TokenStatus.EXPIRED, now - timedelta(days=100))
    with patient(database), database.transaction() as session:
        session.execute(
            insert(AccessTokenRow),
            [
                {
                    "public_id": f"{status[:2]}{number:010}", "uuid": str(uuid4()), "user_id": owner.id,
                    "generation": 0, "key_id": "k1", "mac": b"m" * 32, "status": status,
                    "created_at": expires_at - timedelta(hours=1), "expires_at": expires_at,
                }
                for status, expires_at in ended
                for number in range(OLD_ROWS)
            ],
        )  # fmt: skip


def _count(database: Database, status: TokenStatus) -> int:
    with database.reading() as session:
        query = select(func.count()).select_from(AccessTokenRow).where(AccessTokenRow.status == status)
        return session.scalar(query) or 0
