"""Revoking by filter, in two steps: see exactly what would be revoked, then revoke exactly that.

The preview gives a confirmation that binds the filter and the tokens it matches; the revocation is refused when either
has changed by then. What is bound is what the filter matches itself: the access tokens under a matching refresh token
go with it, however often it is minted from meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, Conflict
from app.domain.identity import Caller
from app.domain.seals import Seal
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.services.revoking import Ended, refuse_bad_reason
from app.storage import access_tokens, listing, refresh_tokens
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation

T = TypeVar("T")

CHUNK = 1000
"""Rows of one statement: no database takes any number of parameters, or any time for one."""

SHOWN = 100

EMPTY = "A filter narrows to something; this one would revoke every token of the instance."
CHANGED = "What this filter matches is not what was confirmed; look at a new preview."


@dataclass(frozen=True)
class Preview:
    """What would be revoked: matching tokens of each tier, and access tokens that go with their refresh tokens.

    `items`: the first of those that match, refresh tokens first, and each tier newest first.
    """

    refresh_tokens: int
    access_tokens: int
    access_tokens_with_them: int
    items: list[ListedToken]
    confirmation: str


@dataclass(frozen=True)
class _Matching:
    """Ids, oldest first. `access`: with their refresh tokens'; without those whose refresh token matches as well."""

    refresh: list[int]
    access: list[tuple[int, int | None]]

    @property
    def access_ids(self) -> list[int]:
        return [row_id for row_id, _ in self.access]

    @property
    def parents(self) -> list[int]:
        """The refresh tokens whose locks a revocation needs, in the order in which everybody takes them."""
        return sorted({*self.refresh, *(parent for _, parent in self.access if parent is not None)})


class RevokingByFilter:
    """Previews and acts. `key`: a secret of the instance that keys the confirmations."""

    def __init__(self, database: Database, clock: Clock, key: bytes, chunk: int = CHUNK) -> None:
        self._database = database
        self._clock = clock
        self._seal = Seal(key, "revocation by filter")
        self._chunk = chunk

    def preview(self, criteria: TokenFilter) -> Preview:
        """What would be revoked. Refuses with BadRequest a filter that narrows nothing."""
        _refuse_empty(criteria)
        with self._database.reading() as session:
            now = self._clock()
            found = self._find(session, criteria, now)
            below = sum(access_tokens.count_alive_under(session, ids, now) for ids in self._chunks(found.refresh))
            items = _first(session, found, now)
        return Preview(len(found.refresh), len(found.access), below, items, self._confirmation(criteria, found))

    def revoke(self, criteria: TokenFilter, confirmation: str, reason: str, caller: Caller) -> Ended:
        """Revoke them, in one transaction; how many of each tier, those that went with their refresh tokens included.

        Refuses with BadRequest (nothing narrowed; the reason) and Conflict (not what was confirmed).
        """
        refuse_bad_reason(reason)
        _refuse_empty(criteria)
        with self._database.transaction() as session:
            confirmed = self._find_confirmed(session, criteria, confirmation)
            for ids in self._chunks(confirmed.parents):
                refresh_tokens.lock(session, ids)
            found = self._find_confirmed(session, criteria, confirmation)  # as it is under the locks
            now = self._clock()
            ended = self._end(session, found, Revocation(now, caller.name, reason))
            subject = ("filter", confirmation[:16])
            counts = {"refresh_tokens": ended.refresh_tokens, "access_tokens": ended.access_tokens}
            detail: dict[str, str | int] = {"reason": reason, "filter": criteria.canonical(), **counts}
            record(session, now, caller, "tokens.revoked", subject, **detail)
        return ended

    def _find(self, session: Session, criteria: TokenFilter, now: datetime) -> _Matching:
        revocable = replace(criteria, revocable=True)
        refresh: list[int] = []
        if criteria.kind != TokenKind.ACCESS:
            refresh = list(self._every(partial(listing.refresh_token_ids, session, revocable, now), lambda row: row))
        if criteria.kind == TokenKind.REFRESH:
            return _Matching(refresh, [])
        rows = self._every(partial(listing.access_token_ids, session, revocable, now), lambda row: row[0])
        matching = set(refresh)
        return _Matching(refresh, [row for row in rows if row[1] not in matching])

    def _find_confirmed(self, session: Session, criteria: TokenFilter, confirmation: str) -> _Matching:
        found = self._find(session, criteria, self._clock())
        if not self._seal.fits(confirmation, *_sealed(criteria, found)):
            raise Conflict(CHANGED)
        return found

    def _confirmation(self, criteria: TokenFilter, found: _Matching) -> str:
        return self._seal.of(*_sealed(criteria, found))

    def _end(self, session: Session, found: _Matching, revocation: Revocation) -> Ended:
        parents = children = 0
        for ids in self._chunks(found.refresh):
            ended = refresh_tokens.revoke_each(session, ids, revocation)
            parents += len(ended)
            children += len(access_tokens.revoke_under(session, ended, revocation))
        for ids in self._chunks(found.access_ids):
            children += len(access_tokens.revoke_each(session, ids, revocation))
        return Ended(parents, children)

    def _every(self, read: Callable[[int, int], list[T]], id_of: Callable[[T], int]) -> Iterator[T]:
        """All rows, read in portions. `read`: those beyond an id, at most so many."""
        beyond = 0
        while rows := read(beyond, self._chunk):
            yield from rows
            beyond = id_of(rows[-1])

    def _chunks(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        return (ids[start : start + self._chunk] for start in range(0, len(ids), self._chunk))


def _refuse_empty(criteria: TokenFilter) -> None:
    if criteria.is_empty:
        raise BadRequest(EMPTY, {"filter": [EMPTY]})


def _sealed(criteria: TokenFilter, found: _Matching) -> tuple[str, str, str]:
    return criteria.canonical(), ",".join(map(str, found.refresh)), ",".join(map(str, found.access_ids))


def _first(session: Session, found: _Matching, now: datetime) -> list[ListedToken]:
    refresh = found.refresh[-SHOWN:]
    access = found.access_ids[len(refresh) - SHOWN :] if len(refresh) < SHOWN else []
    return [
        *list_refresh_tokens(session, TokenFilter(ids=refresh), now, None, SHOWN),
        *list_access_tokens(session, TokenFilter(ids=access), now, None, SHOWN),
    ]
