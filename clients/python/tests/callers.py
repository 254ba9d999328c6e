"""Scripts that share a refresh token for some time: they call a protected view from many threads, or revoke.

``python -m clients.python.tests.callers client|naive SECONDS THREADS``, or ``revoking SECONDS EVERY``, with
``DAYPASS_URL``, ``DAYPASS_REFRESH_TOKEN`` and ``DAYPASS_USER_ID`` in the environment. Each prints how often it saw
what: statuses, and the names of exceptions. Not here: starting many of them (``soak``).
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import requests

from daypass_client import DaypassError, Session

TIMEOUT_SECONDS = 60


def with_the_client(is_over: Callable[[], bool], seen: Counter[str]) -> None:
    """As the README says."""
    with Session() as session:
        while not is_over():
            try:
                seen[str(session.get("/api/v1/me", timeout=TIMEOUT_SECONDS).status_code)] += 1
            except (DaypassError, requests.RequestException) as error:
                seen[type(error).__name__] += 1


class Naive:
    """What every team writes: keep a token, send it, on a refusal mint another one and try once more."""

    def __init__(self) -> None:
        self.url = os.environ["DAYPASS_URL"]
        self.proof = {"refresh_token": os.environ["DAYPASS_REFRESH_TOKEN"], "user_id": os.environ["DAYPASS_USER_ID"]}
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


def by_hand(is_over: Callable[[], bool], seen: Counter[str]) -> None:
    """Each thread with a token of its own."""
    naive = Naive()
    while not is_over():
        try:
            seen[str(naive.call())] += 1
        except requests.RequestException as error:
            seen[type(error).__name__] += 1


def revoke(seconds: float, every: float) -> Counter[str]:
    """End the access token under the refresh token again and again."""
    naive, seen, ends = Naive(), Counter[str](), time.monotonic() + seconds
    while time.monotonic() + every < ends:
        time.sleep(every)
        url = f"{naive.url}/integration/v1/revokeAPIAccessTokens/"
        seen[str(naive.session.post(url, json=naive.proof, timeout=TIMEOUT_SECONDS).status_code)] += 1
    return seen


def crowd(kind: str, seconds: float, threads: int) -> Counter[str]:
    """So many threads of that kind of client."""
    ends = time.monotonic() + seconds
    each_saw: list[Counter[str]] = [Counter() for _ in range(threads)]
    call = {"client": with_the_client, "naive": by_hand}[kind]
    running = [threading.Thread(target=call, args=(lambda: time.monotonic() > ends, seen)) for seen in each_saw]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(each_saw, Counter())


def main(kind: str, seconds: str, number: str) -> None:
    done = revoke(float(seconds), float(number)) if kind == "revoking" else crowd(kind, float(seconds), int(number))
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
