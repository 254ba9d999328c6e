"""Passwords that were right less than a minute ago, for gateways that introspect with one in every call.

Not here: whether a password is right (``accounts``). Not for what changes anything, or opens a session.
"""

import hmac
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.clock import Clock
from app.domain.emails import canonical_email
from app.domain.errors import RateLimited
from app.domain.identity import Caller, User, canonical_username
from app.domain.leavers import has_passed
from app.domain.seals import Seal
from app.services.accounts import Accounts
from app.services.password_proofs import Proof
from app.services.second_factors import password_alone
from app.services.throttling import Claim, LoginThrottle, counted_network
from app.storage import users
from app.storage.database import Database

COMPARED_EVERY = timedelta(minutes=1)
LONGEST = COMPARED_EVERY + timedelta(seconds=10)
"""After a minute one request compares the password again; for that long the others do not wait for it."""

MOST = 1_000

Key = tuple[str, str]
"""What was typed as user name, and the network that it came from: elsewhere nothing is known of the password."""


@dataclass
class _Recent:
    """`proof`: None for a minute after another password came from there, so that a guess is answered by digest."""

    at: datetime
    seal: str = ""
    proof: Proof | None = None
    is_renewed: bool = False


class RecentPasswords:
    """Authenticates as :meth:`Accounts.authenticate` does, and digests the same right password once a minute at most.

    Kept are a digest of the password under a random key of this process, and what the account was then. The account is
    read again at each use: whatever has changed, on this host or another, its password is compared anew. So it is where
    the counters of wrong passwords are full. A wrong password is never kept, and forgets the right one of that place:
    of guesses, one a minute at most is not counted, where no place to digest it is free.
    """

    def __init__(self, database: Database, clock: Clock, accounts: Accounts, throttle: LoginThrottle) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._throttle = throttle
        self._seal = Seal(os.urandom(32), "recent password")
        self._lock = threading.Lock()
        self._recent: dict[Key, _Recent] = {}

    def authenticate(self, username: str, password: str, caller: Caller) -> Proof:
        """Refuses as :meth:`Accounts.authenticate`."""
        key = username, counted_network(caller.address)
        seal = self._seal.of(*key, password)
        proof = self._find(key, seal)
        user = None if proof is None else self._unchanged(proof, username, caller)
        if proof is not None and user is not None:
            return replace(proof, user=user)
        if proof is not None:
            self._forget(key)
        proof = self._accounts.authenticate(username, password, caller)
        self._keep(key, _Recent(self._clock(), seal, proof))
        return proof

    def _find(self, key: Key, seal: str) -> Proof | None:
        now = self._clock()
        with self._lock:
            found = self._recent.get(key)
            if found is None:
                return None
            # Before or after: what a clock that was ahead has kept is of no use later.
            age = abs(now - found.at)
            if found.proof is None or age >= LONGEST:
                return None
            if not hmac.compare_digest(found.seal, seal):
                self._recent[key] = _Recent(now)
                return None
            if age >= COMPARED_EVERY and not found.is_renewed:
                found.is_renewed = True
                return None
            return found.proof

    def _forget(self, key: Key) -> None:
        with self._lock:
            self._recent.pop(key, None)

    def _keep(self, key: Key, proved: _Recent) -> None:
        with self._lock:
            found = self._recent.pop(key, None)
            if found is not None and found.proof is None and abs(proved.at - found.at) < COMPARED_EVERY:
                proved = found
            self._recent = {each: kept for each, kept in self._recent.items() if abs(proved.at - kept.at) < LONGEST}
            self._recent[key] = proved
            if len(self._recent) > MOST:
                del self._recent[next(iter(self._recent))]

    def _unchanged(self, proof: Proof, username: str, caller: Caller) -> User | None:
        """The account as it is now, unless anything but its last sign-in has changed, or refuses its password."""
        with self._database.reading() as session:
            user, digest = users.find_sign_in(session, canonical_username(username), canonical_email(username))
            if user is None or digest != proof.digest or _fixed(user) != _fixed(proof.user):
                return None
            _, is_enough = password_alone(session, user)
        now = self._clock()
        if not is_enough or user.is_away(now) or has_passed(user.password_expires_at, now):
            return None
        with suppress(RateLimited):
            self._throttle.check(Claim(user.counted_by, caller.address))
            return user
        return None


def _fixed(user: User) -> User:
    return replace(user, last_login_at=None)
