"""A script of one machine: threads that call a protected view, until it is killed or its input ends.

``python -m clients.python.tests.rotation_callers FILE THREADS PART REPORT``: the settings' file, after which part of
the life of the refresh token it is due, and a file to which it appends what it saw, a JSON object a line.
"""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import requests

from daypass_client import DaypassAuth, DaypassError, Session

TIMEOUT_SECONDS = 60

REPORT_SECONDS = 0.2

PAUSE_SECONDS = 0.1
"""After a call that had no answer: a server that starts needs the processors, too."""


class Report:
    """Counts; what is not 200 is written at once, so that a kill hides none of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()
        self._calls = 0
        self._written_at = time.monotonic()

    def add(self, outcome: str, detail: str = "") -> None:
        with self._lock:
            self._calls += outcome == "200"
            if outcome != "200":
                self._file.write(json.dumps({"outcome": outcome, "times": 1, "detail": detail}) + "\n")
            if time.monotonic() - self._written_at >= REPORT_SECONDS:
                self.write()

    def write(self) -> None:
        self._file.write(json.dumps({"outcome": "200", "times": self._calls}) + "\n")
        self._calls, self._written_at = 0, time.monotonic()


def read_reports(folder: Path) -> tuple[Counter[str], list[str]]:
    """The counts of all reports in a folder, and what was said of those that are not 200."""
    seen, details = Counter[str](), list[str]()
    for path in sorted(folder.glob("*.report")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):  # the last one of a killed process may be cut short
                members = json.loads(line)
                seen[members["outcome"]] += members["times"]
                details += [f"{members['outcome']} {members['detail']}"] if "detail" in members else []
    return seen, details


def call_until(is_stopped: threading.Event, file: str, part: float, report: Report) -> None:
    session = Session(DaypassAuth(file=file, rotate=True, rotate_at=part))
    while not is_stopped.is_set():
        try:
            answer = session.get("/api/v1/me", timeout=TIMEOUT_SECONDS)
            report.add(str(answer.status_code), answer.text[:200] if answer.status_code != 200 else "")
        except requests.RequestException as error:  # the worker that had the call was killed
            report.add("no answer", str(error))
            time.sleep(PAUSE_SECONDS)
        except DaypassError as error:
            report.add(type(error).__name__, str(error))


def main(file: str, threads: str, part: str, report_path: str) -> None:
    report, is_stopped = Report(Path(report_path)), threading.Event()
    arguments = (is_stopped, file, float(part), report)
    callers = [threading.Thread(target=call_until, args=arguments, daemon=True) for _ in range(int(threads))]
    for each in callers:
        each.start()
    sys.stdin.read()
    is_stopped.set()
    for each in callers:
        each.join(TIMEOUT_SECONDS)
    report.write()


if __name__ == "__main__":
    main(*sys.argv[1:])
