"""Lists of users, in keyset pages."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.identity import Role
from app.storage.tables import UserRow


def users(
    session: Session, part: str | None, role: Role | None, is_active: bool | None, after: int | None, limit: int
) -> list[UserRow]:
    """At most `limit` users, newest first, after the one with the id `after`; `part` of the user name."""
    query = select(UserRow)
    if part is not None:
        query = query.where(UserRow.username.contains(part.lower(), autoescape=True))
    if role is not None:
        query = query.where(UserRow.role == role)
    if is_active is not None:
        query = query.where(UserRow.is_active == is_active)
    if after is not None:
        query = query.where(UserRow.id < after)
    return list(session.scalars(query.order_by(UserRow.id.desc()).limit(limit)))
