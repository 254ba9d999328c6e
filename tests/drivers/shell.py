"""Shells whose ``daypass`` is forked from one process that has imported it, so that a command takes milliseconds.

A small program takes its place: it passes its words, folder, environment and open files over a Unix socket. Output,
exit codes and pipes are those of the command itself. Not for ``serve`` and ``scheduler``.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    socket.send_fds(line, [b"x"], [0, 1, 2])
    line.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    line.shutdown(socket.SHUT_WR)
    sys.exit(int(line.recv(16) or 70))
"""


class Shell:
    """`folder`: of the socket and of the program, ``bin/daypass``."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        address = folder / "forks"
        program = self.bin / "daypass"
        program.write_text(PROGRAM.format(python=sys.executable, address=str(address)))
        program.chmod(0o755)
        words = [sys.executable, "-m", "tests.drivers.shell", str(address)]
        self._server = subprocess.Popen(words, cwd=ROOT, env=clean(os.environ), stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self._server.stdout.readline()  # it listens

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.communicate(timeout=60)

    def run(self, script: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script in `folder` to its end, or to its first command that fails. Only the test's own time limit ends
        it: how long forty commands take says nothing about them."""
        path = f"{self.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
            env=clean(os.environ) | {"PATH": path, "HOME": str(folder)} | dict(environment),
        )  # fmt: skip


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the person who runs the tests."""
    return {name: value for name, value in environment.items() if not name.startswith("DAYPASS_")}


def _serve(address: str) -> None:
    from app.cli import command_line
    from app.factory import create_app

    command = command_line(create_app)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("listening", flush=True)
        while True:
            line, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                words = _become(line)
                try:
                    command(words, prog_name="daypass")
                except SystemExit as end:
                    line.sendall(str(end.code or 0).encode())
                os._exit(0)
            line.close()


def _become(line: socket.socket) -> list[str]:
    """Take over the files, the folder and the environment of the program that asks; its words."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(line, 1, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    with line.makefile("rb") as asked:
        words, folder, environment = json.loads(asked.read())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return list(words)


if __name__ == "__main__":
    _serve(sys.argv[1])
