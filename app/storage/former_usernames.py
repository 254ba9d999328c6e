"""User names that were given up: kept from reuse by others, readable while their user exists."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.storage.database import insert_unless_present
from app.storage.many_rows import is_one_of
from app.storage.user_table import FormerUsernameRow


def add(session: Session, digest: str, user_id: int, username: str | None, now: datetime) -> None:
    """The user gives the name up."""
    values = {"user_id": user_id, "username": username, "retired_at": now}
    insert_unless_present(session, FormerUsernameRow, digest=digest, **values)


def take_back(session: Session, digest: str, user_id: int) -> None:
    """The user's own former name is the present one again."""
    which = (FormerUsernameRow.digest == digest, FormerUsernameRow.user_id == user_id)
    session.execute(delete(FormerUsernameRow).where(*which))


def owner_of(session: Session, digest: str) -> int | None:
    """The id of the user who had this name; None where nobody had."""
    return session.scalar(select(FormerUsernameRow.user_id).where(FormerUsernameRow.digest == digest))


def forget(session: Session, user_id: int) -> None:
    """Keep the names of a user from reuse without keeping them readable."""
    which = FormerUsernameRow.user_id == user_id
    session.execute(update(FormerUsernameRow).where(which).values(username=None))


def of_user(session: Session, user_id: int) -> list[str]:
    """The readable ones of a user, latest first."""
    query = select(FormerUsernameRow.username).where(
        FormerUsernameRow.user_id == user_id, FormerUsernameRow.username.is_not(None)
    )
    return [name for name in session.scalars(query.order_by(FormerUsernameRow.retired_at.desc())) if name is not None]


def ids_of_users(session: Session, usernames: Collection[str]) -> dict[str, int]:
    """By former user name."""
    former = FormerUsernameRow.username
    query = select(former, FormerUsernameRow.user_id)
    found = session.execute(query.where(is_one_of(session, former, usernames)))
    return {username: user_id for username, user_id in found if username is not None}
