"""Throttling of password attempts that never locks the owner out.

An attempt is counted as a failure before the password is checked, so that parallel attempts gain nothing, and a
success is subtracted again. While a counter is full of attempts that are still being checked, others wait for them.

- From a device or network where the account signed in before, only the counter of that place applies: strangers cannot
  fill it.
- From other places, three apply: that of the account in this network, that of the account in all such places, and the
  network's for all accounts. None is shared by all who sign in.

What a stranger adds to the database: two rows for each name that they fail with, :data:`NETWORK_LIMIT` names an hour
from each network, and the rows of the last hour or day are all that is kept.
"""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import RateLimited
from app.domain.identity import Caller, User, canonical_username
from app.domain.ladder import Act
from app.domain.seals import Seal
from app.services.permitting import refuse_unless_allowed
from app.storage import throttle, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.throttle import Bucket, Filled, Full

WINDOW = timedelta(hours=1)
ACCOUNT_WINDOW = timedelta(days=1)
KEPT_FOR = timedelta(days=90)
"""How long after a sign-in its network is known for the account."""

KNOWN_LIMIT = 20
NEW_PLACE_LIMIT = 5
NETWORK_LIMIT = 60
ACCOUNT_LIMIT = 100
NEW_NETWORKS = 50
"""That an account makes known within ACCOUNT_WINDOW: each is a row for KEPT_FOR, and an IPv6 client has thousands."""


class Claim(NamedTuple):
    """Whose password somebody will try. `account`: :attr:`User.counted_by`, or what was typed.

    `address`: the client's. `device`: proves that the account signed in from there before; any text of its own.
    """

    account: str
    address: str | None
    device: str | None = None


@dataclass(frozen=True)
class Standing:
    """What an attempt is counted by.

    `choices`: of several known places, the first that is not full counts it; each choice is all of its counters.
    `holders`: who shares the places to compare passwords, as keyed digests.
    """

    is_known: bool
    choices: tuple[tuple[Bucket, ...], ...]
    holders: tuple[str, ...]


@dataclass(frozen=True)
class Attempt:
    """An attempt that was counted in these."""

    claim: Claim
    is_known: bool
    buckets: tuple[Bucket, ...]


class LoginThrottle:
    """Counts password attempts. `key`: keys the digests of accounts and networks."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._digest = Seal(key, "throttle").of

    def check(self, claim: Claim) -> Standing:
        """What an attempt will be counted by; refuses with RateLimited as :meth:`begin`, without counting."""
        with self._database.reading() as session:
            now = self._clock()
            standing = self._standing(session, claim, now)
            found = [[throttle.full(session, each, now) for each in choice] for choice in standing.choices]
        if all(any(each is not None and not each.may_open for each in choice) for choice in found):
            raise _refusal(found, now)
        return standing

    def begin(self, claim: Claim) -> Attempt | None:
        """Count an attempt; None where what counts it is full of attempts that are not decided yet.

        Refuses with RateLimited when it is full of failures.
        """
        now, found = self._clock(), list[list[Full | None]]()
        with suppress(_Full), self._database.transaction() as session:
            standing = self._standing(session, claim, now)
            for choice in standing.choices:
                found.append([throttle.reserve(session, bucket, now) for bucket in choice])
                if found[-1] == [None] * len(choice):
                    return Attempt(claim, standing.is_known, choice)
            raise _Full  # takes back what was counted
        if any(all(each is None or each.may_open for each in choice) for choice in found):
            return None
        raise _refusal(found, now)

    def failed(self, attempt: Attempt, caller: Caller) -> None:
        """Keep what was counted. Adds an audit event when only known places are left to the account."""
        with self._database.transaction() as session:
            throttle.settle(session, attempt.buckets, failed=True)
            if attempt.is_known:
                return
            claim, now = attempt.claim, self._clock()
            network = self._digest("network", network_of(claim.address) or "")
            filled = throttle.note_network(session, self._of_account(claim.account), network, now)
            is_name = canonical_username(claim.account) is not None  # other text cannot be looked for
            user = users.find_counted_by(session, claim.account) if filled is not None and is_name else None
            if filled is not None and user is not None:
                record(session, now, caller, "user.sign_in_locked", ("user", user.username), networks=filled.networks)

    def give_back(self, attempt: Attempt) -> None:
        """Subtract the attempt: what was shown is right, and not all that a sign-in takes."""
        with self._database.transaction() as session:
            throttle.settle(session, attempt.buckets, failed=False)

    def succeeded(self, attempt: Attempt) -> None:
        """Subtract the attempt, and record its network as known for the account."""
        claim = attempt.claim
        with self._database.transaction() as session:
            throttle.settle(session, attempt.buckets, failed=False)
            network = network_of(claim.address)
            if network is not None:
                self._learn(session, claim.account, network)

    def _learn(self, session: Session, account: str, network: str) -> None:
        """The network is known from now on, unless the account has had too many new ones."""
        key, now = self._digest("known network", account, network), self._clock()
        new = Bucket(self._digest("networks", account), NEW_NETWORKS, ACCOUNT_WINDOW)
        if throttle.last_success(session, key) is not None or throttle.reserve(session, new, now) is None:
            throttle.record_success(session, key, now)

    def lock_of(self, account: str) -> Filled | None:
        """Since when only known places are left to the account (:attr:`User.counted_by`); None where all are."""
        with self._database.reading() as session:
            return throttle.filled(session, self._of_account(account), self._clock())

    def forget(self, session: Session, user: User, addresses: Iterable[str | None]) -> None:
        """Delete the counters of a user who is deleted, and the networks of these addresses.

        The others that count the account in one network are digests of which nothing is readable; they end by time.
        """
        account, networks = user.counted_by, {network_of(each) for each in addresses} - {None}
        keys = [self._of_account(account).key, self._digest("networks", account)]
        keys += [self._digest("known network", account, each) for each in networks if each is not None]
        throttle.delete_counters(session, keys)

    def unlock(self, account: str, caller: Caller) -> bool:
        """Forget the failures from new places of an account (:attr:`User.counted_by`).

        Whether only known places were left to it. Refuses with NotPermitted.
        """
        bucket = self._of_account(account)
        with self._database.transaction() as session:
            refuse_unless_allowed(session, Act.UNLOCK_SIGN_IN, caller)
            now = self._clock()
            was_locked = throttle.filled(session, bucket, now) is not None
            throttle.empty(session, bucket.key)
            user = users.find_counted_by(session, account)
            if was_locked and user is not None:
                record(session, now, caller, "user.sign_in_unlocked", ("user", user.username))
        return was_locked

    def _standing(self, session: Session, claim: Claim, now: datetime) -> Standing:
        account, network = claim.account, network_of(claim.address)
        known = [] if claim.device is None else [self._digest("device", account, claim.device)]
        if network is not None:
            key = self._digest("known network", account, network)
            last = throttle.last_success(session, key)
            if last is not None and last > now - KEPT_FOR:
                known.append(key)
        holders = [self._digest("holder", account, "known" if known else "new")]
        holders += [] if network is None else [self._digest("holder of", network)]
        choices = [(Bucket(key, KNOWN_LIMIT, WINDOW),) for key in known]
        # In order of key, against deadlocks of attempts that share counters.
        new = sorted(self._of_new_places(account, network), key=lambda each: each.key)
        return Standing(bool(known), tuple(choices) or (tuple(new),), tuple(holders))

    def _of_new_places(self, account: str, network: str | None) -> Iterable[Bucket]:
        yield self._of_account(account)
        if network is not None:  # else all clients would share these two
            yield Bucket(self._digest("new network", account, network), NEW_PLACE_LIMIT, WINDOW)
            yield Bucket(self._digest("network", network), NETWORK_LIMIT, WINDOW)

    def _of_account(self, account: str) -> Bucket:
        return Bucket(self._digest("account", account), ACCOUNT_LIMIT, ACCOUNT_WINDOW)


class _Full(Exception):
    """Every choice is full."""


def _refusal(choices: list[list[Full | None]], now: datetime) -> RateLimited:
    """With the time until the first choice is open again."""
    until = min(max(each.until for each in choice if each is not None) for choice in choices)
    return RateLimited(max(1, math.ceil((until - now).total_seconds())))


def network_of(address: str | None) -> str | None:
    """The network in which failures count together: the /24 of an IPv4 address, the /64 of an IPv6 address."""
    parsed = _parsed(address)
    return None if parsed is None else str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))


def counted_network(address: str | None) -> str:
    """Where a program runs: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    return str(parsed) if isinstance(parsed, IPv4Address) else network_of(address) or "unknown"


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
