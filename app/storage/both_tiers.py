"""Tokens of both tiers as one kind of row: found by public id, and locked in one order.

Not here: what only one tier has (``refresh_tokens``, ``access_tokens``), and lists (``listing``).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Integer, Select, literal, null, select
from sqlalchemy.orm import Session

from app.domain.tokens import TokenKind
from app.storage.liveness import TokenTable
from app.storage.tables import AccessTokenRow, RefreshTokenRow


class StoredToken(NamedTuple):
    """What both tiers have. `parent`: the refresh token of an access token, by row."""

    kind: str
    id: int
    public_id: str
    user_id: int
    status: str
    expires_at: datetime | None
    parent: int | None


def find(session: Session, public_id: str) -> StoredToken | None:
    """By public id, of either tier."""
    for table in (RefreshTokenRow, AccessTokenRow):
        row = session.execute(_columns(table).where(table.public_id == public_id)).one_or_none()
        if row is not None:
            return StoredToken._make(row)
    return None


def lock(session: Session, found: Iterable[StoredToken]) -> list[StoredToken]:
    """Lock these tokens, refresh tokens first and each tier in order of id, and read them again."""
    ids = {kind: [each.id for each in found if each.kind == kind] for kind in TokenKind}
    tables: tuple[tuple[TokenKind, TokenTable], ...] = (
        (TokenKind.REFRESH, RefreshTokenRow),
        (TokenKind.ACCESS, AccessTokenRow),
    )
    locked: list[StoredToken] = []
    for kind, table in tables:
        query = _columns(table).where(table.id.in_(ids[kind])).order_by(table.id)
        locked += map(StoredToken._make, session.execute(query.with_for_update(key_share=True, of=table)))
    return locked


def _columns(table: TokenTable) -> Select[Any]:
    """Those of :class:`StoredToken`; no ORM object, which would not be read again under the lock."""
    kind, parent = TokenKind.REFRESH, cast(Any, null().cast(Integer))
    if table is AccessTokenRow:
        kind, parent = TokenKind.ACCESS, AccessTokenRow.refresh_token_id
    columns: tuple[Any, ...] = (
        literal(kind.value), table.id, table.public_id, table.user_id, table.status, table.expires_at, parent,
    )  # fmt: skip
    return select(*columns).select_from(table)
