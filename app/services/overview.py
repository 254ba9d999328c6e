"""Summaries for the pages, each in a fixed number of statements. Not here: lists (``token_lists``)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.clock import Clock
from app.domain.identity import User
from app.domain.token_view import DAYS_BEFORE_EXPIRY
from app.domain.token_warnings import TokenWarning
from app.domain.tokens import AccessToken, Ending
from app.services.revoking import Revoked
from app.storage import leavers, overview, service_accounts, summary
from app.storage.access_tokens import as_access_token
from app.storage.database import Database

DAYS_AHEAD = 60
SOON = timedelta(days=DAYS_BEFORE_EXPIRY)


@dataclass(frozen=True)
class Holding:
    """A user, and how many active refresh tokens and single-tier tokens they have."""

    user: User
    refresh_tokens: int
    api_tokens: int


@dataclass(frozen=True)
class Summary:
    """The whole instance at `now`. Of each tier: the number of tokens by status.

    `endings`: tokens to renew by hand, of DAYS_AHEAD days; `expiring`: those within SOON; `first`: when the first ends.
    """

    now: datetime
    refresh_tokens: Counter[str]
    access_tokens: Counter[str]
    api_tokens: Counter[str]
    active_users: int
    disabled_users: int
    warnings: Counter[TokenWarning]
    endings: list[Ending]
    expiring: int
    first: datetime | None
    unanswered: int = 0
    """Enabled service accounts without an active responsible person."""


class Overview:
    """Reads the summaries."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def access_token_under(self, refresh_token_id: int) -> AccessToken | None:
        """The newest access token of a refresh token, if any."""
        with self._database.reading() as session:
            row = overview.latest_under(session, [refresh_token_id]).get(refresh_token_id)
            return None if row is None else as_access_token(row, self._clock())

    def holdings(self, found: Sequence[User]) -> list[Holding]:
        """These users with their counts, in the same order."""
        with self._database.reading() as session:
            counts = overview.count_active_of_users(session, [user.id for user in found], self._clock())
        return [Holding(user, *counts[user.id]) for user in found]

    def revocable_of(self, user_id: int) -> Revoked:
        """What revoking all tokens of this user would revoke."""
        with self._database.reading() as session:
            return Revoked(*overview.revocable_of_user(session, user_id, self._clock()))

    def summary(self) -> Summary:
        """In a fixed number of statements."""
        now = self._clock()
        with self._database.reading() as session:
            old = leavers.too_old(session, now)
            people = summary.users_by_state(session, old)
            warnings = summary.warnings(session, now)
            access_tokens, api_tokens = summary.access_tokens_by_status(session, now, warnings.had_expired)
            endings = summary.endings(session, now, _midnight_after(now, DAYS_AHEAD), now + SOON)
            return Summary(
                now=now,
                refresh_tokens=summary.refresh_tokens_by_status(session, now),
                access_tokens=access_tokens,
                api_tokens=api_tokens,
                active_users=people.get(True, 0),
                disabled_users=people.get(False, 0),
                warnings=warnings.numbers,
                endings=_every_day(now.date(), endings.by_day),
                expiring=sum(each.soon for each in endings.by_day),
                first=endings.first,
                unanswered=service_accounts.count_unanswered(session, old),
            )


def _midnight_after(now: datetime, days: int) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _every_day(first: date, known: list[Ending]) -> list[Ending]:
    """Including the days on which no token expires."""
    by_day = {ending.day: ending for ending in known}
    days = (first + timedelta(days=each) for each in range(DAYS_AHEAD))
    return [by_day.get(day, Ending(day, 0)) for day in days]
