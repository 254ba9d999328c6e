"""All that an administrator sees of one user, in a fixed number of statements. Not here: changing it (``accounts``)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import Clock
from app.domain.identities import Links
from app.domain.identity import User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenStatus
from app.services.accounts import Accounts
from app.services.audit_list import as_event
from app.services.linking import links_of
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.services.overview import Holding
from app.services.sessions import Sessions
from app.storage import (
    audit_list,
    former_usernames,
    leavers,
    overview,
    second_factors,
    service_accounts,
    user_profiles,
)
from app.storage.database import Database
from app.storage.throttle import Filled
from app.storage.users import as_user

MOST_TOKENS = 10
MOST_EVENTS = 6
MOST_ACCOUNTS = 50


@dataclass(frozen=True)
class UserProfile:
    """`tokens`: the newest, those that work first, of `token_count`. `events`: the last ones about the user.

    `lock`: since when sign-in is limited to known devices and networks, if it is.
    """

    user: User
    holding: Holding
    lock: Filled | None
    sessions: int
    is_password_expired: bool
    tokens: list[ListedToken]
    token_count: int
    events: list[AuditEvent]
    former_usernames: list[str]
    accounts: list[User]
    """The service accounts that the user answers for."""
    factor_added_at: datetime | None
    """Since when there is a second factor, if there is one."""
    links: Links
    is_unanswered: bool
    """Whether it is an enabled service account without an active responsible person."""


class UserProfiles:
    """Reads them."""

    def __init__(self, database: Database, clock: Clock, accounts: Accounts, sessions: Sessions) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._sessions = sessions

    def of(self, user_id: int) -> UserProfile:
        """Refuses with NotFound."""
        user, now = self._accounts.by_id(user_id), self._clock()
        lock, sessions = self._accounts.throttle.lock_of(user.counted_by), self._sessions.of_user(user_id)
        with self._database.reading() as session:
            old = leavers.too_old(session, now)
            held = overview.count_active_of_users(session, [user_id], now)[user_id]
            former = former_usernames.of_user(session, user_id)
            factor = second_factors.find(session, user_id)
            events = audit_list.events_about(session, [user.username, *former], MOST_EVENTS)
            return UserProfile(
                user=user,
                holding=Holding(user, *held),
                lock=lock,
                sessions=len(sessions),
                is_password_expired=user.password_expires_at is not None and user.password_expires_at <= now,
                tokens=_tokens(session, user_id, now),
                token_count=user_profiles.count_tokens(session, user_id),
                events=[as_event(row) for row in events],
                former_usernames=former,
                accounts=[as_user(row) for row in service_accounts.of_person(session, user_id, MOST_ACCOUNTS)],
                factor_added_at=factor.added_at if factor is not None else None,
                links=links_of(session, user_id),
                is_unanswered=user_id in service_accounts.unanswered_among(session, [user_id], old),
            )


def _tokens(session: Session, user_id: int, now: datetime) -> list[ListedToken]:
    working, any_state = TokenFilter(user_id=user_id, status=TokenStatus.ACTIVE), TokenFilter(user_id=user_id)
    found = [
        each
        for criteria in (working, any_state)
        for read in (list_refresh_tokens, list_access_tokens)
        for each in read(session, criteria, now, None, MOST_TOKENS)
    ]
    return list({each.token.public_id: each for each in found}.values())[:MOST_TOKENS]
