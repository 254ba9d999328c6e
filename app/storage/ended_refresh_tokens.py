"""Marking refresh tokens that have expired, and deleting those that ended long ago. Both skip rows that others hold."""

from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage.liveness import ended_before, is_due
from app.storage.many_rows import change_some
from app.storage.secret_tables import RetiredSecretRow, SecretUseRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow


def expire_due(session: Session, now: datetime, most: int) -> int:
    """Mark at most `most` expired tokens as such; how many."""
    row, values = RefreshTokenRow, {"status": TokenStatus.EXPIRED}
    return change_some(session, row.id, is_due(row, now), row.expires_at, values, most)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that ended by `cutoff` and have no access tokens left; how many."""
    kept = exists().where(AccessTokenRow.refresh_token_id == RefreshTokenRow.id)
    old = select(RefreshTokenRow.id).where(ended_before(RefreshTokenRow, cutoff), ~kept).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    for kept_of in (RetiredSecretRow, SecretUseRow):
        session.execute(delete(kept_of).where(kept_of.refresh_token_id.in_(ids)))
    session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.id.in_(ids)))
    return len(ids)
