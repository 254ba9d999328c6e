"""Digests of passwords.

Not here: users (``accounts``), how often a password may be tried (``throttling``), and who may compute a digest when
(``hashing_places``).
"""

import base64
import hmac
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property

import bcrypt

from app.domain.errors import BadRequest
from app.domain.passwords import mistake_in
from app.services.guessable_passwords import is_guessable
from app.services.hashing_places import HashingPlaces, Place

GUESSABLE = (
    "This password is a common one, or made of common ones, dates, repeats or neighbouring keys: choose one that is "
    "harder to guess, such as four words that don't belong together."
)
GENERATED_BYTES = 15

HASHING_NICENESS = 10


class Passwords:
    """Digests passwords with bcrypt over ``base64(HMAC-SHA-384(pepper, password))``.

    The pre-hash avoids bcrypt's limits (72 bytes, no NUL), and the digests of a stolen database cannot be tried without
    the pepper. `cost`: of a new digest, as a power of two. `at_once`: how many digests are computed at once; `queue`:
    how many more may wait.
    """

    def __init__(self, pepper: bytes, cost: int, at_once: int, queue: int) -> None:
        self._pepper = pepper
        self._cost = cost
        self._places = HashingPlaces(at_once, queue)
        self._threads = ThreadPoolExecutor(at_once, "hashing", initializer=_lower_priority)

    @staticmethod
    def validate(password: str, *names: str) -> None:
        """Refuse with BadRequest a new password that breaks a rule. `names`: its owner's user name, email and names."""
        message = mistake_in(password, names)
        if message is None and is_guessable(password):
            message = GUESSABLE
        if message is not None:
            raise BadRequest(message, {"password": [message]})

    def generate(self, *names: str) -> str:
        """A random password that breaks no rule."""
        while True:
            password = secrets.token_urlsafe(GENERATED_BYTES)
            with suppress(BadRequest):  # a user's name can be in random text
                self.validate(password, *names)
                return password

    def place(self, holders: tuple[str, ...], is_known: bool) -> AbstractContextManager[Place]:
        """A place to compare passwords (:meth:`HashingPlaces.place`)."""
        return self._places.place(holders, is_known)

    @contextmanager
    def turn(self, *holders: str) -> Iterator[None]:
        """Wait for a turn to digest a new password; refuses with Unavailable when all places are taken."""
        with self._places.place(holders) as place, place.turn():
            yield

    def digest(self, password: str) -> str:
        """The digest to store. Call it within a :meth:`turn`, or in a command."""
        return self._threads.submit(self._hash, password).result()

    def digest_new(self, password: str, *names: str, holder: str = "") -> str:
        """The digest of a new password; refuses as :meth:`validate`, and with Unavailable when the queue is full.

        `holder`: who asks, and shares the places with others.
        """
        self.validate(password, *names)
        with self.turn(holder):
            return self.digest(password)

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password matches the digest; takes the same time when `stored` is None."""
        dummy = self._dummy  # read in any case: the first call computes it
        matches = self._threads.submit(self._check, password, stored or dummy).result()
        return matches and stored is not None

    def is_dated(self, stored: str) -> bool:
        """Whether the digest has another cost than a new one."""
        return _cost_of(stored) != self._cost

    @cached_property
    def _dummy(self) -> str:
        """The digest for unknown users. Computed at first use: commands do not need it."""
        return self.digest(secrets.token_hex())

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def _check(self, password: str, stored: str) -> bool:
        matches = bcrypt.checkpw(self._prehash(password), stored.encode("ascii"))
        # A digest of a lower cost must take the same time: each step doubles it.
        for cost in range(_cost_of(stored), self._cost):
            bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(cost))
        return matches

    def _prehash(self, password: str) -> bytes:
        digest = hmac.digest(self._pepper, password.encode("utf-8", "surrogatepass"), "sha384")
        return base64.b64encode(digest)


def _cost_of(digest: str) -> int:
    return int(digest.split("$")[2])


def hashing_capacity(workers: int, threads: int) -> tuple[int, int]:
    """How many digests one of `workers` processes computes at once, and how many may wait.

    At most half of the cores for all processes together, at least one each. Both together are less than half of a
    process's `threads` (at least 4); without threads besides, bodies may occupy as many, and two are left for checks.
    """
    places = threads // 2 - 1
    at_once = min(places, max(1, (os.cpu_count() or 1) // 2 // workers))
    return at_once, places - at_once


_CORES = os.sched_getaffinity(0) if sys.platform == "linux" else set()
"""The cores of this process, before its threads are bound to one."""


def _lower_priority() -> None:
    """On Linux, where priorities are per thread; elsewhere they are per process."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, _CORES)
        thread = threading.get_native_id()
        # Only root may raise a priority: keep one that is lower already.
        niceness = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, HASHING_NICENESS))
