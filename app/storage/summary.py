"""Aggregates over all tokens and users for the overview, each in one statement that an index or one pass answers.

Not here: those of one user (``overview``), and counts for the preview of a setting (``counting``).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Date, String, and_, cast, func, or_, select, text, true
from sqlalchemy.orm import Session

from app.domain.token_warnings import TokenWarning
from app.domain.tokens import FINAL, Ending, TokenStatus, status_at
from app.storage.leavers import is_enabled
from app.storage.liveness import MAYBE_ACTIVE, TokenTable
from app.storage.single_tier import LISTED_IN_INDEX
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.token_warnings import has_warning, may_have_warning

TO_RENEW: tuple[tuple[TokenTable, ColumnElement[bool]], ...] = (
    (RefreshTokenRow, true()),
    (AccessTokenRow, LISTED_IN_INDEX),
)
"""The tokens that need renewal by hand; minted access tokens are replaced by the next mint."""

Stored = tuple[str, int, int, int]
"""A stored status: how many tokens have it, how many of them are past their expiry, and of these had expired."""


class Endings(NamedTuple):
    """By day, without empty days; of these, those that expire within the shorter span. `first`: the first of all."""

    by_day: list[Ending]
    first: datetime | None


class Warnings(NamedTuple):
    """How many tokens have each; and of access tokens, how many of each final status had expired before."""

    numbers: Counter[TokenWarning]
    had_expired: dict[str, int]


def refresh_tokens_by_status(session: Session, now: datetime) -> Counter[str]:
    """How many refresh tokens are in each state at `now`."""
    status, past = RefreshTokenRow.status, RefreshTokenRow.expires_at <= now
    rows = session.execute(select(status, func.count(), func.count().filter(past)).group_by(status))
    return _states(((name, number, over, 0) for name, number, over in rows), now)


def access_tokens_by_status(
    session: Session, now: datetime, had_expired: dict[str, int]
) -> tuple[Counter[str], Counter[str]]:
    """How many access tokens of refresh tokens, and how many single-tier tokens, are in each state at `now`.

    `had_expired`: as :func:`warnings` counts them. An index alone answers the first statement, and the second reads few
    rows; one over both tiers would sort all of them.
    """
    status, past = AccessTokenRow.status, AccessTokenRow.expires_at <= now
    totals = select(status, func.count(), func.count().filter(past)).group_by(status)
    before = func.count().filter(and_(AccessTokenRow.had_expired, past))
    single = select(status, func.count(), func.count().filter(past), before)
    single = single.where(AccessTokenRow.refresh_token_id.is_(None)).group_by(status)
    known = ((name, number, over, had_expired.get(name, 0)) for name, number, over in session.execute(totals))
    of_single = _states(((name, *numbers) for name, *numbers in session.execute(single)), now)  # type: ignore[misc]
    return _states(known, now) - of_single, of_single


def _states(stored: Iterable[Stored], now: datetime) -> Counter[str]:
    """As the domain defines them, of tokens that are not past their expiry, past it, and had expired before."""
    found: Counter[str] = Counter()
    for name, number, over, had_expired in stored:
        status = TokenStatus(name)
        found[status_at(status, None, now)] += number - over
        found[status_at(status, now, now)] += over - had_expired
        found[status_at(status, now, now, had_expired=True)] += had_expired
    return +Counter({str(status): number for status, number in found.items()})


def users_by_state(session: Session, old: datetime | None) -> dict[bool, int]:
    """How many users are enabled (True), and disabled or away (False), without deleted ones.

    `old`: the last sign-in of a person that is too old (``leavers``).
    """
    enabled = func.count().filter(is_enabled(UserRow, old))
    there, number = session.execute(select(enabled, func.count()).where(UserRow.deleted_at.is_(None))).one()
    return {True: there, False: number - there}


def endings(session: Session, now: datetime, until: datetime, soon: datetime) -> Endings:
    """The active refresh and single-tier tokens that expire before `until`, and of these before `soon`."""
    counts, of_soon = Counter[date](), Counter[date]()
    firsts = []
    for table, condition in TO_RENEW:
        numbers = (func.count(), func.count().filter(table.expires_at < soon), func.min(table.expires_at))
        query = select(_day_of(session, table), *numbers).where(_expires_within(table, now, until), condition)
        for name, number, number_soon, first in session.execute(query.group_by(text("1"))):
            day = date.fromisoformat(str(name))
            counts[day] += number
            of_soon[day] += number_soon
            firsts.append(first)
    by_day = [Ending(day, counts[day], of_soon[day]) for day in sorted(counts)]
    return Endings(by_day, min(firsts, default=None))


def warnings(session: Session, now: datetime) -> Warnings:
    """In one pass over each table."""
    numbers: Counter[TokenWarning] = Counter()
    past = and_(AccessTokenRow.had_expired, AccessTokenRow.expires_at <= now)
    ended = {str(each): and_(AccessTokenRow.status == each, past) for each in FINAL}
    for table, also in ((RefreshTokenRow, {}), (AccessTokenRow, ended)):
        conditions = [*(has_warning(table, each, now) for each in TokenWarning), *also.values()]
        query = select(*(func.count().filter(each) for each in conditions))
        found = session.execute(query.where(or_(may_have_warning(table, now), *also.values()))).one()
        numbers.update(dict(zip(TokenWarning, found[: len(TokenWarning)], strict=True)))
    return Warnings(+numbers, dict(zip(ended, found[len(TokenWarning) :], strict=True)))


def _expires_within(table: TokenTable, now: datetime, until: datetime) -> ColumnElement[bool]:
    """Active at `now`, and not at `until`; uses the index on (status, expires_at)."""
    return and_(table.status.in_(MAYBE_ACTIVE), table.expires_at > now, table.expires_at < until)


def _day_of(session: Session, table: TokenTable) -> ColumnElement[Any]:
    """The day (UTC) on which each row expires: a date, or ``YYYY-MM-DD``."""
    if session.get_bind().dialect.name == "sqlite":  # stored as text that begins with it
        return func.substr(table.expires_at, 1, 10, type_=String)
    return cast(func.timezone("UTC", table.expires_at), Date)
