"""Lists of tokens, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import NotFound
from app.domain.secrets import PUBLIC_ID
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, RefreshToken, TokenKind
from app.services.cursors import Cursors, not_a_cursor
from app.services.keyset import LARGEST_PAGE, Page, page_of, row_of
from app.storage import access_tokens, listing, refresh_tokens, scim_tokens
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.refresh_tokens import as_refresh_token
from app.storage.tables import AccessTokenRow, RefreshTokenRow


@dataclass(frozen=True)
class ListedToken:
    """A token with its name and its owner's user name."""

    kind: TokenKind
    token: RefreshToken | AccessToken
    name: str
    owner: str


class Listing:
    """Reads lists. `limit`: 1 to 500. `cursor`: of the previous page; refuses others with BadRequest."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._cursors = Cursors(key)

    def tokens(
        self, kind: TokenKind, criteria: TokenFilter, cursor: str | None = None, limit: int = 100
    ) -> Page[ListedToken]:
        """Tokens of one tier that match, newest first, in their current state."""
        name = f"{kind} tokens of {criteria.user_id}"
        page = self._tier(kind, criteria, self._cursors.read(name, cursor), limit)
        return Page(page.items, self._cursors.write(name, page.cursor))

    def _tier(self, kind: TokenKind, criteria: TokenFilter, position: str | None, limit: int) -> Page[ListedToken]:
        """The same with positions in place of cursors."""
        after = row_of(position)
        read = list_refresh_tokens if kind is TokenKind.REFRESH else list_access_tokens
        with self._database.reading() as session:
            items = read(session, criteria, self._clock(), after, limit + 1)
        return page_of(items, limit, lambda item: item.token.id)

    def both_tiers(self, criteria: TokenFilter, cursor: str | None = None, limit: int = 100) -> Page[ListedToken]:
        """Tokens that match: refresh tokens first, each tier newest first. The cursor begins with a tier's letter."""
        name = f"tokens of {criteria.user_id}"
        page = self._tiers(criteria, self._cursors.read(name, cursor), limit)
        return Page(page.items, self._cursors.write(name, page.cursor))

    def _tiers(self, criteria: TokenFilter, position: str | None, limit: int) -> Page[ListedToken]:
        kinds, rest = _tiers_from([each for each in TokenKind if criteria.kind in (None, each)], position)
        items: list[ListedToken] = []
        for kind in kinds:
            page = self._tier(kind, criteria, rest, limit - len(items))
            items += page.items
            rest = None
            if page.cursor is not None:
                return Page(items, f"{kind.letter}{page.cursor}")
            if len(items) == limit and kind is not kinds[-1]:  # the page ends with this tier
                more = self._tier(kinds[-1], criteria, None, 1).items
                return Page(items, kinds[-1].letter if more else None)
        return Page(items, None)

    def every_token(self, criteria: TokenFilter) -> Iterator[ListedToken]:
        """All that match, in the same order, read in pages."""
        page = self.both_tiers(criteria, None, LARGEST_PAGE)
        yield from page.items
        while page.cursor is not None:
            page = self.both_tiers(criteria, page.cursor, LARGEST_PAGE)
            yield from page.items

    def find(self, public_id: str) -> ListedToken:
        """The token with this public id, of either tier; refuses with NotFound."""
        now = self._clock()
        refuse_unless_handle(public_id)
        with self._database.reading() as session:
            # The query of the lists, for the name and the owner.
            if refresh := refresh_tokens.find(session, public_id):
                return listed_token(session, TokenKind.REFRESH, refresh.id, now)
            if access := access_tokens.find(session, public_id):
                return listed_token(session, TokenKind.ACCESS, access.id, now)
        raise NotFound("token")

    def keys_in_use(self) -> dict[str, int]:
        """How many active tokens are signed with each key, those of SCIM among them."""
        now = self._clock()
        counts: dict[str, int] = {}
        with self._database.reading() as session:
            for table in (RefreshTokenRow, AccessTokenRow):
                for key_id, number in listing.count_by_key(session, table, now).items():
                    counts[key_id] = counts.get(key_id, 0) + number
            for token in scim_tokens.active(session, now):
                counts[token.key_id] = counts.get(token.key_id, 0) + 1
        return counts


def list_refresh_tokens(
    session: Session, criteria: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[ListedToken]:
    """At most `limit`, newest first, after the row with the id `after`."""
    rows = listing.refresh_tokens(session, criteria, now, after, limit)
    return [ListedToken(TokenKind.REFRESH, as_refresh_token(row, now), row.name, owner) for row, owner in rows]


def list_access_tokens(
    session: Session, criteria: TokenFilter, now: datetime, after: int | None, limit: int
) -> list[ListedToken]:
    """The same for access tokens."""
    rows = listing.access_tokens(session, criteria, now, after, limit)
    return [ListedToken(TokenKind.ACCESS, as_access_token(row, now), name, owner) for row, owner, name in rows]


def listed_token(session: Session, kind: TokenKind, row_id: int, now: datetime) -> ListedToken:
    """One token that exists, by row."""
    read = list_refresh_tokens if kind is TokenKind.REFRESH else list_access_tokens
    return read(session, TokenFilter(ids=[row_id]), now, None, 1)[0]


def refuse_unless_handle(public_id: str) -> None:
    """Refuse with NotFound text that is no public id, some of which a database would reject."""
    if not PUBLIC_ID.fullmatch(public_id):
        raise NotFound("token")


def _tiers_from(kinds: list[TokenKind], position: str | None) -> tuple[list[TokenKind], str | None]:
    """The remaining tiers, and the position in the first of them."""
    if position is None:
        return kinds, None
    left = [each for each in kinds if each.letter == position[:1]]
    if not left:  # the cursor of a page with another filter
        raise not_a_cursor()
    return kinds[kinds.index(left[0]) :], position[1:] or None
