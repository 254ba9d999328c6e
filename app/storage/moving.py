"""Giving locked tokens to another owner. Not here: who may (``app.services.moving``), and locking (``both_tiers``)."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenKind
from app.storage.both_tiers import StoredToken
from app.storage.database import insert_unless_present
from app.storage.many_rows import rows_of
from app.storage.tables import AccessTokenRow, EarlierOwnerRow, RefreshTokenRow

CHUNK = 5000
"""Access tokens of one statement: a refresh token can have any number, and no statement takes long."""


def give(session: Session, token: StoredToken, user_id: int) -> int:
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
