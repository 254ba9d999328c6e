"""Giving tokens to another owner: finding and locking them, and the rows that hold the owner.

Not here: who may (``app.services.moving``).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Integer, Select, literal, null, select, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenKind
from app.storage.database import insert_unless_present
from app.storage.liveness import TokenTable
from app.storage.many_rows import rows_of
from app.storage.tables import AccessTokenRow, EarlierOwnerRow, RefreshTokenRow

CHUNK = 5000
"""Access tokens of one statement: a refresh token can have any number, and no statement takes long."""


class Movable(NamedTuple):
    """A token as a move reads it. `parent`: the refresh token of an access token, by row."""

    kind: str
    id: int
    public_id: str
    user_id: int
    status: str
    expires_at: datetime | None
    parent: int | None


def find(session: Session, public_id: str) -> Movable | None:
    """By public id, of either tier."""
    for table in (RefreshTokenRow, AccessTokenRow):
        row = session.execute(_columns(table).where(table.public_id == public_id)).one_or_none()
        if row is not None:
            return Movable._make(row)
    return None


def lock(session: Session, found: Iterable[Movable]) -> list[Movable]:
    """Lock these tokens, refresh tokens first and each tier in order of id, and read them again."""
    ids = {kind: [each.id for each in found if each.kind == kind] for kind in TokenKind}
    tables: tuple[tuple[TokenKind, TokenTable], ...] = (
        (TokenKind.REFRESH, RefreshTokenRow),
        (TokenKind.ACCESS, AccessTokenRow),
    )
    locked: list[Movable] = []
    for kind, table in tables:
        query = _columns(table).where(table.id.in_(ids[kind])).order_by(table.id)
        locked += map(Movable._make, session.execute(query.with_for_update(key_share=True, of=table)))
    return locked


def give(session: Session, token: Movable, user_id: int) -> int:
    """Give a locked token to a user, a refresh token with all its access tokens; how many these are."""
    if token.kind == TokenKind.ACCESS:
        session.execute(update(AccessTokenRow).where(AccessTokenRow.id == token.id).values(user_id=user_id))
        return 0
    insert_unless_present(session, EarlierOwnerRow, refresh_token_id=token.id, user_id=token.user_id)
    session.execute(update(RefreshTokenRow).where(RefreshTokenRow.id == token.id).values(user_id=user_id))
    return _give_access_tokens(session, token.id, user_id)


def _give_access_tokens(session: Session, refresh_token_id: int, user_id: int) -> int:
    """None is added meanwhile: who mints needs the lock of the refresh token."""
    created_at, moved = AccessTokenRow.created_at, 0
    rest = [AccessTokenRow.refresh_token_id == refresh_token_id]
    while True:
        last = session.scalar(select(created_at).where(*rest).order_by(created_at).offset(CHUNK - 1).limit(1))
        some = rest if last is None else [*rest, created_at <= last]
        moved += rows_of(session, update(AccessTokenRow).where(*some).values(user_id=user_id))
        if last is None:
            return moved
        rest = [AccessTokenRow.refresh_token_id == refresh_token_id, created_at > last]


def _columns(table: TokenTable) -> Select[Any]:
    """Those of :class:`Movable`; no ORM object, which would not be read again under the lock."""
    kind, parent = TokenKind.REFRESH, cast(Any, null().cast(Integer))
    if table is AccessTokenRow:
        kind, parent = TokenKind.ACCESS, AccessTokenRow.refresh_token_id
    columns: tuple[Any, ...] = (
        literal(kind.value), table.id, table.public_id, table.user_id, table.status, table.expires_at, parent,
    )  # fmt: skip
    return select(*columns).select_from(table)
