"""Commands as another user of the machine, in a process that root starts and that becomes that user.

As a module it is that process: everything is imported before the change, because the other user may not be able to read
the folders of Python and of the tests. It forks for each command, which costs a tenth of a start.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

KEEP = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")


class Ended(NamedTuple):
    """How a command ended. `traceback`: of an exception that left it."""

    code: int
    out: str
    err: str
    traceback: str = ""


class OtherUsers:
    """Runs commands with any user, groups and umask. Needs root; a process for all of them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name in KEEP},
        )  # fmt: skip

    def run(self, ids: Sequence[int], words: str, umask: int = 0o022, **settings: str | Path) -> Ended:
        """Run a command with `ids` (user, group and further groups) and only these ``DAYPASS_*`` settings."""
        environment = {f"DAYPASS_{name.upper()}": str(value) for name, value in settings.items()}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([ids, words.split(), umask, environment]) + "\n")
        self._process.stdin.flush()
        ended = Ended(*json.loads(self._process.stdout.readline()))
        assert not ended.traceback, ended.traceback
        return ended

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def _import_all() -> None:
    """Also what is only imported when it is needed."""
    from app.cli.late_commands import MODULES, find_command

    for name in MODULES:
        find_command(name)
    with tempfile.TemporaryDirectory() as folder:
        _invoke(["init"], {"DAYPASS_INSTANCE": folder})


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        ids, words, umask, environment = json.loads(line)
        read, write = os.pipe()
        if os.fork() == 0:
            (user, group), others = ids[:2], ids[2:]
            os.umask(umask)
            os.setgroups(others)
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
            with os.fdopen(write, "w") as pipe:
                json.dump(_invoke(words, environment), pipe)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            print(pipe.read(), flush=True)
        os.wait()


def _invoke(words: list[str], environment: dict[str, str]) -> Ended:
    from app.cli import command_line
    from app.factory import create_app

    environment = {"DAYPASS_BCRYPT_COST": "10"} | environment
    ended = CliRunner().invoke(command_line(create_app), words, env=environment)
    trace = ""
    if ended.exc_info is not None and not issubclass(ended.exc_info[0], SystemExit):
        trace = "".join(traceback.format_exception(*ended.exc_info))
    return Ended(ended.exit_code, ended.stdout, ended.stderr, trace)


if __name__ == "__main__":
    _serve()
