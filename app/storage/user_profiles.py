"""How many tokens a user has, whatever has become of them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.storage.tables import AccessTokenRow, RefreshTokenRow


def count_tokens(session: Session, user_id: int) -> int:
    """Of both tiers, in one statement."""
    numbers = (
        select(func.count()).select_from(table).where(table.user_id == user_id).scalar_subquery()
        for table in (RefreshTokenRow, AccessTokenRow)
    )
    return sum(session.execute(select(*numbers)).one())
