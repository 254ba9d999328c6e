"""Passwords: how they are digested, and the gate that keeps digesting from starving everything else.

Here belong bcrypt, the keyed pre-hash and the gate. Not here: whose password it is (``accounts``), and how
often somebody may try (``throttling``).
"""

import base64
import hmac
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property

import bcrypt

from app.domain.errors import BadRequest, Unavailable

SHORTEST_BYTES = 8
LONGEST_BYTES = 1024
QUEUE_PATIENCE_SECONDS = 5
HASHING_NICENESS = 10


class Passwords:
    """Digests passwords with bcrypt over ``base64(HMAC-SHA-384(pepper, password))``.

    The pre-hash is 64 characters: bcrypt's limit of 72 bytes and its dislike of NUL mean nothing, and the
    digests in a stolen database can't be tried without the pepper.
    `cost`: of a new digest, as a power of two. `at_once`: how many digests are computed at the same time;
    `queue`: how many more may wait.
    """

    def __init__(self, pepper: bytes, cost: int, at_once: int, queue: int) -> None:
        self._pepper = pepper
        self._cost = cost
        self._gate = _Gate(at_once, queue)
        self._threads = ThreadPoolExecutor(at_once, "hashing", initializer=_lower_priority)

    def accept(self, password: str) -> None:
        """Refuse, with BadRequest, what may not become a password."""
        size = len(password.encode("utf-8", "surrogatepass"))
        if not SHORTEST_BYTES <= size <= LONGEST_BYTES or "\0" in password:
            message = f"A password has {SHORTEST_BYTES} to {LONGEST_BYTES} bytes, and no NUL."
            raise BadRequest(message, {"password": [message]})

    @contextmanager
    def turn(self, is_known: bool = True) -> Iterator[None]:
        """Wait for a turn to digest; refuses with Unavailable when the queue is full.

        `is_known`: False for whoever never signed in from where they are; such may fill only half of the places.
        """
        with self._gate.turn(is_known):
            yield

    def digest(self, password: str) -> str:
        """The digest to store. Call it within a :meth:`turn`, or where nobody is served."""
        return self._threads.submit(self._hash, password).result()

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was digested; takes the same time when `stored` is None."""
        nobody = self._nobody  # asked for in any case: whoever is first pays for making it, whoever they are
        found = self._threads.submit(self._check, password, stored or nobody).result()
        return found and stored is not None

    def is_dated(self, stored: str) -> bool:
        """Whether the digest was made with another cost than a new one would be."""
        return _cost_of(stored) != self._cost

    @cached_property
    def _nobody(self) -> str:
        """What an unknown user's password is compared with. Commands never need it, and start without it."""
        return self.digest(secrets.token_hex())

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def _check(self, password: str, stored: str) -> bool:
        found = bcrypt.checkpw(self._prehash(password), stored.encode("ascii"))
        # A digest of an earlier, lower cost must not answer sooner: each step up doubles the time.
        for cost in range(_cost_of(stored), self._cost):
            bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(cost))
        return found

    def _prehash(self, password: str) -> bytes:
        digest = hmac.digest(self._pepper, password.encode("utf-8", "surrogatepass"), "sha384")
        return base64.b64encode(digest)


def _cost_of(digest: str) -> int:
    return int(digest.split("$")[2])


def hashing_capacity(workers: int, threads: int) -> tuple[int, int]:
    """How many digests one of `workers` processes computes at once, and how many may wait.

    At most half of the cores for all processes together (one for each at least). All that compute or wait are
    less than half of a process's `threads` (4 at least); bodies may take as many, and two are left for checks.
    """
    places = threads // 2 - 1
    at_once = min(places, max(1, (os.cpu_count() or 1) // 2 // workers))
    return at_once, places - at_once


class _Gate:
    """Lets `at_once` through, lets `queue` wait, and turns the rest away."""

    def __init__(self, at_once: int, queue: int) -> None:
        places = at_once + queue
        self._places = threading.BoundedSemaphore(places)
        self._strangers_places = threading.BoundedSemaphore(max(1, places // 2))
        self._turns = threading.BoundedSemaphore(at_once)

    @contextmanager
    def turn(self, is_known: bool) -> Iterator[None]:
        with ExitStack() as held:
            if not is_known:
                _take(held, self._strangers_places, 0)
            _take(held, self._places, 0)
            _take(held, self._turns, QUEUE_PATIENCE_SECONDS)
            yield


def _take(held: ExitStack, semaphore: threading.Semaphore, patience: float) -> None:
    if not semaphore.acquire(timeout=patience):
        raise Unavailable("too many passwords are being checked at once")
    held.callback(semaphore.release)


_CORES = os.sched_getaffinity(0) if sys.platform == "linux" else set()
"""Where this process may run: all that it may, as it was before its threads were told to keep to one core."""


def _lower_priority() -> None:
    """Let everything else go first. Linux keeps a priority for each thread; elsewhere it is the process's."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, _CORES)
        thread = threading.get_native_id()
        # A service that was started with a lower priority still has it; only root may raise it.
        given = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(given, HASHING_NICENESS))
