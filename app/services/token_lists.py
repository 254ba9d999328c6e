"""Lists of tokens for the pages: searched, filtered, sorted, counted by group, in pages to both sides.

Not here: the lists of the native API and the command line (``listing``), and who may see which tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from app.domain.clock import Clock, parse_instant, utc_text
from app.domain.token_filter import TokenFilter
from app.domain.token_view import PAGE_SIZES, Group, Sort, TokenView
from app.domain.tokens import AccessToken, RefreshToken, TokenKind
from app.services.cursors import Cursors
from app.services.keyset import LARGEST_PAGE
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.storage import overview, token_counts, token_views
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.token_views import Direction, Place

T = TypeVar("T")

U = TypeVar("U")

SORTED_AS_TEXT = (Sort.NAME, Sort.OWNER)

OF_EVERYBODY = tuple(Group)
OF_OWNERS = tuple(each for each in Group if each is not Group.SUPERSEDED)
"""Nothing replaces refresh tokens and single-tier tokens."""


@dataclass(frozen=True)
class TokenPage(Generic[T]):
    """A page of a list.

    `counts`: of all tokens that match the criteria, by group; `total`: of the view's group. `first`: the number of the
    first item, from 1; 0 where there are no items. `previous`, `next`: cursors; None where there is no such page.
    """

    items: list[T]
    counts: dict[Group, int]
    total: int
    first: int
    previous: str | None
    next: str | None

    @property
    def last(self) -> int:
        """The number of the last item."""
        return self.first + len(self.items) - 1 if self.items else 0

    def of(self, items: list[U]) -> "TokenPage[U]":
        """The same page of other items."""
        return TokenPage(items, self.counts, self.total, self.first, self.previous, self.next)


@dataclass(frozen=True)
class OwnRefreshToken:
    """A refresh token and its newest access token, if any."""

    token: RefreshToken
    access_token: AccessToken | None


class TokenLists:
    """Reads pages of lists. `cursor`: of a page of the same view; refuses others with BadRequest.

    `size`: of a page. Each page takes a fixed number of statements.
    """

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._cursors = Cursors(key)

    def of_everybody(
        self, view: TokenView, cursor: str | None = None, size: int = PAGE_SIZES[0]
    ) -> TokenPage[ListedToken]:
        """Tokens of both tiers, of all users unless the criteria say otherwise."""
        with self._database.reading() as session:
            return self._page(session, view, OF_EVERYBODY, cursor, size)

    def refresh_tokens_of(
        self, user_id: int, view: TokenView, cursor: str | None = None, size: int = PAGE_SIZES[0]
    ) -> TokenPage[OwnRefreshToken]:
        """Those of a user, each with its newest access token."""
        own = replace(view, criteria=replace(view.criteria, user_id=user_id, kind=TokenKind.REFRESH))
        with self._database.reading() as session:
            page = self._page(session, own, OF_OWNERS, cursor, size)
            tokens = [each.token for each in page.items if isinstance(each.token, RefreshToken)]
            under = overview.latest_under(session, [token.id for token in tokens])
            now = self._clock()
            latest = {parent: as_access_token(row, now) for parent, row in under.items()}
        return page.of([OwnRefreshToken(token, latest.get(token.id)) for token in tokens])

    def api_tokens_of(
        self, user_id: int, view: TokenView, cursor: str | None = None, size: int = PAGE_SIZES[0]
    ) -> TokenPage[AccessToken]:
        """The single-tier tokens of a user, without deleted ones."""
        criteria = replace(view.criteria, user_id=user_id, kind=TokenKind.ACCESS, is_own_single_tier=True)
        with self._database.reading() as session:
            page = self._page(session, replace(view, criteria=criteria), OF_OWNERS, cursor, size)
        return page.of([each.token for each in page.items if isinstance(each.token, AccessToken)])

    def active_of(self, user_id: int, most: int) -> list[RefreshToken | AccessToken]:
        """At most `most` of a user's tokens that work, refresh tokens first."""
        view = TokenView(group=Group.ACTIVE)
        found: list[RefreshToken | AccessToken] = []
        found += [each.token for each in self.refresh_tokens_of(user_id, view, size=most).items]
        found += self.api_tokens_of(user_id, view, size=most).items
        return found[:most]

    def every(self, view: TokenView) -> Iterator[ListedToken]:
        """All tokens of a view, read in batches."""
        towards = Direction()
        while True:
            with self._database.reading() as session:
                now = self._clock()
                places = token_views.page(session, view, now, towards, LARGEST_PAGE)
                items = _tokens_at(session, places, now)
            yield from items
            if len(places) < LARGEST_PAGE:
                return
            towards = Direction(places[-1])

    def _page(
        self, session: Session, view: TokenView, groups: tuple[Group, ...], cursor: str | None, size: int
    ) -> TokenPage[ListedToken]:
        now, (towards, number) = self._clock(), self._read(view, cursor)
        found = token_views.find(session, view, now)
        places = token_views.page(session, view, now, towards, size + 1, found)
        if towards.place is not None and len(places) < (size if towards.is_back else 1):
            # The first page is whole, and after the last token that is left comes no empty page.
            towards, number = Direction(is_back=not towards.is_back), 1
            places = token_views.page(session, view, now, towards, size + 1, found)
        counts = token_counts.counts(session, view, now, found)
        is_more, shown = len(places) > size, places[:size]
        if towards.is_back:
            shown.reverse()
        first, last = _numbers(towards, number, len(shown), counts[view.group], is_more=is_more)
        goes_back, goes_on = (is_more, last < counts[view.group]) if towards.is_back else (first > 1, is_more)
        return TokenPage(
            _tokens_at(session, shown, now),
            {group: counts[group] for group in groups},
            counts[view.group],
            first,
            self._cursor(view, Direction(shown[0], is_back=True), first - 1) if goes_back and shown else None,
            self._cursor(view, Direction(shown[-1]), last + 1) if goes_on and shown else None,
        )

    def _cursor(self, view: TokenView, towards: Direction, number: int) -> str | None:
        """`number`: of the token that the page begins with, or ends with where it is read back."""
        assert towards.place is not None
        key, kind, row_id = towards.place
        text = utc_text(key, "microseconds") if isinstance(key, datetime) else key
        start = f"{'p' if towards.is_back else 'n'}{kind.letter}{row_id:x}"
        return self._cursors.write(view.canonical(), f"{start}-{max(number, 0):x}-{text.encode().hex()}")

    def _read(self, view: TokenView, cursor: str | None) -> tuple[Direction, int]:
        """The direction and the number of a cursor."""
        position = self._cursors.read(view.canonical(), cursor)
        if position is None:
            return Direction(), 1
        row_id, number, key = position[2:].split("-")
        kind = next(each for each in TokenKind if each.letter == position[1])
        text = bytes.fromhex(key).decode()
        place = Place(text if view.sort in SORTED_AS_TEXT else parse_instant(text), kind, int(row_id, 16))
        return Direction(place, is_back=position[0] == "p"), int(number, 16)


def _numbers(towards: Direction, number: int, shown: int, total: int, *, is_more: bool) -> tuple[int, int]:
    """Of the first and the last token of a page; 0 where there is none.

    `number`: from the cursor, which does not know of tokens that came or went since: at the ends of a list it yields.
    """
    if not shown:
        return 0, 0
    if towards.is_back:
        last = total if towards.place is None else number
        first = last - shown + 1 if is_more else 1
    else:
        first = number if is_more or towards.place is None else total - shown + 1
    return max(first, 1), max(first, 1) + shown - 1


def _tokens_at(session: Session, places: list[Place], now: datetime) -> list[ListedToken]:
    """The tokens at these places, in the same order."""
    ids = {kind: [place.row_id for place in places if place.kind is kind] for kind in TokenKind}
    found = {
        (each.kind, each.token.id): each
        for read, kind in ((list_refresh_tokens, TokenKind.REFRESH), (list_access_tokens, TokenKind.ACCESS))
        for each in read(session, TokenFilter(ids=ids[kind]), now, None, len(places))
    }
    return [found[kind, row_id] for _, kind, row_id in places if (kind, row_id) in found]
