"""Wrong guesses at one account from many networks, while its owner signs in: ``make sign-in-attack``.

Prints for each database how many guesses were compared with the password, how long the owner waited, and how many rows
the attack left; exits with 1 if the owner was refused, or more guesses were compared than an account admits in a day.
"""

import argparse
import http.client
import json
import math
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median

import requests
from sqlalchemy import func, select

from app.http.context import parts
from app.services.throttling import ACCOUNT_LIMIT
from app.storage.database import Database
from app.storage.operating_tables import LoginThrottleRow
from config import Settings
from tests.databases import KINDS_OF_DATABASE, application, connected, separate_database
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, make_user
from tests.secrecy import PASSWORD_MARK

OWNER = "anna"
HOME = "192.0.2.10"
BUSY_SECONDS = 0.1
PATH = "/integration/v1/createRefreshToken/"
MOST_TRIES = 5
TRUSTING = {"DAYPASS_TRUSTED_PROXIES": "127.0.0.1"}
"""The server believes what each request says about its client's address."""


def network(number: int) -> str:
    """An address in the network of that number: /24 of IPv4, every third one /64 of IPv6."""
    return f"2001:db8:{number:x}::7" if number % 3 == 0 else f"10.{number // 256}.{number % 256}.7"


@dataclass
class Waits:
    """Seconds of the owner's sign-ins at one kind of place, and their answers."""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    def __str__(self) -> str:
        if not self.seconds:
            return "none"
        p50, most = (1000 * each for each in (median(self.seconds), max(self.seconds)))
        return f"{len(self.seconds)} sign-ins, p50 {p50:.0f} ms, most {most:.0f} ms, answers {dict(self.answers)}"


class Owner:
    """Signs in as people and programs do; `waits`: by the kind of place."""

    def __init__(self, server: LiveServer) -> None:
        self._url = server.url
        self._browser = requests.Session()
        self.waits = {"known device": Waits(), "known network": Waits(), "new place": Waits()}

    def on_device(self, address: str) -> int:
        """On the pages, in a browser that keeps its cookies, signed out before."""
        headers = {"X-Forwarded-For": address}
        self._browser.cookies.pop("daypass", None)
        token = re.search(r'name="form_token" value="([^"]+)"', self._browser.get(f"{self._url}/login").text)
        assert token is not None
        fields = {"username": OWNER, "password": PASSWORD, "form_token": token[1]}
        return self._wait("known device", lambda: self._browser.post(
            f"{self._url}/login", fields, headers=headers, allow_redirects=False, timeout=60))  # fmt: skip

    def in_network(self, address: str, kind: str = "known network") -> int:
        """As a program that signs in each time."""
        body = {"username": OWNER, "password": PASSWORD, "name": "nightly-etl"}
        headers = {"X-Forwarded-For": address}
        return self._wait(kind, lambda: requests.post(f"{self._url}{PATH}", json=body, headers=headers, timeout=60))

    def is_signed_in(self) -> bool:
        """Whether the session in the browser still works."""
        return self._browser.get(f"{self._url}/account/auth", allow_redirects=False, timeout=60).status_code == 200

    def _wait(self, kind: str, ask: Callable[[], requests.Response]) -> int:
        """Again, as clients do, where the machine is too slow for a place in time (503); after no other refusal."""
        began, waits, status = time.monotonic(), self.waits[kind], 503
        for _ in range(MOST_TRIES):
            if status == 503:
                status = ask().status_code
                waits.answers[status] += 1
        waits.seconds.append(time.monotonic() - began)
        return status


class Attack:
    """`guesses` wrong guesses, in turn from so many networks, `at_once` at the same time.

    One for which there is no place is sent again. `answers`: by status.
    """

    def __init__(self, server: LiveServer, networks: int, guesses: int, at_once: int = 16) -> None:
        self._port = server.port
        self._networks = networks
        self._left = iter(range(guesses))
        self._lock = threading.Lock()
        self._at_once = at_once
        self.answers: Counter[int] = Counter()

    def run(self) -> None:
        with ThreadPoolExecutor(self._at_once) as threads:
            for each in [threads.submit(self._guess) for _ in range(self._at_once)]:
                self.answers += each.result()

    def _guess(self) -> Counter[int]:
        answers: Counter[int] = Counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while (number := self._next()) is not None:
            guess = {"username": OWNER, "password": f"{PASSWORD_MARK}-guess-{number}", "name": "x"}
            headers = {"Content-Type": "application/json", "X-Forwarded-For": network(number % self._networks)}
            status = 503
            while status == 503:
                connection.request("POST", PATH, json.dumps(guess), headers)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
                answers[status] += 1
                time.sleep(BUSY_SECONDS if status == 503 else 0)
        connection.close()
        return answers

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)


def attacked(attack: Attack, owner: Owner, most: float = math.inf) -> None:
    """The attack, while the owner signs in on the known device from new networks, and in the known network.

    `most`: so often. AssertionError where one of these is refused.
    """
    with ThreadPoolExecutor(1) as threads:
        running, number = threads.submit(attack.run), 0
        while not running.done() and number < most:
            signed_in = owner.on_device(network(60_000 + number)), owner.in_network(HOME)
            assert signed_in == (303, 201), signed_in
            number += 1
        running.result()


def rows_of(database: Database) -> int:
    """The counters of sign-ins."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(LoginThrottleRow)) or 0


def main() -> int:
    """Attack a server on each database."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.sign_in_attack", description=__doc__)
    parser.add_argument("--guesses", type=int, default=10_000, help="(default %(default)s)")
    parser.add_argument("--networks", type=int, default=500, help="(default %(default)s)")
    parser.add_argument("--at-once", type=int, default=32, help="(default %(default)s)")
    parser.add_argument("--cost", default="12", help="of bcrypt (default %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=KINDS_OF_DATABASE, default=KINDS_OF_DATABASE)
    options = parser.parse_args()
    return max([_measure(kind, options) for kind in options.databases])


def _measure(kind: str, options: argparse.Namespace) -> int:
    with separate_database(kind) as (url, folder):
        with application(Settings(instance=str(folder), database_url=url, log_level="WARNING")) as app:
            make_user(parts(app).services, OWNER, password=PASSWORD)
        with (
            LiveServer(url, folder, DAYPASS_BCRYPT_COST=options.cost, **TRUSTING) as server,
            connected(url) as database,
        ):
            owner = Owner(server)
            first = [owner.on_device(network(50_000)), owner.in_network(HOME, "new place")]
            before = Attack(server, 16, ACCOUNT_LIMIT - 20)
            before.run()
            first.append(owner.in_network(network(50_001), "new place"))
            rows, began = rows_of(database), time.monotonic()
            attack = Attack(server, options.networks, options.guesses, options.at_once)
            attacked(attack, owner)
            took = time.monotonic() - began
            compared = before.answers[401] + attack.answers[401]
            print(f"{kind}: {options.guesses} guesses from {options.networks} networks in {took:.0f} s")
            print(f"  compared with the password: {compared}; answers {dict(attack.answers)}")
            print(f"  rows before {rows}, after {rows_of(database)}")
            for name, waits in owner.waits.items():
                print(f"  owner, {name}: {waits}")
    refused = any(set(waits.answers) - {201, 303, 503} for waits in owner.waits.values())
    return 1 if refused or compared > ACCOUNT_LIMIT or set(first) - {201, 303} else 0


if __name__ == "__main__":
    sys.exit(main())
