"""Listing: tokens and audit events, page by page.

Here belongs reading for people and programs. Not here: the check (``verifying``).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.domain.clock import Clock
from app.domain.errors import BadRequest, NotFound
from app.domain.tokens import AccessToken, RefreshToken, TokenKind
from app.storage import access_tokens, listing, refresh_tokens
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.listing import TokenFilter
from app.storage.refresh_tokens import as_refresh_token
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow

T = TypeVar("T")

LARGEST_PAGE = 500
CURSOR = re.compile(r"[0-9a-f]{1,15}")

__all__ = ["LARGEST_PAGE", "ListedToken", "Listing", "Page", "TokenFilter"]


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of the items; `cursor` asks for those after them, None when there are none."""

    items: list[T]
    cursor: str | None


@dataclass(frozen=True)
class ListedToken:
    """A token with what a list shows beside it."""

    kind: TokenKind
    token: RefreshToken | AccessToken
    name: str
    owner: str


class Listing:
    """Reads lists. `limit` is 1 to 500; a `cursor` is one that a page gave, refused with BadRequest otherwise."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def tokens(
        self, kind: TokenKind, wanted: TokenFilter, cursor: str | None = None, limit: int = 100
    ) -> Page[ListedToken]:
        """Tokens of one tier that match, newest first, with their state at this moment."""
        after = _row_of(cursor)
        now = self._clock()
        with self._database.reading() as session:
            if kind is TokenKind.REFRESH:
                parents = listing.refresh_tokens(session, wanted, now, after, limit + 1)
                items = [ListedToken(kind, as_refresh_token(row, now), row.name, owner) for row, owner in parents]
            else:
                rows = listing.access_tokens(session, wanted, now, after, limit + 1)
                items = [ListedToken(kind, as_access_token(row, now), name, owner) for row, owner, name in rows]
        return _page(items, limit, lambda item: item.token.id)

    def every_token(self, kind: TokenKind, wanted: TokenFilter) -> Iterator[ListedToken]:
        """All that match, newest first, read page by page."""
        cursor = None
        while True:
            page = self.tokens(kind, wanted, cursor, LARGEST_PAGE)
            yield from page.items
            if page.cursor is None:
                return
            cursor = page.cursor

    def find(self, public_id: str) -> ListedToken:
        """The token with this public id, of either tier; refuses with NotFound."""
        now = self._clock()
        with self._database.reading() as session:
            row: RefreshTokenRow | AccessTokenRow | None = refresh_tokens.find(session, public_id)
            row = row or access_tokens.find(session, public_id)
            if row is None:
                raise NotFound("token")
            # One by id: the list's own query, so that name and owner come from one place.
            kind = TokenKind.REFRESH if isinstance(row, RefreshTokenRow) else TokenKind.ACCESS
            wanted = TokenFilter(user_id=row.user_id)
            if isinstance(row, RefreshTokenRow):
                parent, owner = listing.refresh_tokens(session, wanted, now, row.id + 1, 1)[0]
                return ListedToken(kind, as_refresh_token(parent, now), parent.name, owner)
            child, owner, name = listing.access_tokens(session, wanted, now, row.id + 1, 1)[0]
            return ListedToken(kind, as_access_token(child, now), name, owner)

    def audit_events(
        self,
        actor: str | None = None,
        action: str | None = None,
        object_id: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[AuditEventRow]:
        """Audit events that match, newest first."""
        with self._database.reading() as session:
            rows = listing.audit_events(session, actor, action, object_id, _row_of(cursor), limit + 1)
        return _page(rows, limit, lambda row: row.id)

    def keys_in_use(self) -> dict[str, int]:
        """How many living tokens are signed with each key."""
        now = self._clock()
        counts: dict[str, int] = {}
        with self._database.reading() as session:
            for table in (RefreshTokenRow, AccessTokenRow):
                for key_id, number in listing.count_by_key(session, table, now).items():
                    counts[key_id] = counts.get(key_id, 0) + number
        return counts


def _page(items: list[T], limit: int, row_id: Callable[[T], int]) -> Page[T]:
    """`items` holds one more than asked for when there is another page."""
    shown = items[:limit]
    return Page(shown, f"{row_id(shown[-1]):x}" if len(items) > limit else None)


def _row_of(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not CURSOR.fullmatch(cursor):
        raise BadRequest("The cursor is not one that a page gave.", {"cursor": ["Not a cursor."]})
    return int(cursor, 16)
