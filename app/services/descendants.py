"""What was made with a token, with that, and so on: showing it, and revoking it with the token.

Not here: the token itself (``revoking``, ``single_tier``), and the queries (``app.storage.made_with``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy.orm import Session

from app.domain.identity import Caller
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services.listing import ListedToken, list_access_tokens, list_refresh_tokens
from app.storage import access_tokens, listing, refresh_tokens, users
from app.storage.audit import record
from app.storage.made_with import CHUNK, Made, made_from
from app.storage.refresh_tokens import Revocation

T = TypeVar("T")

MOST_COUNTED = 1000
SHOWN = 20


@dataclass(frozen=True)
class Descendants:
    """Those that can still be revoked. `is_more`: more than MOST_COUNTED were made, of which these are the first.

    `items`: the newest, refresh tokens first.
    """

    number: int
    items: list[ListedToken]
    is_more: bool = False

    @property
    def is_any(self) -> bool:
        """Whether to offer to revoke them: where there are more, all that can be revoked may be behind others."""
        return self.number > 0 or self.is_more


def count_descendants(session: Session, root: Made, now: datetime) -> Descendants:
    """What revoking the descendants of a token would revoke."""
    found = list(islice(made_from(session, [root], MOST_COUNTED + 1), MOST_COUNTED + 1))
    if not found:
        return Descendants(0, [])
    refresh, access = _ids(found, TokenKind.REFRESH), _ids(found, TokenKind.ACCESS)
    active_refresh = [
        each
        for ids in _chunks(refresh)
        for each in listing.refresh_token_ids(session, TokenFilter(ids=ids, revocable=True), now, 0, CHUNK)
    ]
    active_access = [
        each
        for ids in _chunks(access)
        for each, _ in listing.access_token_ids(session, TokenFilter(ids=ids, revocable=True), now, 0, CHUNK)
    ]
    items = [
        *list_refresh_tokens(session, TokenFilter(ids=active_refresh[-SHOWN:]), now, None, SHOWN),
        *list_access_tokens(session, TokenFilter(ids=active_access[-SHOWN:]), now, None, SHOWN),
    ]
    return Descendants(len(active_refresh) + len(active_access), items[:SHOWN], len(found) > MOST_COUNTED)


def hold_descendants(session: Session, root: Made) -> list[Made]:
    """The descendants of a token that matter (``made_from``); no other is made until the end of the transaction.

    The caller has locked the row of the root's owner; those of others, whose tokens are among them after a move, are
    locked here. Who makes one locks the owner's row first, and finds its own token revoked. Refresh tokens are locked
    in order of id, the root and those of access tokens included, against deadlocks.
    """
    locked, found = {root.user_id}, list(made_from(session, [root]))
    while others := {each.user_id for each in found} - locked:
        users.lock_several(session, others)
        locked |= others
        found = list(made_from(session, [root]))
    parents = {each.parent for each in found if each.parent is not None}
    for ids in _chunks(sorted({*parents, *_ids([root, *found], TokenKind.REFRESH)})):
        refresh_tokens.lock(session, ids)
    return found


def revoke_descendants(
    session: Session, found: Sequence[Made], root: Made, revocation: Revocation, caller: Caller
) -> tuple[int, int]:
    """Revoke held descendants, with an audit row for each; how many refresh and access tokens were revoked."""
    names = {each.id: each.public_id for each in found if each.kind == TokenKind.REFRESH}
    detail = {"reason": revocation.reason, "made_with": root.public_id}
    refresh = access = 0
    for ids in _chunks(sorted(names)):
        revoked = refresh_tokens.revoke_each(session, ids, revocation)
        access += len(access_tokens.revoke_under(session, revoked, revocation))
        refresh += len(revoked)
        for row_id in sorted(revoked):
            subject = ("refresh_token", names[row_id])
            record(session, revocation.at, caller, "refresh_token.revoked", subject, **detail)
    for ids in _chunks(_ids(found, TokenKind.ACCESS)):
        ended = access_tokens.revoke_each(session, ids, revocation)
        access += len(ended)
        for public_id in ended:
            record(session, revocation.at, caller, "access_token.revoked", ("access_token", public_id), **detail)
    return refresh, access


def _ids(tokens: Sequence[Made], kind: TokenKind) -> list[int]:
    return sorted(each.id for each in tokens if each.kind == kind)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
