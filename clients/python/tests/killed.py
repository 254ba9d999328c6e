"""A rotation that is killed at each of its lines, in a forked process with SIGKILL.

``python -m clients.python.tests.killed MODULES VISITS``: names of files, separated by commas, and how often a line of
them counts. The settings of a refresh token that rotates are in the environment; the place is in the folder
``DAYPASS_TEST_FOLDER``. After each kill, a fresh process must find a secret that mints, and rotate. It prints how many
lines there are, and exits with 1 at the first that breaks this.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import requests

from daypass_client.settings import Options
from daypass_client.tokens import TokenSource

DUE: Options = {"rotate": True, "rotate_at": -1.0}
"""Always: the server's times are whole seconds, so that 0 may be a second late."""

DONE, BROKEN = 0, 1


class Killer:
    """Kills its process at the `number`-th line of these files that is executed; each counts so often (`visits`)."""

    def __init__(self, names: set[str], number: int, visits: int) -> None:
        self._names = names
        self._left = number
        self._visits = visits
        self._seen = Counter[tuple[str, int]]()

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        path = frame.f_code.co_filename
        if path.rpartition("/")[2] not in self._names:
            return None
        place = (path, frame.f_lineno)
        self._seen[place] += event == "line"
        if event == "line" and self._seen[place] <= self._visits:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def started() -> TokenSource:
    """What a process has that has just started; from the file that a command stores to, if one does."""
    if "DAYPASS_ROTATE_COMMAND" in os.environ:
        stored = Path(os.environ["DAYPASS_TEST_FOLDER"], "stored")
        os.environ["DAYPASS_REFRESH_TOKEN"] = stored.read_text(encoding="ascii")
    return TokenSource(DUE)


def rotate_until_killed(names: set[str], number: int, visits: int) -> int:
    source = started()
    sys.settrace(Killer(names, number, visits).trace)
    source.token()
    sys.settrace(None)
    return DONE


def go_on(before: str) -> int:
    """Rotate once more, and have the new secret in the place."""
    source = started()
    source.rotate(only_if_due=False)
    return DONE if started().refresh_token == source.refresh_token != before else BROKEN


class Examiner:
    """Examines what is left after each kill; a rotation follows where that is not as it was before the kill."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._url = os.environ["DAYPASS_URL"] + "/api/v1/access-tokens"
        self._left: object = None

    def works(self) -> bool:
        """Whether the secret in the place mints, and a rotation succeeds."""
        secret = str(started().refresh_token)
        minted = self._session.post(self._url, json={"refresh_token": secret}, timeout=60)
        if minted.status_code != 201:
            print(minted.text, file=sys.stderr)
            return False
        left = (secret, "old_secret_until" in minted.json(), _files())
        if left == self._left:
            return True
        if forked(go_on, secret) != DONE:
            return False
        self._left = (str(started().refresh_token), False, _files())
        return True


def _files() -> dict[str, bytes]:
    folder = Path(os.environ["DAYPASS_TEST_FOLDER"])
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def forked(act: Any, *arguments: object) -> int:
    """What a child that does this ends with: an exit code, or minus a signal."""
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            code = act(*arguments)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(modules: str, visits: str = "1") -> None:
    names, number, examiner = set(modules.split(",")), 0, Examiner()
    if not examiner.works():
        sys.exit("broken before any kill")
    while True:
        number += 1
        ended = forked(rotate_until_killed, names, number, int(visits))
        if ended == DONE:
            break
        if ended != -signal.SIGKILL or not examiner.works():
            sys.exit(f"broken at line {number} ({ended})")
    print(number - 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
