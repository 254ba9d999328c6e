"""Throttling of password attempts: guessing is slow, the owner is never locked out.

An attempt is counted as a failure before the password is looked at, so that a hundred at once get no further
than one after the other, and taken back when it was none: successes use up nothing.

- From an address where this account signed in before, only that pair's own counter matters: strangers can't
  exhaust it.
- From anywhere else, three matter: the account's for all such addresses, the address's, and the instance's.

Not here: the counters' storage (``app.storage.throttle``), and limits on anything but passwords.
"""

import hmac
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import RateLimited
from app.storage import throttle
from app.storage.database import Database
from app.storage.throttle import Bucket

WINDOW = timedelta(minutes=15)
REMEMBERED = timedelta(days=90)
"""How long an address counts as one where the account signed in before."""

PAIR_LIMIT = 30
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 100
INSTANCE_LIMIT = 1000


@dataclass(frozen=True)
class Attempt:
    """An attempt that is under way: what was counted for it, and the pair to remember if it succeeds."""

    buckets: tuple[Bucket, ...]
    pair_key: str


class LoginThrottle:
    """Counts password attempts. `key`: keys the digests under which accounts and addresses are counted."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    def begin(self, account: str, address: str | None) -> Attempt:
        """Count an attempt on `account` (canonical user name) from `address`; RateLimited when it is one too many."""
        network = counted_network(address)
        pair_key = self._bucket_key("pair", account, network)
        with self._database.transaction() as session:
            now = self._clock()
            if self._is_known(session, pair_key, now):
                buckets: tuple[Bucket, ...] = (Bucket(pair_key, PAIR_LIMIT),)
            else:
                buckets = (
                    Bucket(self._bucket_key("account", account), ACCOUNT_LIMIT),
                    Bucket(self._bucket_key("address", network), ADDRESS_LIMIT),
                    Bucket(self._bucket_key("instance"), INSTANCE_LIMIT),
                )
            # In order of key, so that two attempts that share counters can't deadlock.
            for bucket in sorted(buckets, key=lambda each: each.key):
                full_until = throttle.reserve(session, bucket, now, WINDOW)
                if full_until is not None:  # leaving the transaction takes back what was counted so far
                    raise RateLimited(max(1, math.ceil((full_until - now).total_seconds())))
        return Attempt(buckets, pair_key)

    def succeeded(self, attempt: Attempt) -> None:
        """It was no failure: take it back, and remember the address for this account."""
        with self._database.transaction() as session:
            throttle.release(session, attempt.buckets)
            throttle.remember_success(session, attempt.pair_key, self._clock())

    def _is_known(self, session: Session, pair_key: str, now: datetime) -> bool:
        last = throttle.last_success(session, pair_key)
        return last is not None and last > now - REMEMBERED

    def _bucket_key(self, *parts: str) -> str:
        return hmac.digest(self._key, "|".join(("throttle", *parts)).encode("utf-8", "surrogatepass"), "sha256").hex()


def counted_network(address: str | None) -> str:
    """What is counted as one address: an IPv6 host has a whole /64 to itself, an IPv4 host one address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
