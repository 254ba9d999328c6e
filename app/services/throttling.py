"""Throttling of password attempts that never locks the owner out.

An attempt is counted as a failure before the password is checked, so that parallel attempts gain nothing, and a
success is subtracted again.

- From an address where the account signed in before, only the counter of that pair applies: strangers cannot fill it.
- From other addresses, three apply: the account's for all such addresses, the address's, and the instance's.
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
KEPT_FOR = timedelta(days=90)
"""How long after a sign-in an address is known for the account."""

PAIR_LIMIT = 30
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 100
INSTANCE_LIMIT = 1000


@dataclass(frozen=True)
class Attempt:
    """The counters of an attempt, the key of its pair, and whether the pair is known."""

    buckets: tuple[Bucket, ...]
    pair_key: str
    is_known: bool


class LoginThrottle:
    """Counts password attempts. `key`: keys the digests of accounts and addresses."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    def check(self, account: str, address: str | None) -> bool:
        """Whether the account (canonical user name) signed in from there before.

        Refuses with RateLimited as :meth:`begin`, without counting.
        """
        with self._database.reading() as session:
            now = self._clock()
            attempt = self._attempt(session, account, address, now)
            _refuse_full([throttle.full_until(session, bucket, now, WINDOW) for bucket in attempt.buckets], now)
        return attempt.is_known

    def begin(self, account: str, address: str | None) -> Attempt:
        """Count an attempt on `account` from `address`; refuses with RateLimited when a counter is full."""
        with self._database.transaction() as session:
            now = self._clock()
            attempt = self._attempt(session, account, address, now)
            # The exception rolls back the counts.
            _refuse_full([throttle.reserve(session, bucket, now, WINDOW) for bucket in attempt.buckets], now)
        return attempt

    def succeeded(self, attempt: Attempt) -> None:
        """Subtract the attempt, and record the address as known for the account."""
        with self._database.transaction() as session:
            throttle.release(session, attempt.buckets)
            throttle.record_success(session, attempt.pair_key, self._clock())

    def _attempt(self, session: Session, account: str, address: str | None, now: datetime) -> Attempt:
        network = counted_network(address)
        pair_key = self._bucket_key("pair", account, network)
        last = throttle.last_success(session, pair_key)
        if last is not None and last > now - KEPT_FOR:
            return Attempt((Bucket(pair_key, PAIR_LIMIT),), pair_key, is_known=True)
        buckets = (
            Bucket(self._bucket_key("account", account), ACCOUNT_LIMIT),
            Bucket(self._bucket_key("address", network), ADDRESS_LIMIT),
            Bucket(self._bucket_key("instance"), INSTANCE_LIMIT),
        )
        # In order of key, against deadlocks of attempts that share counters.
        return Attempt(tuple(sorted(buckets, key=lambda each: each.key)), pair_key, is_known=False)

    def _bucket_key(self, *parts: str) -> str:
        return hmac.digest(self._key, "|".join(("throttle", *parts)).encode("utf-8", "surrogatepass"), "sha256").hex()


def _refuse_full(full_until: list[datetime | None], now: datetime) -> None:
    latest = max((end for end in full_until if end is not None), default=None)
    if latest is not None:
        raise RateLimited(max(1, math.ceil((latest - now).total_seconds())))


def counted_network(address: str | None) -> str:
    """The network to count: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
