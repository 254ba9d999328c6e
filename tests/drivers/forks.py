"""Commands as processes of their own, forked by one that has imported Daypass: they start in milliseconds.

A process that the test kills is really gone, as with ``kill -9`` of ``daypass``.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Ended(NamedTuple):
    """A process that ended: its exit code (negative: the signal), and what it printed."""

    code: int
    stdout: str
    stderr: str


class Running:
    """A forked process."""

    def __init__(self, forks: "Forks", pid: int) -> None:
        self._forks = forks
        self.pid = pid

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, signal.SIGKILL)

    def wait_for(self, text: str, most_seconds: float = 60) -> None:
        """Until it has printed that."""
        deadline = time.monotonic() + most_seconds
        while text not in self._forks.printed("stdout"):
            assert time.monotonic() < deadline, self._forks.printed("stderr")
            time.sleep(0.005)

    def ended(self) -> Ended:
        """Once it has."""
        code = json.loads(self._forks.read_line())
        return Ended(code, self._forks.printed("stdout"), self._forks.printed("stderr"))


class Forks:
    """Runs one process at a time. `environment`: of all of them, besides what each is given."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.drivers.forks", str(folder)],
            cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()

    def start(self, *words: str, largest_file: int | None = None, **environment: str) -> Running:
        """Start `daypass` with these words, or ``main()`` of a module of the tests.

        `largest_file`: the bytes at which writing to a file fails.
        """
        assert self._server.stdin is not None
        for name in ("stdout", "stderr"):
            (self._folder / name).write_text("")
        request = {"words": words, "largest_file": largest_file, "environment": self.environment | environment}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Running(self, int(self.read_line()))

    def run(self, *words: str, largest_file: int | None = None, **environment: str) -> Ended:
        """Run `daypass` with these words to its end, which must not be a traceback."""
        ended = self.start(*words, largest_file=largest_file, **environment).ended()
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    def refusal(self, *words: str, largest_file: int | None = None, **environment: str) -> str:
        """The one line of a command that must be refused."""
        ended = self.run(*words, largest_file=largest_file, **environment)
        assert ended.code == 1, ended
        (line,) = ended.stderr.splitlines()
        return line.removeprefix("Error: ")

    def printed(self, name: str) -> str:
        return (self._folder / name).read_text(errors="replace")

    def read_line(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


def _serve(folder: Path) -> None:
    from app.cli import command_line
    from app.factory import create_app

    command = command_line(create_app)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(folder, request)
            if request["words"][0].startswith("tests."):
                importlib.import_module(request["words"][0]).main()
            command(request["words"])
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(folder: Path, request: dict[str, Any]) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        target = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(target, number)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.environ.update(request["environment"])
    if request["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
