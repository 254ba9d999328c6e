"""Ending, after a restore, the old secret of a rotated refresh token that was ended since the backup."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.storage import new_secrets, refresh_tokens


def end_old_secret_again(session: Session, public_id: str, now: datetime) -> bool:
    """Whether there was one that works."""
    row = refresh_tokens.find(session, public_id)
    if row is None or refresh_tokens.old_secret_until(row, now) is None:
        return False
    new_secrets.end_old_secret(session, row, now)
    return True
