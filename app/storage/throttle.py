"""Counters of failed sign-ins, shared by all workers and hosts.

Not here: the counters of an attempt, and their limits (``app.services.throttling``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE
from app.storage.database import insert_unless_present
from app.storage.operating_tables import LoginThrottleRow

LONGEST_ATTEMPT = timedelta(seconds=10)
"""What was reserved longer ago, by a process that has ended since, stays counted and is not waited for."""

NETWORK_DIGITS = 4
"""Of a network's digest, as the row of an account lists those that failed: few of a hundred are alike."""


@dataclass(frozen=True)
class Bucket:
    """A counter of at most `limit` failures in one window."""

    key: str
    limit: int
    window: timedelta


@dataclass(frozen=True)
class Full:
    """A full counter. `until`: the end of its window. `may_open`: whether attempts that it counts are not decided."""

    until: datetime
    may_open: bool


@dataclass(frozen=True)
class Filled:
    """`at`: since when a counter is full. `networks`: how many failed. `until`: the end of its window."""

    at: datetime
    networks: int
    until: datetime


def reserve(session: Session, bucket: Bucket, now: datetime) -> Full | None:
    """Count a failure in advance; None where it fits."""
    row = LoginThrottleRow
    insert_unless_present(session, row, bucket=bucket.key, failures=0, window_ends_at=now + bucket.window)
    over = _is_over(bucket, now)
    instant = row.window_ends_at.type  # see superseding
    statement = (
        update(row)
        .where(row.bucket == bucket.key, or_(over, row.failures < bucket.limit))
        .values(
            failures=case((over, 1), else_=row.failures + 1),
            in_flight=case((_is_in_flight(now), row.in_flight + 1), else_=1),
            in_flight_until=literal(now + LONGEST_ATTEMPT, instant),
            window_ends_at=case((over, literal(now + bucket.window, instant)), else_=row.window_ends_at),
            filled_at=case((over, None), else_=row.filled_at),
            networks=case((over, ""), else_=row.networks),
        )
        .returning(row.bucket)
    )
    if session.scalar(statement) is not None:
        return None
    return full(session, bucket, now) or Full(now, may_open=True)


def full(session: Session, bucket: Bucket, now: datetime) -> Full | None:
    """None for a counter that is not full."""
    row = LoginThrottleRow
    is_full = (row.bucket == bucket.key, row.failures >= bucket.limit, ~_is_over(bucket, now))
    found = session.execute(select(row.window_ends_at, _is_in_flight(now)).where(*is_full)).one_or_none()
    return None if found is None else Full(*found)


def _is_over(bucket: Bucket, now: datetime) -> ColumnElement[bool]:
    """Over, without a failure, or counted by a clock that was wrong: it would refuse until that time."""
    row = LoginThrottleRow
    ahead = row.window_ends_at > now + bucket.window + CLOCK_TOLERANCE
    return or_(row.window_ends_at <= now, row.failures <= 0, ahead)


def _is_in_flight(now: datetime) -> ColumnElement[bool]:
    row = LoginThrottleRow
    latest = now + LONGEST_ATTEMPT + CLOCK_TOLERANCE
    return and_(row.in_flight > 0, func.coalesce(row.in_flight_until > now, False), row.in_flight_until <= latest)


def settle(session: Session, buckets: Iterable[Bucket], *, failed: bool) -> None:
    """An attempt is decided: keep what it counted, or give it back. In order of key, against deadlocks."""
    row = LoginThrottleRow
    values: dict[str, object] = {"in_flight": case((row.in_flight > 0, row.in_flight - 1), else_=0)}
    if not failed:
        values |= {"failures": case((row.failures > 0, row.failures - 1), else_=0), "filled_at": None}
    for key in sorted(bucket.key for bucket in buckets):
        session.execute(update(row).where(row.bucket == key).values(values))


def note_network(session: Session, bucket: Bucket, network: str, now: datetime) -> Filled | None:
    """List the network (a digest) of a failure in a counter; a value at the failure that made the counter full.

    Within the transaction of :func:`settle`, which has locked the row.
    """
    row = LoginThrottleRow
    counted = select(row.failures, row.networks, row.filled_at).where(row.bucket == bucket.key)
    found = session.execute(counted).one_or_none()
    if found is None:  # the account was deleted meanwhile
        return None
    digits = network[:NETWORK_DIGITS]
    networks = found.networks if digits in _split(found.networks) else found.networks + digits
    is_filled = found.failures >= bucket.limit and found.filled_at is None
    values = {"networks": networks[: bucket.limit * NETWORK_DIGITS]} | ({"filled_at": now} if is_filled else {})
    session.execute(update(row).where(row.bucket == bucket.key).values(values))
    return filled(session, bucket, now) if is_filled else None


def filled(session: Session, bucket: Bucket, now: datetime) -> Filled | None:
    """None for a counter that is not full by failures that are decided."""
    row = LoginThrottleRow
    is_full = (row.bucket == bucket.key, row.failures >= bucket.limit, ~_is_over(bucket, now))
    query = select(row.filled_at, row.networks, row.window_ends_at).where(*is_full, row.filled_at.is_not(None))
    found = session.execute(query).one_or_none()
    return None if found is None else Filled(found.filled_at, len(_split(found.networks)), found.window_ends_at)


def _split(networks: str) -> set[str]:
    return {networks[at : at + NETWORK_DIGITS] for at in range(0, len(networks), NETWORK_DIGITS)}


def empty(session: Session, key: str) -> None:
    """Forget the failures of a counter."""
    statement = update(LoginThrottleRow).where(LoginThrottleRow.bucket == key)
    session.execute(statement.values(failures=0, in_flight=0, filled_at=None, networks=""))


def delete_counters(session: Session, keys: Iterable[str]) -> None:
    """Delete these counters. In order of key, against deadlocks."""
    for key in sorted(keys):
        session.execute(delete(LoginThrottleRow).where(LoginThrottleRow.bucket == key))


def last_success(session: Session, key: str) -> datetime | None:
    query = select(LoginThrottleRow.last_success_at).where(LoginThrottleRow.bucket == key)
    return session.scalar(query)


def record_success(session: Session, key: str, now: datetime) -> None:
    insert_unless_present(session, LoginThrottleRow, bucket=key, failures=0, window_ends_at=now)
    statement = update(LoginThrottleRow).where(LoginThrottleRow.bucket == key).values(last_success_at=now)
    session.execute(statement)


def purge(session: Session, now: datetime, successes_before: datetime, most: int) -> int:
    """Delete at most `most` counters without effect; how many."""
    row = LoginThrottleRow
    forgotten = or_(row.last_success_at.is_(None), row.last_success_at <= successes_before)
    old = select(row.bucket).where(row.window_ends_at <= now, forgotten).limit(most)
    keys = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(row).where(row.bucket.in_(keys)))
    return len(keys)
