"""Revoking by filter, in two steps: see exactly what would be revoked, then revoke exactly that.

The preview returns a confirmation for the filter and the tokens it matches; a revocation is refused where either
differs. Access tokens of a matching refresh token are revoked with it but not confirmed: mints do not interfere. Of
many, the rows of those are marked after the act (``bulk_revocations``); each check reads the refresh token too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, Conflict
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.seals import Seal
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services.bulk_revocations import BulkRevocation, as_bulk_revocation
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.services.permitting import refuse_unless_allowed
from app.services.revoking import normal_reason
from app.storage import access_tokens, bulk_revocations, matching, refresh_tokens
from app.storage.audit import record
from app.storage.database import Database
from app.storage.matching import AccessMatches
from app.storage.operating_tables import BulkRevocationRow
from app.storage.refresh_tokens import Revocation

CHUNK = 1000
"""Rows of one statement, for the limits on its parameters and its time; and refresh tokens of a part."""

MOST = 100_000
"""Tokens of each tier in one revocation: all of their ids are held in memory, and confirmed."""

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
    """Ids, oldest first."""

    refresh: list[int]
    access: AccessMatches

    @property
    def parents(self) -> list[int]:
        """The refresh tokens to lock, in order of id."""
        return sorted({*self.refresh, *self.access.parents})


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
            below = matching.count_under(session, replace(criteria, revocable=True), now) if found.refresh else 0
            items = _first(session, found, now)
        confirmation = self._seal.of(*_sealed(criteria, found))
        return Preview(len(found.refresh), len(found.access.ids), below, items, confirmation)

    def revoke(self, criteria: TokenFilter, confirmation: str, reason: str, caller: Caller) -> BulkRevocation:
        """Revoke the tokens of a preview in one transaction, from whose end on all of them are refused.

        Of more than a chunk of refresh tokens, the access tokens are counted, and marked later. Refuses with BadRequest
        (an empty filter; too many tokens; the reason), NotPermitted, and Conflict (the tokens differ from the preview).
        """
        reason = normal_reason(reason)
        _refuse_empty(criteria)
        with self._database.transaction() as session:
            refuse_unless_allowed(session, Act.REVOKE_OF_OTHERS, caller)
            confirmed = self._find_confirmed(session, criteria, confirmation)
            if not self._database.is_sqlite:  # which has one writer
                for ids in self._chunks(confirmed.parents):
                    refresh_tokens.lock(session, ids)
                confirmed = self._find_confirmed(session, criteria, confirmation)  # again, under the locks
            now = self._clock()
            revoked = self._revoke(session, confirmed, Revocation(now, caller.name, reason))
            subject = ("filter", confirmation[:16])
            detail: dict[str, str | int] = {"reason": reason, "filter": criteria.canonical()}
            detail |= {"refresh_tokens": revoked.refresh_tokens, "access_tokens": revoked.access_tokens}
            record(session, now, caller, "tokens.revoked", subject, **detail)
            return as_bulk_revocation(revoked)

    def _find(self, session: Session, criteria: TokenFilter, now: datetime) -> _Matching:
        revocable = replace(criteria, revocable=True)
        refresh, access = [], AccessMatches([], set())
        if criteria.kind != TokenKind.ACCESS:
            refresh = matching.refresh_tokens(session, revocable, now, self._most)
        if criteria.kind != TokenKind.REFRESH:
            access = matching.access_tokens(session, revocable, now, self._most)
        if max(len(refresh), len(access.ids)) > self._most:
            raise BadRequest(TOO_MANY, {"filter": [TOO_MANY]})
        return _Matching(refresh, access)

    def _find_confirmed(self, session: Session, criteria: TokenFilter, confirmation: str) -> _Matching:
        found = self._find(session, criteria, self._clock())
        if not self._seal.fits(confirmation, *_sealed(criteria, found)):
            raise Conflict(CHANGED)
        return found

    def _revoke(self, session: Session, found: _Matching, revocation: Revocation) -> BulkRevocationRow:
        parents: list[int] = []
        for ids in self._chunks(found.refresh):
            parents += refresh_tokens.revoke_each(session, ids, revocation)
        access = 0
        for ids in self._chunks(found.access.ids):
            access += len(access_tokens.revoke_each(session, ids, revocation))
        if len(parents) <= self._chunk:
            access += len(access_tokens.revoke_under(session, parents, revocation))
            return bulk_revocations.add(session, revocation, len(parents), access)
        # No mint holds any of them now, and none will: the number is final.
        under = matching.count_under_revoked(session, revocation.at)
        parts = list(self._chunks(parents))
        return bulk_revocations.add(session, revocation, len(parents), access + under, unmarked=under, parts=parts)

    def _chunks(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        return (ids[start : start + self._chunk] for start in range(0, len(ids), self._chunk))


def _refuse_empty(criteria: TokenFilter) -> None:
    if criteria.is_empty:
        raise BadRequest(EMPTY, {"filter": [EMPTY]})


def _sealed(criteria: TokenFilter, found: _Matching) -> tuple[str, str, str]:
    return criteria.canonical(), ",".join(map(str, found.refresh)), ",".join(map(str, found.access.ids))


def _first(session: Session, found: _Matching, now: datetime) -> list[ListedToken]:
    refresh = found.refresh[-SHOWN:]
    access = found.access.ids[len(refresh) - SHOWN :] if len(refresh) < SHOWN else []
    return [
        *list_refresh_tokens(session, TokenFilter(ids=refresh), now, None, SHOWN),
        *list_access_tokens(session, TokenFilter(ids=access), now, None, SHOWN),
    ]
