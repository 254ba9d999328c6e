"""What the pages show at a glance.

That is one's refresh tokens with what lies under each, users with their counts, and the instance as a whole. Every
method takes a fixed number of statements, however many tokens there are. Not here: plain lists (``listing``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.clock import Clock
from app.domain.identity import User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Ending, RefreshToken, TokenKind
from app.services.listing import Listing
from app.services.revoking import Ended
from app.storage import overview
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow

DAYS_AHEAD = 60
NAMES_A_DAY = 5


@dataclass(frozen=True)
class OwnRefreshToken:
    """A refresh token and the newest access token under it, where there is one."""

    token: RefreshToken
    access_token: AccessToken | None


@dataclass(frozen=True)
class Holding:
    """A user, and how many of their refresh tokens and single-tier tokens are alive."""

    user: User
    refresh_tokens: int
    api_tokens: int


@dataclass(frozen=True)
class Glance:
    """The instance as a whole. The states of each tier: a status and how many tokens are in it."""

    refresh_tokens: dict[str, int]
    access_tokens: dict[str, int]
    api_tokens: dict[str, int]
    active_users: int
    disabled_users: int
    endings: list[Ending]


class Overview:
    """Reads what the pages show at a glance."""

    def __init__(self, database: Database, clock: Clock, listing: Listing) -> None:
        self._database = database
        self._clock = clock
        self._listing = listing

    def own_refresh_tokens(
        self, user_id: int, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[OwnRefreshToken], str | None]:
        """A user's, newest first, and the cursor of the next page. Refuses with BadRequest a bad cursor."""
        page = self._listing.tokens(TokenKind.REFRESH, TokenFilter(user_id=user_id), cursor, limit)
        shown = [each.token for each in page.items if isinstance(each.token, RefreshToken)]
        now = self._clock()
        with self._database.reading() as session:
            under = overview.latest_under(session, [token.id for token in shown])
            latest = {parent: as_access_token(row, now) for parent, row in under.items()}
        return [OwnRefreshToken(token, latest.get(token.id)) for token in shown], page.cursor

    def access_token_under(self, refresh_token_id: int) -> AccessToken | None:
        """The newest access token under one of them."""
        with self._database.reading() as session:
            row = overview.latest_under(session, [refresh_token_id]).get(refresh_token_id)
            return None if row is None else as_access_token(row, self._clock())

    def holdings(self, found: Sequence[User]) -> list[Holding]:
        """The same users, each with what they have."""
        with self._database.reading() as session:
            counts = overview.alive_of_users(session, [user.id for user in found], self._clock())
        return [Holding(user, *counts[user.id]) for user in found]

    def revocable_of(self, user_id: int) -> Ended:
        """What revoking all tokens of this user would end."""
        with self._database.reading() as session:
            return Ended(*overview.revocable_of_user(session, user_id, self._clock()))

    def glance(self) -> Glance:
        now = self._clock()
        until = _midnight_after(now, DAYS_AHEAD)
        with self._database.reading() as session:
            people = overview.users_by_state(session)
            return Glance(
                refresh_tokens=overview.by_status(session, RefreshTokenRow, now),
                access_tokens=overview.by_status(session, AccessTokenRow, now, single_tier=False),
                api_tokens=overview.by_status(session, AccessTokenRow, now, single_tier=True),
                active_users=people.get(True, 0),
                disabled_users=people.get(False, 0),
                endings=_every_day(now.date(), overview.endings(session, now, until, NAMES_A_DAY)),
            )


def _midnight_after(now: datetime, days: int) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _every_day(first: date, known: list[Ending]) -> list[Ending]:
    """The days on which nothing ends, too."""
    by_day = {ending.day: ending for ending in known}
    days = (first + timedelta(days=each) for each in range(DAYS_AHEAD))
    return [by_day.get(day, Ending(day, 0, [])) for day in days]
