"""A script that calls a protected view from many threads, all with one refresh token, until its input ends.

``python -m clients.python.tests.callers client|naive THREADS``, with ``DAYPASS_URL``, ``DAYPASS_REFRESH_TOKEN`` and
``DAYPASS_USER_ID`` in the environment. It prints a line when each thread has called once, and at the end how often it
saw what: statuses, and the names of exceptions.
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


def with_the_client() -> Callable[[], int]:
    """As the README says."""
    session = Session()
    return lambda: session.get("/api/v1/me", timeout=TIMEOUT_SECONDS).status_code


class Naive:
    """What every team writes: keep a token, send it, on a refusal mint another one and try once more."""

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


def by_hand() -> Callable[[], int]:
    """Each thread with a token of its own."""
    words = os.environ
    return Naive(words["DAYPASS_URL"], words["DAYPASS_REFRESH_TOKEN"], int(words["DAYPASS_USER_ID"])).call


class Crowd:
    """So many threads of one kind of caller."""

    def __init__(self, make_caller: Callable[[], Callable[[], int]], threads: int) -> None:
        self._make_caller = make_caller
        self._all_began = threading.Barrier(threads + 1)
        self._is_over = threading.Event()
        self._each_saw: list[Counter[str]] = [Counter() for _ in range(threads)]
        self._threads = [threading.Thread(target=self._call, args=(seen,)) for seen in self._each_saw]

    def begin(self) -> None:
        """Until each thread has called once."""
        for thread in self._threads:
            thread.start()
        self._all_began.wait(2 * TIMEOUT_SECONDS)

    def end(self) -> Counter[str]:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return sum(self._each_saw, Counter())

    def _call(self, seen: Counter[str]) -> None:
        call = self._make_caller()
        self._call_once(call, seen)
        self._all_began.wait(2 * TIMEOUT_SECONDS)
        while not self._is_over.is_set():
            self._call_once(call, seen)

    def _call_once(self, call: Callable[[], int], seen: Counter[str]) -> None:
        try:
            seen[str(call())] += 1
        except (DaypassError, requests.RequestException) as error:
            seen[type(error).__name__] += 1


def main(kind: str, threads: str) -> None:
    crowd = Crowd({"client": with_the_client, "naive": by_hand}[kind], int(threads))
    crowd.begin()
    print("begun", flush=True)
    sys.stdin.read()
    print(json.dumps(crowd.end()))


if __name__ == "__main__":
    main(*sys.argv[1:])
