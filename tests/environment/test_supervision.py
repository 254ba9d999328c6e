"""Workers that are killed, a supervisor that is killed, sockets from elsewhere: the processes of a server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from tests.databases import SqliteFiles
from tests.drivers.processes import still_running
from tests.drivers.server import LiveServer, free_port
from tests.drivers.supervised import Supervised
from tests.patience import PATIENCE_SECONDS

KILLS_AFTER_SECONDS = (0.2, 0.5, 0.2, 0.2)
LAUNCHER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)
"""What systemd does: the socket becomes descriptor 3 of the program, whose process id a variable names."""

RELOADED_WHILE_IT_IMPORTS = """
import os, signal, sys
from app.__main__ import main
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what nohup starts ignores it
class Reload:
    def find_spec(self, name, *_):
        if name == "app.cli":
            os.kill(os.getpid(), signal.SIGHUP)
sys.meta_path.insert(0, Reload())
main()
"""


class UnixConnection(HTTPConnection):
    """HTTP through the Unix socket at a path, in the place of the host."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def can_listen(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def ask(connection: HTTPConnection, path: str = "/") -> str:
    connection.request("GET", path, headers={"Host": "localhost"})
    return connection.getresponse().read().decode()


def answer(connection: HTTPConnection) -> tuple[int, str, str | None]:
    """Process, client's address, and LISTEN_FDS, of the small application."""
    process, address, descriptors = json.loads(ask(connection))
    return process, address, descriptors


def answer_at(path: Path) -> tuple[int, str, str | None]:
    """The same, through the Unix socket there, on a connection of its own."""
    with closing(UnixConnection(str(path))) as connection:
        return answer(connection)


def test_a_worker_that_is_killed_again_and_again_comes_back_and_none_outlives_the_supervisor(tmp_path: Path) -> None:
    """◆ Meanwhile the other worker answers everything. What waits at a worker that is killed is lost with it.

    Fails when the service ends after a few deaths in a row, or does not replace a worker (`Supervisor._postpone`), and
    when a worker does not watch its supervisor (`app.server.worker`).
    """
    port = free_port()
    with Supervised(tmp_path, str(port)) as supervised:
        connection = HTTPConnection("127.0.0.1", port)
        other = answer(connection)[0]
        (victim,) = {number for number, pid in supervised.pids().items() if pid != other}
        for kill, seconds in enumerate(KILLS_AFTER_SECONDS, 1):
            os.kill(supervised.pids()[victim], signal.SIGKILL)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                assert answer(connection)[0] == other
            supervised.until_events("worker_serves", supervised.workers + kill)
        deaths_in_log = supervised.events("worker_died")
        assert [each["signal"] for each in deaths_in_log] == ["SIGKILL"] * len(KILLS_AFTER_SECONDS)
        assert [each["pause_seconds"] for each in deaths_in_log] == [0, 0.2, 0.5, 1]
        assert answer(connection)[0] == other
        connection.close()

        family = psutil.Process(supervised.process.pid).children(recursive=True)
        assert len(family) >= 2
        supervised.process.kill()
        supervised.process.wait()
        assert still_running(family, PATIENCE_SECONDS) == []
        supervised.until(lambda: can_listen(port))
    assert "Traceback" not in supervised.log()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that stands still is not told")
def test_a_worker_that_stands_still_does_not_outlive_the_supervisor_and_ignores_the_end_of_a_terminal(
    tmp_path: Path,
) -> None:
    """Fails without the signal that Linux sends when a parent ends: the worker could not see that its input closed."""
    port = free_port()
    with Supervised(tmp_path, str(port), 1) as supervised:
        (worker,) = psutil.Process(supervised.process.pid).children()
        worker.send_signal(signal.SIGHUP)
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            assert answer(connection)[0] == worker.pid
        worker.suspend()
        supervised.process.kill()
        supervised.process.wait()
        assert still_running([worker], PATIENCE_SECONDS) == []


def test_the_limit_of_open_files_is_as_high_as_it_may_be() -> None:
    limited = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, 256)); "
    raising = "from app.server import spawning as s; s.allow_many_files(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    shown = subprocess.run([sys.executable, "-c", limited + raising], check=True, capture_output=True, text=True)
    assert shown.stdout == "(256, 256)\n"


@pytest.mark.parametrize(("command", "exit_code"), [("serve", 0), ("user", -signal.SIGHUP)])
def test_a_reload_does_not_end_a_server_that_is_starting(command: str, exit_code: int) -> None:
    """From its first import on. The end of a terminal ends other commands."""
    ended = subprocess.run(
        [sys.executable, "-c", RELOADED_WHILE_IT_IMPORTS, command, "--help"], check=False, capture_output=True
    )
    assert ended.returncode == exit_code


@pytest.mark.parametrize("words", [("--help",), ("--no-such-option",), ()])
def test_a_server_that_refuses_to_start_leaves_no_process(words: tuple[str, ...], tmp_path: Path) -> None:
    """Fails when the first worker, which imports meanwhile, is not ended."""
    environment = os.environ | {"DAYPASS_INSTANCE": str(tmp_path / "missing")}
    server = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", *words],
        env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    server.communicate()
    with pytest.raises(ProcessLookupError):
        os.killpg(server.pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it has imported its modules")
def test_a_server_that_is_killed_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    environment = os.environ | {"DAYPASS_INSTANCE": str(tmp_path)}
    server = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=environment, stderr=subprocess.DEVNULL)
    started = psutil.Process(server.pid)
    while not (workers := started.children()):
        assert server.poll() is None
    server.kill()
    server.wait()
    assert still_running(workers, PATIENCE_SECONDS) == []


def test_a_server_ends_when_none_of_its_workers_ever_starts_and_says_why_in_one_line(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, str(tmp_path / "small.sock"))
    supervised.broken.touch()
    supervised.start()
    assert supervised.process.wait(PATIENCE_SECONDS) == 1
    lines = [line for line in supervised.log().splitlines() if not line.startswith("{")]
    assert lines == ["Error: no worker starts (RuntimeError: the file is there): the log has more"]
    assert not (tmp_path / "small.sock").exists()


def test_a_server_takes_the_socket_that_systemd_passes(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    path = tmp_path / "passed.sock"
    with socket.socket(socket.AF_UNIX) as passed, sqlite_files.fresh(tmp_path) as url:
        passed.bind(str(path))
        passed.listen()
        passed.set_inheritable(True)
        server = LiveServer(url, tmp_path, workers=1, LISTEN_FDS="1", DAYPASS_PORT="1")
        words = [sys.executable, "-c", LAUNCHER, str(passed.fileno()), sys.executable, "-m", "app", "serve"]
        with (tmp_path / "server.log").open("ab") as log:
            process = subprocess.Popen(
                words, env=server.environment, stdout=log, stderr=log, pass_fds=[passed.fileno()]
            )
        # From the first moment on: it waits in the queue.
        with closing(UnixConnection(str(path))) as connection:
            assert json.loads(ask(connection, "/readyz"))["ready"]
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert path.exists(), "it is systemd's"
    assert f"Daypass serves on unix:{path}" in server.log()
    assert f"Warning: Daypass listens on unix:{path} and does not trust its peers" in server.log()
    assert f"curl --unix-socket {path} http://localhost/" in server.log()


def test_a_worker_that_can_not_start_is_tried_again_and_sigterm_does_not_wait_for_the_pause(tmp_path: Path) -> None:
    with Supervised(tmp_path, str(tmp_path / "small.sock")) as supervised:
        supervised.broken.touch()
        victim = supervised.pids()[1]
        os.kill(victim, signal.SIGKILL)
        supervised.until_events("worker_died", 4)
        assert supervised.events("worker_died")[-1]["problem"] == "RuntimeError: the file is there"
        assert supervised.pids()[2] in answer_at(tmp_path / "small.sock")
        assert supervised.stop() == 0
        assert len(supervised.events("worker_died")) == 4
        assert not (tmp_path / "small.sock").exists()


def test_sighup_replaces_the_workers_one_by_one_unless_the_new_ones_can_not_start(tmp_path: Path) -> None:
    path = tmp_path / "small.sock"
    with Supervised(tmp_path, str(path)) as supervised:
        first = supervised.pids()
        supervised.broken.touch()
        supervised.process.send_signal(signal.SIGHUP)
        supervised.until_events("replacing_abandoned", 1)
        supervised.broken.unlink()
        assert answer_at(path)[0] in first.values()
        supervised.process.send_signal(signal.SIGHUP)
        while len(supervised.events("worker_stopped")) < 2:
            answer_at(path)  # nobody is refused meanwhile
        assert not set(first.values()) & set(supervised.pids().values())
        assert supervised.events("worker_died") == []
        assert supervised.stop() == 0


def test_as_process_1_of_a_container_it_obeys_sigterm_and_takes_orphans_away(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not make a process namespace (unshare --pid)")
    before = ("unshare", "--pid", "--fork", "--mount-proc")
    with Supervised(tmp_path, str(free_port()), 1, *before) as supervised:
        (init,) = psutil.Process(supervised.process.pid).children()
        orphan = "sh -c 'sleep 0.1 & exec true'"
        namespace = ["nsenter", f"--target={init.pid}", "--pid", "sh", "-c", orphan]
        subprocess.run(namespace, check=True)
        supervised.until(lambda: not [each for each in init.children() if each.name() in ("sleep", "sh")])
        init.terminate()
        assert supervised.process.wait(PATIENCE_SECONDS) == 0
