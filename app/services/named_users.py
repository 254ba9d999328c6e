"""The users that a request names, by id or by user name."""

from sqlalchemy.orm import Session

from app.domain.errors import Conflict, NotFound
from app.domain.identity import canonical_username
from app.storage import users
from app.storage.tables import UserRow

DELETED = "This user was deleted: that can't be undone. Create another user."


def existing_user(session: Session, user: int | str) -> UserRow:
    """Refuses with NotFound."""
    row = users.get(session, user) if isinstance(user, int) else users.find(session, canonical_username(user) or "")
    if row is None:
        raise NotFound("user")
    return row


def held_user(session: Session, user: int | str) -> UserRow:
    """The same, as it is now; the row stays locked."""
    row = users.hold(session, user if isinstance(user, int) else canonical_username(user) or "")
    if row is None:
        raise NotFound("user")
    return row


def changeable_user(session: Session, user: int | str) -> UserRow:
    """The same, and refuses with Conflict a deleted one."""
    row = held_user(session, user)
    if row.deleted_at is not None:
        raise Conflict(DELETED)
    return row
