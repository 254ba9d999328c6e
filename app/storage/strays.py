"""Noting that the secret of a token was found where none belongs. Not here: the audit event."""

from datetime import datetime
from typing import cast

from sqlalchemy import Table, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenKind
from app.storage.tables import AccessTokenRow, RefreshTokenRow

_TABLES = {
    TokenKind.REFRESH: cast(Table, RefreshTokenRow.__table__),
    TokenKind.ACCESS: cast(Table, AccessTokenRow.__table__),
}


def note_secret_seen(session: Session, kind: TokenKind, public_id: str, now: datetime) -> None:
    """Note it with the token, for its owner."""
    table = _TABLES[kind]
    session.execute(update(table).where(table.c.public_id == public_id).values(secret_seen_at=now))
