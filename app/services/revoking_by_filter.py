"""Revoking by filter, in two steps: see exactly what would be revoked, then revoke exactly that.

The preview returns a confirmation for the filter and the tokens it matches; a revocation is refused where either
differs. Access tokens of a matching refresh token are revoked with it but not confirmed: mints do not interfere.
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
from app.domain.ladder import Act
from app.domain.seals import Seal
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.services.permitting import refuse_unless_allowed
from app.services.revoking import Revoked, normal_reason
from app.storage import access_tokens, listing, refresh_tokens
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation

T = TypeVar("T")

CHUNK = 1000
"""Rows of one statement, for the limits on its parameters and its time."""

MOST = 100_000
"""Tokens of one revocation: all of their ids are held in memory, and confirmed."""

SHOWN = 100

EMPTY = "The filter is empty: it would revoke every token of the instance. Set at least one criterion."
TOO_MANY = (
    f"More than {MOST:,} tokens match. Narrow the filter, such as by owner or time of creation, and revoke in "
    "parts; or revoke all tokens of one user."
)
CHANGED = "The tokens that match are not those of the preview. Request a new preview."


@dataclass(frozen=True)
class Preview:
    """What would be revoked: matching tokens of each tier, and access tokens of matching refresh tokens.

    `items`: the first matches, refresh tokens first, each tier newest first.
    """

    refresh_tokens: int
    access_tokens: int
    access_tokens_with_them: int
    items: list[ListedToken]
    confirmation: str


@dataclass(frozen=True)
class _Matching:
    """Ids, oldest first. `access`: with that of the refresh token, which does not match itself."""

    refresh: list[int]
    access: list[tuple[int, int | None]]

    @property
    def access_ids(self) -> list[int]:
        return [row_id for row_id, _ in self.access]

    @property
    def parents(self) -> list[int]:
        """The refresh tokens to lock, in order of id."""
        return sorted({*self.refresh, *(parent for _, parent in self.access if parent is not None)})


class RevokingByFilter:
    """Previews and revokes. `key`: a secret of the instance that keys the confirmations."""

    def __init__(self, database: Database, clock: Clock, key: bytes, chunk: int = CHUNK, most: int = MOST) -> None:
        self._database = database
        self._clock = clock
        self._seal = Seal(key, "revocation by filter")
        self._chunk = chunk
        self._most = most

    def preview(self, criteria: TokenFilter) -> Preview:
        """What would be revoked. Refuses with BadRequest an empty filter, and one that matches too many."""
        _refuse_empty(criteria)
        with self._database.reading() as session:
            now = self._clock()
            found = self._find(session, criteria, now)
            below = sum(access_tokens.count_active_under(session, ids, now) for ids in self._chunks(found.refresh))
            items = _first(session, found, now)
        return Preview(len(found.refresh), len(found.access), below, items, self._confirmation(criteria, found))

    def revoke(self, criteria: TokenFilter, confirmation: str, reason: str, caller: Caller) -> Revoked:
        """Revoke the tokens of a preview in one transaction; how many of each tier.

        Refuses with BadRequest (an empty filter; too many tokens; the reason), NotPermitted, and Conflict (the tokens
        differ from the preview).
        """
        reason = normal_reason(reason)
        _refuse_empty(criteria)
        with self._database.transaction() as session:
            refuse_unless_allowed(session, Act.REVOKE_OF_OTHERS, caller)
            confirmed = self._find_confirmed(session, criteria, confirmation)
            for ids in self._chunks(confirmed.parents):
                refresh_tokens.lock(session, ids)
            found = self._find_confirmed(session, criteria, confirmation)  # again, under the locks
            now = self._clock()
            revoked = self._revoke(session, found, Revocation(now, caller.name, reason))
            subject = ("filter", confirmation[:16])
            detail: dict[str, str | int] = {"reason": reason, "filter": criteria.canonical()}
            detail |= {"refresh_tokens": revoked.refresh_tokens, "access_tokens": revoked.access_tokens}
            record(session, now, caller, "tokens.revoked", subject, **detail)
        return revoked

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

    def _revoke(self, session: Session, found: _Matching, revocation: Revocation) -> Revoked:
        parents = children = 0
        for ids in self._chunks(found.refresh):
            revoked = refresh_tokens.revoke_each(session, ids, revocation)
            parents += len(revoked)
            children += len(access_tokens.revoke_under(session, revoked, revocation))
        for ids in self._chunks(found.access_ids):
            children += len(access_tokens.revoke_each(session, ids, revocation))
        return Revoked(parents, children)

    def _every(self, read: Callable[[int, int], list[T]], id_of: Callable[[T], int]) -> Iterator[T]:
        """All rows, read in batches. `read`: of an id and a number, the rows after it."""
        beyond = number = 0
        while rows := read(beyond, self._chunk):
            number += len(rows)
            if number > self._most:
                raise BadRequest(TOO_MANY, {"filter": [TOO_MANY]})
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
