"""Lists of users, page by page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.identity import Kind, Role, User
from app.domain.user_search import UserCounts, UserSearch
from app.services.cursors import Cursors
from app.services.keyset import LARGEST_PAGE, Page, page_at, page_of, place_of, row_of
from app.services.overview import Holding
from app.storage import identities, leavers, overview, service_accounts, user_list
from app.storage.database import Database
from app.storage.users import as_user

USERS = "users"


@dataclass(frozen=True)
class FoundUsers:
    """A page of users with their active tokens. `first`: the number of the first one on it, from 1.

    `unanswered`: the ids of those on it that are enabled service accounts without an active responsible person.
    """

    page: Page[Holding]
    counts: UserCounts
    first: int
    unanswered: frozenset[int] = frozenset()
    providers: Mapping[int, list[str]] = field(default_factory=dict)
    """By user id, the names of those who sign them in."""


class UserList:
    """Reads lists of users. `limit`: 1 to 500. `cursor`: of the previous page; refuses others with BadRequest."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._cursors = Cursors(key)

    def users(
        self,
        part: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
        *,
        kind: Kind | None = None,
        is_deleted: bool = False,
    ) -> Page[User]:
        """Users that match, newest first. `part`: of the user name, case-insensitive. `is_deleted`: no others."""
        after = row_of(self._cursors.read(USERS, cursor))
        with self._database.reading() as session:
            rows = user_list.users(session, part, role, is_active, after, limit + 1, kind, is_deleted=is_deleted)
            page = page_of([as_user(row) for row in rows], limit, lambda user: user.id)
        return Page(page.items, self._cursors.write(USERS, page.cursor))

    def found(self, search: UserSearch, cursor: str | None = None, limit: int = 25) -> FoundUsers:
        """Users that match, in the order of the search, with their counts. `cursor`: of the page beside."""
        name = f"{USERS} by {search.order} {search.is_descending}"
        place = place_of(self._cursors.read(name, cursor))
        now = self._clock()
        with self._database.reading() as session:
            old = leavers.too_old(session, now)
            rows = user_list.found(session, search, old, place.row_id, limit + 1, is_backwards=place.is_backwards)
            page = page_at(place, [as_user(row) for row in rows], limit, lambda user: user.id)
            counts = user_list.counts(session, search, old)
            before = user_list.count_before(session, search, old, page.items[0].id) if page.items and page.newer else 0
            ids = [user.id for user in page.items]
            held = overview.count_active_of_users(session, ids, now)
            unanswered = service_accounts.unanswered_among(session, ids, old)
            providers = _providers_of(session, ids)
        holdings = [Holding(user, *held[user.id]) for user in page.items]
        sealed = (self._cursors.write(name, each) for each in (page.cursor, page.newer))
        return FoundUsers(Page(holdings, *sealed), counts, before + 1, frozenset(unanswered), providers)

    def every(self, search: UserSearch) -> Iterator[Holding]:
        """All that match, in the same order, read in pages."""
        after: int | None = None
        while True:
            with self._database.reading() as session:
                now = self._clock()
                old = leavers.too_old(session, now)
                rows = [as_user(row) for row in user_list.found(session, search, old, after, LARGEST_PAGE)]
                held = overview.count_active_of_users(session, [user.id for user in rows], now)
            yield from (Holding(user, *held[user.id]) for user in rows)
            if len(rows) < LARGEST_PAGE:
                return
            after = rows[-1].id


def _providers_of(session: Session, user_ids: Sequence[int]) -> dict[int, list[str]]:
    """Of those who have one; one that nobody has used yet is called by its issuer."""
    linked = identities.of_users(session, user_ids)
    return {user_id: sorted({each.provider or each.issuer for each in found}) for user_id, found in linked.items()}
