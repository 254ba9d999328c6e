"""A script that calls a protected view from many threads with one refresh token, until its input ends.

``python -m clients.python.tests.callers client|naive THREADS``, with ``DAYPASS_URL``, ``DAYPASS_REFRESH_TOKEN`` and
``DAYPASS_USER_ID`` in the environment. It prints a line when each thread has called once, and at the end a count of
each status and exception.
"""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable

import requests

from daypass_client import DaypassError, Session

TIMEOUT_SECONDS = 60


def client_caller() -> Callable[[], int]:
    """A caller with the session of the README."""
    session = Session()
    return lambda: session.get("/api/v1/me", timeout=TIMEOUT_SECONDS).status_code


class Naive:
    """A simple client: keep a token, send it; on a refusal mint another and repeat the call once."""

    def __init__(self, url: str, refresh_token: str, user_id: int) -> None:
        self.url = url
        self.proof = {"refresh_token": refresh_token, "user_id": user_id}
        self.session = requests.Session()
        self.token = ""

    def mint(self) -> None:
        minted = self.session.post(
            f"{self.url}/integration/v1/createAPIAccessToken/", json=self.proof, timeout=TIMEOUT_SECONDS
        )
        minted.raise_for_status()
        self.token = minted.json()["api_access_token"]

    def send(self) -> int:
        headers = {"TOKEN": self.token}
        return self.session.get(f"{self.url}/api/v1/me", headers=headers, timeout=TIMEOUT_SECONDS).status_code

    def call(self) -> int:
        if not self.token:
            self.mint()
        status = self.send()
        if status in (401, 403):
            self.mint()
            status = self.send()
        return status


def naive_caller() -> Callable[[], int]:
    """A caller with its own token."""
    variables = os.environ
    return Naive(variables["DAYPASS_URL"], variables["DAYPASS_REFRESH_TOKEN"], int(variables["DAYPASS_USER_ID"])).call


class Crowd:
    """Many threads with one kind of caller."""

    def __init__(self, make_caller: Callable[[], Callable[[], int]], threads: int) -> None:
        self._make_caller = make_caller
        self._all_started = threading.Barrier(threads + 1)
        self._is_stopped = threading.Event()
        self._counts: list[Counter[str]] = [Counter() for _ in range(threads)]
        self._threads = [threading.Thread(target=self._call, args=(seen,)) for seen in self._counts]

    def start(self) -> None:
        """Start the threads; wait until each has called once."""
        for thread in self._threads:
            thread.start()
        self._all_started.wait(2 * TIMEOUT_SECONDS)

    def stop(self) -> Counter[str]:
        self._is_stopped.set()
        for thread in self._threads:
            thread.join()
        return sum(self._counts, Counter())

    def _call(self, seen: Counter[str]) -> None:
        call = self._make_caller()
        self._call_once(call, seen)
        self._all_started.wait(2 * TIMEOUT_SECONDS)
        while not self._is_stopped.is_set():
            self._call_once(call, seen)

    def _call_once(self, call: Callable[[], int], seen: Counter[str]) -> None:
        try:
            seen[str(call())] += 1
        except (DaypassError, requests.RequestException) as error:
            seen[type(error).__name__] += 1


def main(kind: str, threads: str) -> None:
    crowd = Crowd({"client": client_caller, "naive": naive_caller}[kind], int(threads))
    crowd.start()
    print("started", flush=True)
    sys.stdin.read()
    print(json.dumps(crowd.stop()))


if __name__ == "__main__":
    main(*sys.argv[1:])
