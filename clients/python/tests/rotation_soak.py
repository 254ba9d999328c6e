"""Two machines' worth of processes with one refresh token, which is rotated every five seconds: ``make rotation-soak``.

Each machine has a cache and a copy of the settings' file of its own. Clients and workers of the server are killed at
random with SIGKILL. Prints a table, and exits with 1 if a call was refused or a machine lost its credential. Before, a
client is killed at every line of its rotation.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
import requests

from app.domain.policy import Reissue
from app.domain.tokens import Issued, RefreshToken
from app.factory import create_app
from app.http.context import parts
from app.server.socket_holders import WORKER_NAME
from app.services import Services
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from clients.python.tests import processes
from clients.python.tests.rotation_callers import read_reports
from config import Settings
from tests.databases import KEYS, SqliteFiles
from tests.drivers.server import LiveServer
from tests.factories import configure, issue, make_user

EVERY_SECONDS = 5.0
MOST_TOLD = 20
"""Of the kinds of outcomes that are not 200."""

LIFE_SECONDS = timedelta(days=60).total_seconds()

CLIENT_KILL_SECONDS, WORKER_KILL_SECONDS = 2.0, 15.0

CALLS = "clients.python.tests.rotation_callers"

MODULES = sorted(
    each.name
    for each in (Path(__file__).parent.parent / "src/daypass_client").glob("*.py")
    if each.name not in ("httpx_auth.py", "requests_auth.py", "command.py")
)


@dataclass
class Machine:
    """Processes with a cache and a copy of the file of their own."""

    folder: Path
    processes: int
    threads: int
    part: float
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0

    @property
    def file(self) -> Path:
        return self.folder / "daypass.env"

    def prepare(self, url: str, refresh: Issued[RefreshToken]) -> None:
        self.folder.mkdir()
        self.file.write_text(f"DAYPASS_URL={url}\nDAYPASS_REFRESH_TOKEN={refresh.secret}\n")
        self.file.chmod(0o600)
        for _ in range(self.processes):
            self.start_one()

    def start_one(self) -> None:
        self.started += 1
        report = self.folder / f"{self.started}.report"
        words = [sys.executable, "-m", CALLS, str(self.file), str(self.threads), repr(self.part), str(report)]
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
        log = (self.folder / "log").open("ab")
        self.running.append(subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stderr=log))
        log.close()

    def kill_one(self) -> None:
        """The one that has run for longest, and start another."""
        victim = self.running.pop(0)
        victim.kill()
        victim.wait()
        self.start_one()

    def stop(self) -> None:
        for each in self.running:
            each.communicate(timeout=120)  # its input ends

    def has_credential(self, url: str) -> bool:
        secret = self.file.read_text().partition("REFRESH_TOKEN=")[2].strip()
        proof = {"refresh_token": secret}
        return requests.post(f"{url}/api/v1/access-tokens", json=proof, timeout=60).status_code == 201


def kill_worker(server: LiveServer, kills: int) -> bool:
    """Whether one was killed: only where another serves, for that no call is refused is promised of two."""
    assert server.process is not None
    if server.log().count("Started worker") < int(server.environment["DAYPASS_WORKERS"]) + kills:
        return False
    for process in psutil.Process(server.process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if WORKER_NAME in process.cmdline():
                process.kill()
                return True
    return False


def disturb(server: LiveServer, machines: list[Machine], seconds: float) -> tuple[int, int]:
    """Kill clients and workers for that long; how many of each."""
    end, clients, workers = time.monotonic() + seconds, 0, 0
    next_worker = time.monotonic() + WORKER_KILL_SECONDS
    while time.monotonic() < end:
        time.sleep(random.uniform(0.5, 1.5) * CLIENT_KILL_SECONDS)
        machines[clients % len(machines)].kill_one()
        clients += 1
        if time.monotonic() >= next_worker:
            workers += kill_worker(server, workers)
            next_worker += WORKER_KILL_SECONDS
    return clients, workers


def run(server: LiveServer, services: Services, database: Database, folder: Path, seconds: float) -> tuple[str, bool]:
    """A line of the table, and whether nothing was refused or lost."""
    refresh = issue(services, make_user(services), "shared", Reissue.REUSE)
    machines = [Machine(folder / name, 3, 4, EVERY_SECONDS / LIFE_SECONDS) for name in ("one", "two")]
    for machine in machines:
        machine.prepare(server.url, refresh)
    clients, workers = disturb(server, machines, seconds)
    seen, details = Counter[str](), list[str]()
    for machine in machines:
        machine.stop()
        counts, more = read_reports(machine.folder)
        seen += counts
        details += more
    for line, times in Counter(details).most_common(MOST_TOLD):
        print(f"{times} x {line}", file=sys.stderr)
    with database.reading() as session:
        rotations = session.get_one(RefreshTokenRow, refresh.token.id).secret_number
    lost = sum(not machine.has_credential(server.url) for machine in machines)
    refused = seen.total() - seen["200"] - seen["no answer"]
    cells = (f"{seconds:.0f} s", rotations, f"{seen['200']:,}", refused, clients, workers, seen["no answer"], lost)
    return "| " + " | ".join(map(str, cells)) + " |", not refused and not lost


def kill_at_each_line(server: LiveServer, services: Services, folder: Path) -> str:
    """How many lines there are; fails at the first after which a credential is lost."""
    folder.mkdir()
    file = folder / "daypass.env"
    file.write_text(f"DAYPASS_REFRESH_TOKEN={issue(services, make_user(services)).secret}\n")
    file.chmod(0o600)
    return processes.run(
        f"from clients.python.tests.killed import main; main({','.join(MODULES)!r})",
        DAYPASS_URL=server.url, DAYPASS_FILE=str(file), DAYPASS_ROTATE="true", DAYPASS_TEST_FOLDER=str(folder),
        XDG_CACHE_HOME=str(folder / "cache"), patience=600,
    ).strip()  # fmt: skip


def main(seconds: float) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(SqliteFiles(folder).fresh(folder))
        server = stack.enter_context(LiveServer(url, folder))
        app = create_app(Settings(instance=str(folder), database_url=url, log_level="ERROR"), KEYS)
        services, database = parts(app).services, app.extensions["daypass_database"]
        stack.callback(services.close)
        configure(services, regenerations_per_hour=10_000, mints_per_hour=100_000)
        print(f"killed at each of {kill_at_each_line(server, services, folder / 'killed')} lines: nothing lost\n")
        print(
            "two machines, 3 processes x 4 threads each, a rotation every 5 s; SQLite, two workers\n\n"
            "| time | rotations | calls | refused | clients killed | workers killed | calls that this cut | lost |\n"
            "|---|---|---|---|---|---|---|---|",
            flush=True,
        )
        line, is_good = run(server, services, database, folder, seconds)
        print(line)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main(float(sys.argv[1]))
