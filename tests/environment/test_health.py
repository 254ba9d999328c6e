"""``/readyz``, the start, ``db check`` and ``doctor`` say what the service can really do, on machines where it can't.

As root, the service runs as another user (setpriv) on a tmpfs of a few MiB. Otherwise the tests lack the right for
both: then the files lose their write permission instead, and the test of the full disk says that it is skipped.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from app.http.context import parts
from config import Settings
from tests.databases import SqliteFiles, application, damage
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.factories import Refresh, issue, make_user

IS_ROOT = os.geteuid() == 0
OTHER_USER = 54321
OTHER = ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups",
         "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # fmt: skip
"""As that user, who may also read everything, and so run a Python that only root can reach; write, what is theirs."""

DISK_BYTES = 6 * 1024 * 1024


class Place:
    """Where the service runs: a folder of its user's on a small disk, with a server and a refresh token."""

    def __init__(self, folder: Path, files: SqliteFiles) -> None:
        self._folder = folder
        self.disk = folder / "disk"
        self.disk.mkdir()
        tmpfs = ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "none")
        self.is_mounted = IS_ROOT and _succeeds(*tmpfs, self.disk)
        with files.fresh(self.disk) as url:
            self.server = LiveServer(url, folder, workers=1, DAYPASS_SCHEDULER="off")
        self.refresh = self._refresh_token(url)
        if IS_ROOT:
            (self.disk / "daypass.db").chmod(0o600)
            for path in (folder, self.disk, *self.files):
                os.chown(path, OTHER_USER, OTHER_USER)
            self.server.run_as = OTHER

    def _refresh_token(self, url: str) -> Refresh:
        with application(Settings(instance=str(self._folder), database_url=url)) as app:
            services = parts(app).services
            return issue(services, make_user(services))

    @property
    def files(self) -> Sequence[Path]:
        return list(self.disk.glob("daypass.db*"))

    def close(self) -> None:
        self.server.stop()
        if self.is_mounted:
            assert _succeeds("umount", "--lazy", self.disk)
        shutil.rmtree(self._folder)

    def fill(self) -> None:
        if not self.is_mounted:
            pytest.skip("nobody may mount a disk here: tests/unit/storage/test_write_probe.py has a limit in its place")
        with (self.disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 4096):
                pass

    def free(self) -> None:
        (self.disk / "ballast").unlink()

    def processes(self) -> list[psutil.Process]:
        assert self.server.process is not None
        supervisor = psutil.Process(self.server.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def ready(self) -> tuple[int, str]:
        answer = requests.get(f"{self.server.url}/readyz", timeout=60)
        assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
        assert answer.json()["ready"] == (answer.status_code == 200)
        return answer.status_code, answer.json()["detail"] or ""

    def mint(self) -> requests.Response:
        with requests.Session() as session:
            return Alation(self.server.url, session).mint(self.refresh.secret, self.refresh.token.user_id)

    def checks(self, access: str) -> bool:
        answer = requests.get(f"{self.server.url}/auth/verify", headers={"TOKEN": access}, timeout=60)
        return answer.status_code == 200


@pytest.fixture(scope="module")
def place(sqlite_files: SqliteFiles) -> Iterator[Place]:
    """Not in pytest's folders, which only this user can enter."""
    place = Place(Path(tempfile.mkdtemp(prefix="daypass-health-")), sqlite_files)
    try:
        place.server.start()
        yield place
        assert "Traceback" not in place.server.log()
    finally:
        place.close()


def test_a_full_disk_is_not_ready_while_checks_go_on_and_ready_once_there_is_room(place: Place) -> None:
    """◆ Fails when the checks only read: `/readyz` was 200 then."""
    assert place.ready() == (200, "")
    access = place.mint().json()["api_access_token"]
    place.fill()
    try:
        while (answer := place.mint()).status_code == 201:  # there is some room in SQLite's files
            access = answer.json()["api_access_token"]
        assert answer.status_code == 503
        until(lambda: place.ready()[0] == 503)
        _, detail = place.ready()
        assert "the disk is full" in detail
        assert place.checks(access)
        assert "the disk is full" in refusal(place.server.command("db", "check"))
    finally:
        place.free()
    assert place.ready() == (200, "")
    assert place.mint().status_code == 201


def test_a_database_that_the_service_can_only_read_is_not_ready_and_refused_at_the_start(place: Place) -> None:
    access = place.mint().json()["api_access_token"]
    files = place.files
    for file in files:
        file.chmod(0o644 if IS_ROOT else 0o444)
        if IS_ROOT:
            os.chown(file, 0, 0)
    status, detail = place.ready()
    assert status == 503 and "can't write daypass.db" in detail and "chown" in detail
    assert place.checks(access)
    assert "daypass.db" in (line := refusal(place.server.command("serve"))) and "can't write" in line
    doctor = place.server.command("doctor", "--json")
    states = {each["finding"]: each["state"] for each in json.loads(doctor.stdout)}
    assert (doctor.returncode, states["files"], states["deployment"]) == (1, "problem", "ok")
    for file in files:
        file.chmod(0o600)
        if IS_ROOT:
            os.chown(file, OTHER_USER, OTHER_USER)
    assert place.ready() == (200, "")


def test_damage_is_found_after_a_server_was_killed(place: Place) -> None:
    """In the background: the server starts, and checks go on."""
    access = place.mint().json()["api_access_token"]
    for process in reversed(place.processes()):
        process.send_signal(signal.SIGKILL)
    place.server.process.wait()
    damage(place.disk / "daypass.db", "sessions")
    with (place.disk.parent / "server.log").open("ab") as log:
        words = [*place.server.run_as, sys.executable, "-m", "app", "serve"]
        place.server.process = subprocess.Popen(words, env=place.server.environment, stdout=log, stderr=log)
    until(lambda: "database_damaged" in place.server.log() and answers(place))
    status, detail = place.ready()
    assert status == 503 and "daypass.db is damaged: " in detail
    assert place.checks(access)


def answers(place: Place) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{place.server.url}/healthz", timeout=60).status_code == 200
    return False


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line of a command that was refused."""
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def until(is_true: Callable[[], bool], most_seconds: float = 60) -> None:
    deadline = time.monotonic() + most_seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
